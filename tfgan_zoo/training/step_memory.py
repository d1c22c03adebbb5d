"""How much memory a training step takes on a CPU: estimated from its graph, without running it."""

import collections
import dataclasses
import math
import re
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

# Operations whose result is their input, or a constant or variable that the step does not make.
ALIASES = {
    *("Bitcast", "Const", "ExpandDims", "Identity", "IdentityN", "Placeholder", "PreventGradient", "ReadVariableOp"),
    *("Reshape", "Snapshot", "Squeeze", "StopGradient", "VarHandleOp"),
}
# Operations that write their result over an input of the same size that nobody else needs.
IN_PLACE = {
    *("Abs", "Add", "AddN", "AddV2", "BiasAdd", "ClipByValue", "Exp", "LeakyRelu", "LeakyReluGrad", "Log", "Maximum"),
    *("Minimum", "Mul", "Neg", "OnesLike", "Pow", "RealDiv", "Relu", "ReluGrad", "Rsqrt", "Select", "SelectV2"),
    *("Sigmoid", "SigmoidGrad", "Sign", "Softplus", "SoftplusGrad", "Sqrt", "Square", "Sub", "Tanh", "TanhGrad"),
    "ZerosLike",
}
CALLS = {"If", "StatelessIf", "While", "StatelessWhile", "PartitionedCall", "StatefulPartitionedCall"}
# What a step takes beside its tensors, fitted to measurements of eleven steps (docs/training_tools.md): working space of convolutions,
# and what two threads compute ahead, as a share; the trace and its compiled form.
WORKING_SPACE, TRACE = 1.4, 180 * 2**20
READ_AHEAD = 4  # batches that `data.pipeline.batches` prefetches


@dataclasses.dataclass(frozen=True)
class StepMemory:
    """Bytes. state: weights, averages and optimisers; tensors: the most of activations and gradients at once; process: everything else,
    batches of real images among it."""

    state: int
    tensors: int
    process: int

    @property
    def total(self) -> int:
        """The most that the process will take."""
        return self.state + self.tensors + self.process

    def __str__(self) -> str:
        parts = [f"{size / 2**30:.1f}" for size in (self.total, self.state, self.tensors, self.process)]
        return (
            "Memory of a training step on one CPU, estimated: {} GiB; {} of it for weights, averages and optimisers, {} for activations and "
            "gradients, {} for the program and the batches that it reads."
        ).format(*parts)


def estimate(recipe: Recipe, build: Callable[[], Game], image_shape: Sequence[int]) -> StepMemory:
    """The `StepMemory` of one replica in the recipe's last stage, in a step in which all lazy terms act. Traces the step.

    build: makes the recipe's game. Raises: ZooError: as `Trainer`.
    """
    whole, recipe = recipe.schedule[-1].batch_size, with_two_parts(recipe)
    trainer, stage = Trainer(recipe, build, make_strategy("one")), recipe.schedule[-1]
    trainer.game.enter(stage)
    state = sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in trainer.variables().values())
    process = resident() - state
    size, game = stage.batch_size, trainer.game
    batch = {"images": tf.TensorSpec([size, *image_shape]), "labels": tf.TensorSpec([size], tf.int32)}
    if not game.sees_images:  # the data holds measurements, of another shape, with their parameters
        batch |= {x.name: tf.TensorSpec([size, *x.shape[1:]], x.dtype) for x in game.discriminator.inputs}
    if recipe.data.labels_per_class is not None:
        batch |= {"labelled_images": batch["images"], "labelled_labels": batch.pop("labels")}
    read = sum(map(size_of, batch.values())) * whole // size * (recipe.discriminator_steps + READ_AHEAD)

    @tf.function(autograph=False)
    def step(batches: list, number: tf.Tensor) -> tf.Tensor:
        _, logs, _ = trainer.lazy_updates(batches, number)
        return trainer.replica_step(batches, trainer.after(logs, number), tf.constant(0.5))

    traced = step.get_concrete_function([batch] * recipe.discriminator_steps, tf.TensorSpec([], trainer.step.dtype))
    return StepMemory(state, int(WORKING_SPACE * most_at_once(traced.graph)) + TRACE, process + read)


