"""The one training loop. It knows `Game` and `Recipe`; weights, outputs, data and time are the business of others."""

import contextlib

import keras
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.training.averaging import MovingAverage
from tfgan_zoo.training.collapse_guard import CollapseGuard
from tfgan_zoo.training.optimizers import make_optimizer, make_plateau
from tfgan_zoo.training.singular_values import clamp_kernels
from tfgan_zoo.training.strategies import precision


@contextlib.contextmanager
def preserving_statistics(network):
    """The network's statistics (batch norm's, power iteration's) are after this scope what they were before it."""
    before = [(v, tf.identity(v.value)) for v in network.non_trainable_variables]
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
        step: int64 variable, generator updates so far.
        log_names: what the values that `run` returns mean; known once a step has been traced.
    """

    def __init__(self, recipe, build, strategy):
        self.recipe, self.strategy = recipe, strategy
        self.replicas = strategy.num_replicas_in_sync
        self.log_names = ()
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
            self.average = MovingAverage(self.game.generator, recipe.averaging.decay, recipe.averaging.start_step)
            self.game.generators.append(self.average.network)
            total = sum(stage.steps for stage in recipe.schedule)
            guarded = recipe.guard.on_collapse != "none"
            self.guard = CollapseGuard(recipe.guard, self.game) if guarded else None
            self.plateaus = {}
            self.clamp(self.game.generator, recipe.generator_optimizer)
            self.clamp(self.game.discriminator, recipe.discriminator_optimizer)
            self.generator_optimizer = self.optimizer("generator", recipe.generator_optimizer, total, 1)
            self.discriminator_optimizer = self.optimizer(
                "discriminator", recipe.discriminator_optimizer, total, recipe.discriminator_steps
            )
            self.generator_optimizer.build(self.game.generator.trainable_variables)
            self.discriminator_optimizer.build(self.game.discriminator.trainable_variables)
            self.step = tf.Variable(0, dtype=tf.int64, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
        if recipe.accumulation > 1:
            self.check_terms_of_parts()
        self.gradients = (
            tf.function(self.gradients, jit_compile=True, autograph=False) if recipe.jit_compile else self.gradients
        )

    def optimizer(self, player, settings, steps, updates_per_step):
        """A player's optimiser; where its rate is a `Plateau`, that is put into `plateaus`."""
        name = f"{player}_optimizer"
        if settings.schedule == "linear" and len({stage.resolution for stage in self.recipe.schedule}) > 1:
            raise ZooError(
                f"{name}.schedule=linear counts the updates of one resolution, and the optimiser starts anew at each; use constant."
            )
        if settings.schedule == "plateau":
            self.plateaus[player] = make_plateau(settings, self.game.objective.state, name)
        return make_optimizer(settings, steps, updates_per_step, name, self.plateaus.get(player), self.rate_scale)

    def clamp(self, network, settings):
        """Clamps the singular values of a player's kernels where its optimiser's settings ask for it."""
        if (settings.singular_limit, settings.singular_ratio) != (None, None):
            clamp_kernels(network, settings.singular_limit, settings.singular_ratio)

    @property
    def rate_scale(self):
        """The variable that both learning rates are multiplied by, None where they are not."""
        return self.guard.rate if self.guard and self.recipe.guard.rate_factor < 1 else None

    @property
    def seed(self):
        """Of the latents and the order of the images as things stand: the recipe's, and one more for each time it went back."""
        return self.recipe.seed + (int(self.guard.rollbacks.numpy()) if self.guard else 0)

    def renew_optimizers(self):
        """Brings both optimisers to where they were when built; plateaus, which watch the whole run, go on."""
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for variable in optimizer.variables:
                if variable is not optimizer.learning_rate:
                    variable.assign(tf.zeros(variable.shape, variable.dtype))

    def check_terms_of_parts(self):
        """Raises: ZooError where the objective of a batch is no mean over its parts."""
        start = f"accumulation={self.recipe.accumulation}: "
        if terms := dict.fromkeys(name.split("/")[0] for name in self.game.objective.state):
            raise ZooError(
                f"{start}{' and '.join(terms)} keep a state that moves once an update, and it would move once a part; "
                "leave accumulation out."
            )
        if terms := [name for name, _, term in self.game.objective.terms if term.needs_whole_batch]:
            raise ZooError(
                f"{start}{' and '.join(terms)} would be of each part by itself, and not of the whole batch; "
                "leave accumulation out."
            )

    def check_divisible(self, name, size):
        parts = self.replicas * self.recipe.accumulation
        if size % parts:
            near = sorted({max(size // parts, 1) * parts, (size // parts + 1) * parts})
            what = f"{self.replicas} replicas" + (
                f" x {self.recipe.accumulation} parts" if parts > self.replicas else ""
            )
            raise ZooError(f"{name}={size} is not divisible by {what}; use {' or '.join(map(str, near))}.")

    def variables(self):
        """Every variable of the run by a name that does not depend on how often a network was built: for checkpoints."""
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

    def update(self, player, batch, seed, total):
        """One gradient step of a player on this replica's share of `batch`: the only one in the project.

        player: "generator" or "discriminator". total: fakes over all replicas. Returns {log name: scalar}.
        """
        generating = player == "generator"
        network, opponent = self.game.generator, self.game.discriminator
        optimizer = self.generator_optimizer
        if not generating:
            network, opponent, optimizer = opponent, network, self.discriminator_optimizer
        parts = self.recipe.accumulation
        share = total // (self.replicas * parts)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        sums = None
        with preserving_statistics(opponent):
            for part in range(parts):
                # A part waits for those before it, else the activations of all of them are in memory at once.
                with tf.control_dependencies(tf.nest.flatten(sums) if sums else []):
                    piece = {k: tf.split(v, parts)[part] for k, v in batch.items()} if parts > 1 else batch
                    found = self.gradients(generating, piece, seed, (replica * parts + part) * share, total, share)
                sums = found if sums is None else tf.nest.map_structure(tf.add, sums, found)
        gradients, losses = tf.nest.map_structure(lambda t: t / parts, sums)
        optimizer.apply(gradients, network.trainable_variables)
        norm = tf.linalg.global_norm(gradients)  # summed over replicas later: exact on one, an upper bound on several
        return {**{f"{player}/{name}": loss for name, loss in losses.items()}, f"{player}/gradient_norm": norm}

    def gradients(self, generating, batch, seed, first, total, share):
        """Returns the gradients of one player's weights, to be summed over replicas, and its losses by name, likewise."""
        draws = Draws(seed, total, first, share)
        network = self.game.generator if generating else self.game.discriminator
        weights = [w.value for w in network.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)  # the opponent's forward pass is not recorded
            if generating:
                losses = self.game.objective.generator_losses(self.game.generator_turn(batch, draws))
            else:
                losses = self.game.objective.discriminator_losses(self.game.discriminator_turn(batch, draws))
            if network.losses:
                losses = {**losses, "regularization": tf.add_n(network.losses)}
            losses = {name: loss / self.replicas for name, loss in losses.items()}
            total_loss = tf.add_n(list(losses.values()))
        found = tape.gradient(total_loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(g) for g in found], losses  # Keras' Adam mistakes repeated rows of IndexedSlices

    def replica_step(self, batches, step, fraction):
        """What one replica does in one step: every update of both players, then the average. Returns a vector of logs."""
        self.game.advance(fraction)
        seed = self.recipe.seed
        if self.guard:
            seed += tf.convert_to_tensor(self.guard.rollbacks)
        seed = fold(fold(seed_of(seed), "training"), tf.cast(step, tf.int32))
        logs = {}
        dtype = self.game.generator.variable_dtype
        batches = tf.nest.map_structure(lambda t: tf.cast(t, dtype) if t.dtype.is_floating else t, list(batches))
        for i, batch in enumerate(batches):
            size = fakes = self.replicas * batch["images"].shape[0]
            logs |= self.update("discriminator", batch, fold(fold(seed, "discriminator"), i), size)
        logs |= self.update(
            "generator", batches[-1], fold(seed, "generator"), self.recipe.generator_batch_size or fakes
        )
        self.average.update(self.game.generator, step + 1)
        states = self.game.objective.state
        logs |= {name: state / self.replicas for name, state in states.items() if state.shape.rank == 0}
        for player, plateau in self.plateaus.items():
            scale = 1.0 if self.rate_scale is None else tf.convert_to_tensor(self.rate_scale)
            logs[f"{player}/learning_rate"] = scale * plateau(step) / self.replicas
            plateau.observe(states[plateau.watch])
        self.log_names = tuple(logs)
        return tf.stack([tf.cast(value, tf.float32) for value in logs.values()])

    def discriminator_loss(self, logs):
        """The sum of the discriminator's terms in the vector of logs."""
        apart = ("/gradient_norm", "/learning_rate")
        return tf.add_n(
            [
                logs[i]
                for i, name in enumerate(self.log_names)
                if name.startswith("discriminator/") and not name.endswith(apart)
            ]
        )

    def compile(self, stage, first_step):
        """The function that takes steps of a stage: (iterator, limit) -> (steps taken, last logs, mean logs).

        It stops short of `limit`, an int tensor, after a step whose logs are not finite.
        """
        self.game.enter(stage)

        def take_step(done, finite, last, total, iterator):
            batches = [iterator.get_next() for _ in range(self.recipe.discriminator_steps)]
            step = tf.identity(self.step)
            fraction = tf.cast(step - first_step, tf.float32) / stage.steps
            logs = self.strategy.run(self.replica_step, (batches, step, fraction))
            logs = self.strategy.reduce(tf.distribute.ReduceOp.SUM, logs, axis=None)
            self.step.assign_add(1)
            if self.guard:
                self.guard.count(self.discriminator_loss(logs))
            return done + 1, tf.reduce_all(tf.math.is_finite(logs)), logs, total + logs

        @tf.function(autograph=False)
        def run(iterator, limit):
            unknown = tf.TensorShape([None])  # how many logs there are shows only when the body is traced
            done, _, last, total = tf.while_loop(
                lambda done, finite, last, total: finite & (done < limit),
                lambda *state: take_step(*state, iterator),
                (tf.constant(0), tf.constant(True), tf.zeros([1]), tf.zeros([1])),
                shape_invariants=(tf.TensorShape([]), tf.TensorShape([]), unknown, unknown),
            )
            return done, last, total / tf.cast(done, tf.float32)

        return run
