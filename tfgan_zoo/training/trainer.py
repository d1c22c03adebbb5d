"""One training step of any game: the updates of both players, and the moving average. It knows `Game` and `Recipe` alone."""

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import PLAYERS, Batch, Game
from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.core.recipe_tables import OptimizerSettings, Stage
from tfgan_zoo.core.schedules import moving
from tfgan_zoo.training.averaging import MovingAverage
from tfgan_zoo.training.collapse_guard import CollapseGuard
from tfgan_zoo.training.freezing import freeze
from tfgan_zoo.training.native_precision import precision
from tfgan_zoo.training.optimizers import Plateau, make_optimizer, make_plateau
from tfgan_zoo.training.singular_values import clamp_kernels
from tfgan_zoo.training.workers import Workers


@contextlib.contextmanager
def preserving_statistics(network: keras.Model, frozen: Collection[str] = ()) -> Iterator[None]:
    """Restores the network's statistics (batch norm's, power iteration's) at the end of the scope; frozen: paths of weights."""
    before = [(v, tf.identity(v.value)) for v in network.non_trainable_variables if v.path not in frozen]
    yield
    for variable, value in before:
        variable.assign(value)


class Trainer:
    """Builds a game in the strategy's scope and takes its steps.

    Args:
        recipe: a `Recipe`.
        build: function without arguments that returns the `Game`.
        strategy: a `tf.distribute.Strategy`.

    Attributes:
        game, average: the `Game`, and the `MovingAverage` of its generator.
        plateaus: {player: `Plateau`} of those whose learning rate is one.
        guard: the `CollapseGuard`, None where the recipe has none.
        frozen: paths of the discriminator's weights that are not updated.
        step: int64 variable, steps so far.
        workers: the `Workers` that take part.
        log_names: names of the values that `replica_step` returns, then those of the lazy terms; known once a step has been
            traced.
    """

    def __init__(self, recipe: Recipe, build: Callable[[], Game], strategy: tf.distribute.Strategy) -> None:
        self.recipe, self.strategy = recipe, strategy
        self.replicas, self.workers = strategy.num_replicas_in_sync, Workers(strategy)
        self.log_names: tuple[str, ...] = ()
        if recipe.jit_compile and self.replicas > 1:
            raise ZooError("jit_compile=true works on one device; leave it out, or use --strategy=one.")
        for stage in recipe.schedule:
            self.check_divisible("batch_size", stage.batch_size)
        if recipe.generator_batch_size:
            self.check_divisible("generator_batch_size", recipe.generator_batch_size)
        keras.utils.set_random_seed(recipe.seed)
        with strategy.scope(), precision(recipe.precision):
            self.game = build()
            for stage in recipe.schedule:
                self.game.check(stage)
            self.frozen = {v.path for v in freeze(self.game.discriminator, recipe.freeze_discriminator)}
            self.step = tf.Variable(0, dtype=tf.int64, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
            self.apply_schedules()
            averaging = recipe.averaging
            half_life = moving(averaging.half_life, self.step)
            self.average = MovingAverage(
                self.game.generator, averaging.decay, averaging.start_step, half_life, averaging.rampup
            )
            self.game.generators.append(self.average.network)
            total = sum(stage.steps for stage in recipe.schedule)
            guarded = recipe.guard.on_collapse != "none"
            self.guard = CollapseGuard(recipe.guard, self.game) if guarded else None
            self.plateaus: dict[str, Plateau] = {}
            self.clamp(self.game.generator, recipe.generator_optimizer)
            self.clamp(self.game.discriminator, recipe.discriminator_optimizer)
            self.generator_optimizer = self.optimizer("generator", recipe.generator_optimizer, total, 1)
            self.discriminator_optimizer = self.optimizer(
                "discriminator", recipe.discriminator_optimizer, total, recipe.discriminator_steps
            )
            self.generator_optimizer.build(self.game.generator.trainable_variables)
            self.discriminator_optimizer.build(self.game.discriminator.trainable_variables)
        self.check_pairs()
        if recipe.accumulation > 1:
            self.check_accumulation()
        compiled = recipe.jit_compile
        self.compute = tf.function(self.gradients, jit_compile=True, autograph=False) if compiled else self.gradients

    def optimizer(
        self, player: str, settings: OptimizerSettings, steps: int, updates_per_step: int
    ) -> keras.optimizers.Optimizer:
        """A player's optimiser; if its rate is a `Plateau`, that is put into `plateaus`."""
        name = f"{player}_optimizer"
        if settings.schedule == "linear" and len({stage.resolution for stage in self.recipe.schedule}) > 1:
            raise ZooError(
                f"{name}.schedule=linear counts the updates of one resolution, and the optimiser starts over at each; use constant."
            )
        if settings.schedule == "plateau":
            self.plateaus[player] = make_plateau(settings, self.game.objective.state, name)
        updates = updates_per_step + sum(1 / every for every in self.game.objective.periods(player))
        plateau, lazy = self.plateaus.get(player), updates_per_step / updates
        return make_optimizer(settings, steps, updates, name, plateau, self.rate_scale, self.step, lazy)

    def apply_schedules(self) -> None:
        """Gives the game the weights of terms, the share of images and the probability of augmentation that the recipe asks for."""
        if self.recipe.top_k != 1:
            self.game.top_k = moving(self.recipe.top_k, self.step)
        if self.recipe.weights:
            weights = {name: moving(weight, self.step) for name, weight in self.recipe.weights.items()}
            self.game.objective = self.game.objective.with_weights(weights)
        fixed = self.recipe.augmentation_feedback is None
        if self.recipe.augmentation and fixed and self.recipe.augmentation_probability != 1:
            self.game.augmentation.probability = moving(self.recipe.augmentation_probability, self.step)

    def clamp(self, network: keras.Model, settings: OptimizerSettings) -> None:
        """Clamps the singular values of a player's kernels if its optimiser's settings ask for it."""
        if (settings.singular_limit, settings.singular_ratio) != (None, None):
            clamp_kernels(network, settings.singular_limit, settings.singular_ratio)

    @property
    def rate_scale(self) -> tf.Variable | None:
        """The variable that both learning rates are multiplied by, None where they are not."""
        return self.guard.rate if self.guard and self.recipe.guard.rate_factor < 1 else None

    @property
    def seed(self) -> int:
        """Of the latents and the order of the images: the recipe's, plus one for each rollback so far."""
        return self.recipe.seed + (int(self.guard.rollbacks.numpy()) if self.guard else 0)

    def renew_optimizers(self) -> None:
        """Resets both optimisers; plateaus, which watch the whole run, keep their state."""
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for variable in optimizer.variables:
                if variable is not optimizer.learning_rate:
                    variable.assign(tf.zeros(variable.shape, variable.dtype))

    def check_accumulation(self) -> None:
        """Raises: ZooError if a loss does not decompose over the parts of a batch."""
        start = f"accumulation={self.recipe.accumulation}: "
        terms = self.game.objective.terms
        if names := [name for name, _, term in terms if term.state]:
            raise ZooError(
                f"{start}{' and '.join(names)} keep a state that moves once an update, and it would move once a part; "
                "leave accumulation out."
            )
        if names := [name for name, _, term in terms if term.needs_whole_batch]:
            raise ZooError(
                f"{start}{' and '.join(names)} would be of each part by itself, and not of the whole batch; "
                "leave accumulation out."
            )

    def check_pairs(self) -> None:
        """Raises: ZooError if a term pairs each real with a fake, and the generator's turn has more of one than of the other."""
        size = self.recipe.generator_batch_size
        names = [name for name, _, term in self.game.objective.terms if term.pairs]
        other = [stage.batch_size for stage in self.recipe.schedule if size not in (None, stage.batch_size)]
        if names and other:
            raise ZooError(
                f"generator_batch_size={size}: {' and '.join(names)} pairs each of {other[0]} real images with a fake; "
                "leave generator_batch_size out."
            )

    def check_divisible(self, name: str, size: int) -> None:
        """Raises: ZooError if a batch cannot be divided among replicas and parts."""
        parts = self.replicas * self.recipe.accumulation
        if size % parts:
            near = sorted({max(size // parts, 1) * parts, (size // parts + 1) * parts})
            what = f"{self.replicas} replicas" + (
                f" x {self.recipe.accumulation} parts" if parts > self.replicas else ""
            )
            choices = [*map(str, near), *(["--strategy=one"] if self.replicas > 1 else [])]
            raise ZooError(f"{name}={size} is not divisible by {what}; use {' or '.join(choices)}.")

    def variables(self) -> dict[str, Any]:
        """Every variable of the run, under a name that does not depend on how often a network was built: for checkpoints."""
        groups = {
            "generator": self.game.generator.variables,
            "discriminator": self.game.discriminator.variables,
            "average": self.average.network.variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
        }
        named = {"step": self.step}
        named |= {f"objective/{name}": v for name, v in self.game.objective.state.items()}
        named |= self.guard.state if self.guard else {}
        for player, plateau in self.plateaus.items():
            named |= {f"{player}_optimizer/plateau/{name}": v for name, v in plateau.state.items()}
        for group, variables in groups.items():
            for v in variables:
                name = f"{group}/{v.path}"
                if name in named:
                    raise ValueError(f"two variables are called {name}; give the layers of a network different names.")
                named[name] = v
        return named

    def update(self, player: str, batch: Batch, seed: tf.Tensor, total: int, every: int = 1) -> dict[str, tf.Tensor]:
        """One gradient step of a player on this replica's share of `batch`: the only one in the project.

        Args:
            player: "generator" or "discriminator".
            batch: dict of tensors.
            seed: int32 [2].
            total: fakes over all replicas.
            every: of the terms that act: 1 for the losses of every step, k for the lazy terms of that period.

        Returns:
            {log name: scalar}, to be summed over replicas.
        """
        network, opponent, optimizer = self.game.generator, self.game.discriminator, self.generator_optimizer
        if player == "discriminator":
            network, opponent, optimizer = opponent, network, self.discriminator_optimizer
        parts = self.recipe.accumulation
        share = total // (self.replicas * parts)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        sums: Any = None
        with preserving_statistics(opponent, self.frozen if player == "generator" else ()):
            for part in range(parts):
                # A part waits for the one before it, or the activations of all of them would be in memory at once.
                with tf.control_dependencies(tf.nest.flatten(sums) if sums else []):
                    piece = {k: tf.split(v, parts)[part] for k, v in batch.items()} if parts > 1 else batch
                    result = self.compute(player, every, piece, seed, (replica * parts + part) * share, total, share)
                sums = result if sums is None else tf.nest.map_structure(tf.add, sums, result)
        if parts > 1:
            sums = tf.nest.map_structure(lambda t: t / parts, sums)
        gradients, losses = sums
        optimizer.apply(gradients, network.trainable_variables)
        logs = {f"{player}/{name}": loss for name, loss in losses.items()}
        if every == 1:  # summed over replicas later: exact on one, an upper bound on several
            logs[f"{player}/gradient_norm"] = tf.linalg.global_norm(gradients)
        return logs

    def gradients(
        self, player: str, every: int, batch: Batch, seed: tf.Tensor, first: int | tf.Tensor, total: int, share: int
    ) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """Returns the gradients of one player's weights, to be summed over replicas, and its losses by name, likewise."""
        draws = Draws(seed, total, first, share)
        network = getattr(self.game, player)
        weights = [w.value for w in network.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            if player == "generator":
                turn = self.game.generator_turn(batch, draws)
            else:
                turn = self.game.discriminator_turn(batch, draws, every)
            losses = self.game.objective.losses(player, turn, every)
            if network.losses and every == 1:
                losses = {**losses, "regularization": tf.add_n(network.losses)}
            losses = {name: loss / self.replicas for name, loss in losses.items()}
            total_loss = tf.add_n(list(losses.values()))
            if every > 1:
                total_loss *= every
        gradients = tape.gradient(total_loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [
            tf.convert_to_tensor(g) for g in gradients
        ], losses  # Keras' Adam mistakes repeated rows of IndexedSlices

    def after(self, logs: Iterable[tf.Tensor], value: tf.Tensor) -> tf.Tensor:
        """The seed or step of an update. If the recipe saves memory, it waits for the updates with these logs: what is generated
        for it would be in memory beside their activations. Otherwise it does not, which keeps the cores busier."""
        with tf.control_dependencies(list(logs) if self.recipe.recompute else []):
            return tf.identity(value)

    def step_seed(self, step: tf.Tensor) -> tf.Tensor:
        """The seed int32 [2] of everything that is drawn in a step, an integer scalar."""
        seed = self.recipe.seed
        if self.guard:
            seed += tf.convert_to_tensor(self.guard.rollbacks)
        return fold(fold(seed_of(seed), "training"), tf.cast(step, tf.int32))

    def in_precision(self, batches: Any) -> Any:
        """The batches with their floats in the precision of the weights."""
        dtype = self.game.generator.variable_dtype
        return tf.nest.map_structure(lambda t: tf.cast(t, dtype) if t.dtype.is_floating else t, batches)

    def lazy_step(self, player: str, every: int, batch: Batch, step: tf.Tensor) -> tf.Tensor:
        """What one replica does for a player's lazy terms of one period. Returns a vector of their losses."""
        batch, seed = self.in_precision(batch), fold(fold(self.step_seed(step), f"lazy {player}"), every)
        size = self.replicas * batch["images"].shape[0]
        if player == "generator":
            size = self.recipe.generator_batch_size or size
        logs = self.update(player, batch, seed, size, every)
        return tf.stack([tf.cast(logs[name], tf.float32) for name in self.lazy_names(player, every)])

    def lazy_names(self, player: str, every: int) -> list[str]:
        """The log names of a player's lazy terms of one period."""
        terms = self.game.objective.terms
        return [f"{player}/{name}" for name, _, term in terms if term.every == every and term.acts_for(player)]

    def lazy_updates(
        self, batches: Sequence[Batch], step: tf.Tensor
    ) -> tuple[list[str], list[tf.Tensor], list[tf.Tensor]]:
        """The updates of the lazy terms that are due in a step, before the others. Outside of the replicas, since under a
        condition inside of them no batch statistics can be shared.

        Returns:
            (log names, their values, 1.0 for each that acted and 0.0 for the others).
        """
        names: list[str] = []
        values: list[tf.Tensor] = []
        acted: list[tf.Tensor] = []
        for player in PLAYERS:
            for every in self.game.objective.periods(player):
                own = self.lazy_names(player, every)

                def act(player=player, every=every):
                    run = lambda batch, step: self.lazy_step(player, every, batch, step)  # noqa: E731
                    losses = self.strategy.run(run, (batches[0], step))
                    return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

                due = tf.equal(self.after(values, step) % every, 0)
                values.append(tf.cond(due, act, lambda own=own: tf.zeros([len(own)])))
                acted.append(tf.fill([len(own)], tf.cast(due, tf.float32)))
                names += own
        return names, values, acted

    def replica_step(self, batches: Sequence[Batch], step: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
        """What one replica does in one step: every update of both players, then the average. Returns a vector of logs."""
        self.game.advance(fraction)
        seed = self.step_seed(step)
        logs: dict[str, tf.Tensor] = {}
        batches = self.in_precision(list(batches))
        for i, batch in enumerate(batches):
            size = fakes = self.replicas * batch["images"].shape[0]
            turn = self.after(logs.values(), fold(fold(seed, "discriminator"), i))
            logs |= self.update("discriminator", batch, turn, size)
        turn = self.after(logs.values(), fold(seed, "generator"))
        logs |= self.update("generator", batches[-1], turn, self.recipe.generator_batch_size or fakes)
        self.average.update(self.game.generator, step + 1, size * len(batches))
        states = self.game.objective.state
        logs |= {name: state / self.replicas for name, state in states.items() if state.shape.rank == 0}
        for player, plateau in self.plateaus.items():
            scale = 1.0 if self.rate_scale is None else tf.convert_to_tensor(self.rate_scale)
            logs[f"{player}/learning_rate"] = scale * plateau(step) / self.replicas
            plateau.observe(states[plateau.watch])
        self.log_names = tuple(logs)
        return tf.stack([tf.cast(value, tf.float32) for value in logs.values()])

    def discriminator_loss(self, logs: tf.Tensor) -> tf.Tensor:
        """The sum of the discriminator's losses of every step in what `replica_step` returns: lazy terms are not in it."""
        apart = ("/gradient_norm", "/learning_rate")
        names = [n for n in self.log_names if n.startswith("discriminator/") and not n.endswith(apart)]
        return tf.add_n([logs[self.log_names.index(name)] for name in names])

    def compile(self, stage: Stage, first_step: int) -> Callable[..., tuple[tf.Tensor, ...]]:
        """The function that takes steps of a stage: (iterator, limit) -> (steps taken, last logs, mean logs, how many steps
        each mean is over), vectors in the order of `log_names`.

        It stops short of `limit`, an int tensor, after a step whose logs are not finite.
        """
        self.game.enter(stage)

        def take_step(done, finite, last, total, count, iterator):
            batches = [iterator.get_next() for _ in range(self.recipe.discriminator_steps)]
            step = tf.identity(self.step)
            fraction = tf.cast(step - first_step, tf.float32) / stage.steps
            lazy_names, lazy_logs, lazily = self.lazy_updates(batches, step)
            logs = self.strategy.run(self.replica_step, (batches, self.after(lazy_logs, step), fraction))
            logs = self.strategy.reduce(tf.distribute.ReduceOp.SUM, logs, axis=None)
            if self.guard:
                self.guard.count(self.discriminator_loss(logs))
            acted = tf.concat([tf.ones([len(self.log_names)]), *lazily], 0)
            logs = tf.concat([logs, *lazy_logs], 0)
            self.log_names = (*self.log_names, *lazy_names)
            self.step.assign_add(1)
            return done + 1, tf.reduce_all(tf.math.is_finite(logs)), logs, total + logs, count + acted

        @tf.function(autograph=False)
        def run(iterator, limit):
            unknown = tf.TensorShape([None])  # how many logs there are shows only when the body is traced
            done, _, last, total, count = tf.while_loop(
                lambda done, finite, last, total, count: finite & (done < limit),
                lambda *state: take_step(*state, iterator),
                (tf.constant(0), tf.constant(True), tf.zeros([1]), tf.zeros([1]), tf.zeros([1])),
                shape_invariants=(tf.TensorShape([]), tf.TensorShape([]), unknown, unknown, unknown),
            )
            return done, last, total / tf.maximum(count, 1), count

        return run