def with_two_parts(recipe: Recipe) -> Recipe:
    """A recipe that takes about as much memory as one whose batches are computed in more than two parts, and is traced much sooner: parts
    follow one another."""
    parts = recipe.accumulation
    if parts <= 2:
        return recipe
    of_two: dict[str, Any] = {"accumulation": 2, "batch_size": recipe.batch_size * 2 // parts}
    if recipe.generator_batch_size:
        of_two["generator_batch_size"] = recipe.generator_batch_size * 2 // parts
    of_two["stages"] = tuple(s.model_copy(update={"batch_size": s.batch_size * 2 // parts}) for s in recipe.stages)
    return recipe.model_copy(update=of_two)


def resident() -> int:
    """The most memory that this process has taken so far, in bytes."""
    status = Path("/proc/self/status")  # on Linux ru_maxrss may be the parent's
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+)", status.read_text())[1]) * 1024  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def size_of(tensor: tf.Tensor | tf.TensorSpec) -> int:
    """Bytes of a tensor or of what a spec describes; an open dimension counts as 1, and what has no fixed size as nothing."""
    if tensor.shape.rank is None or tensor.dtype in (tf.resource, tf.variant, tf.string):
        return 0
    return math.prod(size or 1 for size in tensor.shape.as_list()) * tensor.dtype.size


def most_at_once(graph: Any) -> int:
    """The most bytes of a graph's tensors that are needed at the same time.

    Operations run one by one, in the order in which their inputs become ready, as TensorFlow's executor starts them. A tensor is freed after
    the last operation that reads it. Of a condition's branches and a loop's body, whatever takes most counts.
    """
    operations = graph.get_operations()
    readers = collections.Counter(id(tensor) for op in operations for tensor in op.inputs)
    readers.update(id(tensor) for tensor in graph.outputs)  # they are never freed
    before = {op: {*(tensor.op for tensor in op.inputs), *op.control_inputs} for op in operations}
    after, missing = collections.defaultdict(list), {op: len(others) for op, others in before.items()}
    for op, others in before.items():
        for other in others:
            after[other].append(op)
    ready = collections.deque(op for op in operations if not missing[op])
    buffers: dict[int, int] = {}  # {id of a tensor: number of its buffer}
    sizes: list[int] = []  # by buffer
    uses: list[int] = []  # by buffer: how often it is still to be read
    now = most = 0
    while ready:
        op = ready.popleft()
        read = [buffers[id(tensor)] for tensor in op.inputs]
        for number in read:
            uses[number] -= 1
        for position, tensor in enumerate(op.outputs):
            size = size_of(tensor)
            buffer: int | None = None
            if op.type in ALIASES:
                size = 0
                buffer = read[min(position, len(read) - 1)] if read else None
            elif op.type in IN_PLACE and size:
                buffer = next((b for b in read if not uses[b] and sizes[b] == size), None)
            if buffer is None:
                buffer = len(sizes)
                sizes.append(size)
                uses.append(0)
                now += size
            buffers[id(tensor)] = buffer
            uses[buffer] += readers[id(tensor)]
        most = max(most, now + most_within(op))
        for number in {*read, *(buffers[id(tensor)] for tensor in op.outputs)}:
            if not uses[number]:
                now -= sizes[number]
                sizes[number] = 0
        for follower in after[op]:
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    return most


def most_within(op: Any) -> int:
    """`most_at_once` of the functions that an operation calls; 0 if it calls none."""
    if op.type not in CALLS:
        return 0
    names = [value.func.name for value in op.node_def.attr.values() if value.HasField("func")]
    functions = [op.graph._get_function(name) for name in names]  # there is no public way
    return max((most_at_once(f.graph) for f in functions if getattr(f, "graph", None) is not None), default=0)
