"""What a recipe (a TOML file in zoo_configs/) may contain: every number of a run, checked before anything starts."""

import contextlib
import copy
import json
import re
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeGuard

import pydantic
from pydantic import Field

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import (
    AugmentationFeedbackSettings,
    AveragingSettings,
    CheckpointSettings,
    Count,
    DataSettings,
    EvaluationSettings,
    GuardSettings,
    LogSettings,
    Number,
    OptimizerSettings,
    Schedule,
    SplitNames,
    Stage,
    Steps,
    Table,
    within,
)

IMAGES = re.compile(r"([\d_]+(?:\.\d+)?)\s*([kM]?)\s*images?")
# The keys of a recipe that count steps, and so may be given in images.
IN_STEPS = re.compile(r"(\w+_)?steps|from_step|start_step|decay_from|patience|over|after|points")

BGC = ("blit", "geometry", "color_matrix")  # the transformations of ADA's best pipeline


def in_steps(table: dict[str, Any]) -> dict[str, Any]:
    """A copy of a recipe's plain values in which lengths in images, such as steps="20M images", are steps.

    A step shows the discriminator batch_size * discriminator_steps real images; those of a stage are counted by its own
    batch_size. Counts of at least one image are at least one step.

    Raises:
        ValueError: the stages differ in batch_size, and a length outside of them is given in images.
    """
    updates = table.get("discriminator_steps", 1)
    stages = [s for s in table.get("stages") or [] if isinstance(s, dict)]
    sizes = {s.get("batch_size") for s in stages} or {table.get("batch_size", 64)}

    def converted(value: Any, sizes: set[Any], key: str, path: str) -> Any:
        if isinstance(value, dict):
            return {k: converted(v, sizes, k, f"{path}.{k}".strip(".")) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(converted(v, sizes, key, path) for v in value)
        match = isinstance(value, str) and IN_STEPS.fullmatch(key) and IMAGES.fullmatch(value.strip())
        if not match:
            return value
        if len(sizes) > 1:
            raise ValueError(
                f"{path}={value!r}: the stages differ in batch_size, so a number of images is not a fixed number of steps"
            )
        per_step = next(iter(sizes)) * updates
        images = float(match[1].replace("_", "")) * {"": 1, "k": 1e3, "M": 1e6}[match[2]]
        return max(round(images / per_step), 1 if images else 0)

    top = {k: v for k, v in table.items() if k != "stages"}
    result = converted(top, sizes, "", "")
    if "stages" in table:
        result["stages"] = [
            converted(s, {s.get("batch_size")}, "stages", f"stages.{i}") if isinstance(s, dict) else s
            for i, s in enumerate(table["stages"] or [])
        ]
    return result


def over_all_steps(table: dict[str, Any]) -> dict[str, Any]:
    """A copy of a recipe's plain values in which schedules from `start` to `end` that leave out `over` last for all steps."""

    def completed(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = {key: completed(part) for key, part in value.items()}
        if {"start", "end"} <= value.keys() and not {"over", "points"} & value.keys():
            value["over"] = length
        return value

    length = table.get("steps")
    length = length if isinstance(length, int) else 1  # anything else is refused elsewhere
    return completed(table)


Augmentation = Literal["color", "translation", "cutout", "blit", "geometry", "color_matrix", "bgc"]


def transformations(names: Iterable[str]) -> tuple[str, ...]:
    """The names of `Recipe.augmentation` without "bgc", in their order.

    Raises:
        ValueError: one is named twice.

    Examples:
        >>> transformations(["cutout", "bgc"])
        ('cutout', 'blit', 'geometry', 'color_matrix')
    """
    parts = tuple(part for name in names for part in (BGC if name == "bgc" else (name,)))
    if len(set(parts)) < len(parts):
        raise ValueError(f"augmentation={list(parts)} names one twice")
    return parts


class Recipe(Table):
    """A whole run. Keys that a file leaves out take the defaults given here."""

    summary: str = Field("", description="one line for --list")
    model: str = Field(description="a file in tfgan_zoo/models")
    arguments: dict[str, Any] = Field(default_factory=dict, description="what the model's build() takes")
    seed: int = Field(0, ge=0, lt=2**32, description="of the weights, the latents and the order of the images")
    steps: Count = Field(
        description='generator updates, or images as in "20M images"; the sum over the stages, if there are any'
    )
    batch_size: Count = Field(64, description="real images per discriminator update, over all replicas")
    generator_batch_size: Count | None = Field(
        None, description="generated images per generator update; batch_size by default"
    )
    discriminator_steps: Count = Field(1, description="discriminator updates per step")
    accumulation: Count = Field(1, description="parts that a batch is split into, to save memory")
    steps_per_call: Count = Field(50, description="steps between two returns to Python; affects speed, not results")
    precision: Literal["float32", "mixed_bfloat16", "float64", "auto"] = Field(
        "float32",
        description="auto: mixed_bfloat16 where the device multiplies in it, which most CPUs do not, else float32",
    )
    recompute: bool = Field(
        False,
        description="compute activations again for gradients instead of keeping them, one update after the other: less memory, more time",
    )
    jit_compile: bool = Field(False, description="compile gradients with XLA")
    stages: tuple[Stage, ...] = Field((), description="for models that grow; each has a batch_size of its own")
    data: DataSettings = DataSettings()
    init_from: str | None = Field(
        None,
        description="begin with the weights of a run, an export or an imported run, a folder; random ones by default",
    )
    init_checkpoint: int | str = Field("latest", description="of the run in init_from: latest, best or a step")
    freeze_discriminator: Steps = Field(
        0, description="layers of the discriminator, counted from the image, that are not updated (FreezeD)"
    )
    generator_optimizer: OptimizerSettings = OptimizerSettings()
    discriminator_optimizer: OptimizerSettings = OptimizerSettings()
    averaging: AveragingSettings = AveragingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    log: LogSettings = LogSettings()
    guard: GuardSettings = GuardSettings()
    augmentation: Annotated[tuple[Augmentation, ...], SplitNames] = Field(
        (),
        description="transformations of real and generated images before the discriminator sees them, for small data sets; "
        "bgc is blit, geometry and color_matrix",
    )
    augmentation_probability: Number = Field(
        1.0,
        description="of each transformation, for each image; with augmentation_feedback, at the start, and 0 by default",
    )
    augmentation_feedback: AugmentationFeedbackSettings | None = Field(
        None, description="lets augmentation_probability follow the discriminator (ADA); {} for the paper's settings"
    )
    weights: dict[str, Number] = Field(
        default_factory=dict,
        description="of the objective's terms, by name as in the logs, in place of the model's own; le_cam and balanced_consistency "
        "are terms that any model can have",
    )

    top_k: Number = Field(
        1.0,
        description="share of a batch's generated images, those with the highest logits, that the generator learns from, such as "
        "{start=1, end=0.5}",
    )

    @pydantic.field_validator("augmentation")
    @classmethod
    def expand_bgc(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return transformations(names)

    @pydantic.field_validator("top_k")
    @classmethod
    def check_top_k(cls, share: Number) -> Number:
        return within(share, above=0)

    @pydantic.field_validator("augmentation_probability", "top_k")
    @classmethod
    def check_share(cls, share: Number) -> Number:
        within(share, low=0)
        if max(share.values if isinstance(share, Schedule) else [share]) > 1:
            raise ValueError(f"{share} is out of range; expected a number in [0, 1]")
        return share

    @pydantic.model_validator(mode="before")
    @classmethod
    def complete(cls, table: Any) -> Any:
        """Lengths in images become steps; `steps`, if left out, the sum over the stages; `over` of a schedule, all steps; the
        probability of augmentation 0 where it follows the discriminator."""
        table = in_steps(table)
        if table.get("augmentation_feedback") is not None:
            table = {"augmentation_probability": 0.0, **table}
        if "steps" not in table and table.get("stages"):
            with contextlib.suppress(KeyError, TypeError):  # something is wrong with a stage, which its own check tells
                table = {**table, "steps": sum(stage["steps"] for stage in table["stages"])}
        return over_all_steps(table)

    @pydantic.model_validator(mode="after")
    def check_batches(self) -> Self:
        sizes = [("generator_batch_size", self.generator_batch_size)]
        sizes += [("batch_size", stage.batch_size) for stage in self.schedule]
        for name, size in sizes:
            if size and size % self.accumulation:
                raise ValueError(f"{name}={size} cannot be computed in {self.accumulation} equal parts (accumulation)")
        if self.accumulation > 1 and self.top_k != 1:
            raise ValueError(
                f"top_k chooses from a whole batch, which accumulation={self.accumulation} divides; leave one out"
            )
        return self

    @pydantic.model_validator(mode="after")
    def check_steps(self) -> Self:
        if self.steps != self.total_steps:
            raise ValueError(
                f"steps={self.steps}, and the stages have {self.total_steps} in all: change theirs, or leave stages out (stages=[])"
            )
        return self

    @pydantic.model_validator(mode="after")
    def check_augmentation(self) -> Self:
        if not self.augmentation_feedback:
            return self
        if not self.augmentation:
            raise ValueError("augmentation_feedback sets the probability of augmentation, which is not set; try bgc")
        start, limit = self.augmentation_probability, self.augmentation_feedback.limit
        if isinstance(start, Schedule):
            raise ValueError(
                "augmentation_probability is a schedule, and augmentation_feedback moves it too; leave one out"
            )
        if start > limit:
            raise ValueError(f"augmentation_probability={start} is above augmentation_feedback.limit={limit}")
        return self

    @pydantic.model_validator(mode="after")
    def check_init(self) -> Self:
        if self.init_checkpoint != "latest" and not self.init_from:
            raise ValueError(f"init_checkpoint={self.init_checkpoint} needs init_from, the folder of a run")
        return self

    @pydantic.model_validator(mode="after")
    def check_guard(self) -> Self:
        """Every checkpoint and every best score must have been checked by the guard in its own step."""
        saved, scored, looked = self.checkpoints.every_steps, self.evaluation.every_steps, self.guard.every_steps
        if self.guard.on_collapse != "rollback":
            return self
        if looked and saved % looked:
            raise ValueError(f"guard.every_steps={looked} does not divide checkpoints.every_steps={saved}")
        if scored % saved:
            raise ValueError(
                f"guard.on_collapse=rollback needs scored checkpoints, but evaluation.every_steps={scored} is not a multiple "
                f"of checkpoints.every_steps={saved}"
            )
        return self

    @property
    def schedule(self) -> tuple[Stage, ...]:
        """The stages; a recipe without a list has one."""
        if self.stages:
            return self.stages
        return (Stage(steps=self.steps, batch_size=self.batch_size, resolution=self.data.resolution),)

    @property
    def total_steps(self) -> int:
        """Generator updates over all stages."""
        return sum(stage.steps for stage in self.schedule)

    def stage_at(self, step: int) -> Stage:
        """The stage of a checkpoint of `step`; at the end of a stage, that stage."""
        for stage in self.schedule:
            if step <= stage.steps:
                return stage
            step -= stage.steps
        return self.schedule[-1]

    def images_seen(self, step: int) -> int:
        """The number of real images that the discriminator sees in the first `step` steps."""
        images = 0
        for stage in self.schedule:
            images += min(step, stage.steps) * stage.batch_size * self.discriminator_steps
            step = max(0, step - stage.steps)
        return images

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in recipe.json."""
        return self.model_dump(mode="json")


# Keys that affect monitoring and speed but never the weights: they may change when a run is resumed.
FREE_KEYS = re.compile(
    r"(summary|steps_per_call|(checkpoints|log|evaluation|guard)\..*"
    r"|data\.(classes|data_dir|download|cache_dir|memory_limit_mb))"
)
# But if a run rolls back on a collapse, its scores and checkpoints decide on its weights.
ROLLBACK_KEYS = re.compile(r"(guard\.(?!rollbacks).*|evaluation\..*|checkpoints\.every_steps)")


def flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dict -> {"data.source": value, ...}."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def differences(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """The keys, as in `--set`, that make two recipes train different weights: {key: (old value, new value)}.

    `steps` may change unless a schedule depends on the run's length. What is "auto" in the new one is what it was in the old one.
    """
    a, b = flatten(old.as_dict()), flatten(new.as_dict())
    different = {k: (a.get(k), b.get(k)) for k in a.keys() | b.keys() if a.get(k) != b.get(k)}
    optimizers = (old.generator_optimizer, old.discriminator_optimizer)
    free_length = all(optimizer.schedule != "linear" for optimizer in optimizers)
    rolls_back = "rollback" in (old.guard.on_collapse, new.guard.on_collapse)

    def free(key):
        if b.get(key) == "auto":
            return True
        if rolls_back and ROLLBACK_KEYS.fullmatch(key):
            return False
        return FREE_KEYS.fullmatch(key) or (key == "steps" and free_length)

    return {k: v for k, v in sorted(different.items()) if not free(k)}


def parse(table: dict[str, Any], origin: object = "the recipe") -> Recipe:
    """Validates nested plain values as a `Recipe`.

    Raises:
        ZooError: names every key that is unknown (with the nearest ones) or out of range.
    """
    try:
        return Recipe.model_validate(table)
    except pydantic.ValidationError as error:
        lines = [explain(problem) for problem in error.errors()]
        raise ZooError(f"{origin}: " + "\n".join(lines)) from None


def explain(problem: Mapping[str, Any]) -> str:
    """One of pydantic's errors as a sentence."""
    path = [str(part) for part in problem["loc"]]
    path = [part for part in path if part not in ("number", "schedule")]  # the branches of `Number`
    if problem["type"] == "extra_forbidden":
        return f"{'.'.join(path)}: {no_such('key', path[-1], known_keys(path[:-1]))}"
    if problem["type"] == "missing":
        return f"{'.'.join(path)}: required, but missing."
    key = ".".join(part for part in path if re.fullmatch(r"\w+", part))
    got = "" if isinstance(problem["input"], dict) and not path else f", and got {problem['input']!r}"
    return f"{key or 'recipe'}: {problem['msg']}{got}."


def known_keys(path: Sequence[str]) -> Iterable[str]:
    """The keys of the table at `path`, such as ["data"]."""
    section: type[Table] = Recipe
    for part in path:
        if part in section.model_fields:
            annotation = section.model_fields[part].annotation
            section = next((t for t in nested(annotation) if is_table(t)), section)
    return section.model_fields


def nested(annotation: Any) -> Iterator[Any]:
    """The annotation and everything inside it."""
    yield annotation
    for inner in typing.get_args(annotation):
        yield from nested(inner)


def is_table(annotation: Any) -> TypeGuard[type[Table]]:
    return isinstance(annotation, type) and issubclass(annotation, Table)


def read_table(path: str | Path) -> dict[str, Any]:
    """The nested plain values of a recipe's file: TOML, or JSON as of a run's recipe.json."""
    path = Path(path)
    kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
    try:
        text = path.read_text(encoding="utf-8")
        table = json.loads(text, object_pairs_hook=of_unique_keys) if kind == "JSON" else tomllib.loads(text)
    except OSError as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror).lower()
        raise ZooError(
            f"{path}: {why}; give the path of a recipe such as zoo_configs/sngan/quickstart.toml or a run's recipe.json."
        ) from None
    except (ValueError, RecursionError) as error:  # of the parsers, and of text that is not UTF-8
        raise ZooError(f"{path}: not a {kind} file: {error}.") from None
    if not isinstance(table, dict):
        raise ZooError(
            f"{path}: expected an object of settings, as in a run's recipe.json; it holds a {type(table).__name__}."
        )
    return table


def of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dictionary. Raises `ValueError` if a key stands twice, as TOML's parser does."""
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {twice!r} stands twice")
    return table


def override(table: dict[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """A copy of nested plain values with `key=value` assignments applied, such as "data.resolution=64".

    A value is parsed as TOML (0.1, true, "text", [1, 2]); anything else is text.
    """
    table = copy.deepcopy(table)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ZooError(f"--set {assignment}: expected key=value, such as --set batch_size=32.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *path, last = key.strip().split(".")
        target = table
        for part in path:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise ZooError(f"--set {assignment}: {part} is not a table; see --dry_run for the recipe's keys.")
        target[last] = value
    return table
