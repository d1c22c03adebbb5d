"""The vocabulary of a GAN: two players, what each sees in its turn, and the terms of their losses."""

import functools
import re
import types

import tensorflow as tf

from tfgan_zoo.core.errors import ZooError


def run_network(network, inputs, training):
    """Calls a Keras model with those of `inputs` (a dict) whose names it declares.

    Raises:
        ZooError: an input that it declares is not there.
    """
    names = [tensor.name for tensor in network.inputs]
    missing = [name for name in names if name not in inputs]
    if missing:
        raise ZooError(
            f"the {network.name} needs {', '.join(missing)}, and the batch holds only {', '.join(sorted(inputs))}; "
            "give a data source with labels, or a model without them."
        )
    return network({name: inputs[name] for name in names}, training=training)


class Turn:
    """What one player sees in one update.

    Attributes:
        real, fake: dicts of tensors, such as {"images": [B, H, W, C], "labels": [B]}.
        on_real, on_fake: the discriminator's outputs on them, computed when first read.
        draws: random numbers for terms that need them.
    """

    def __init__(self, discriminator, real, fake, draws, one_pass=False):
        self.network = discriminator
        self.real, self.fake, self.draws = real, fake, draws
        self.one_pass, self.outputs = one_pass, {}

    def discriminator(self, inputs):
        """The discriminator's outputs (a dict) on any dict of inputs, in training mode."""
        return run_network(self.network, inputs, training=True)

    @property
    def on_real(self):
        return self.on_both[0] if self.one_pass else self.once("real", lambda: self.discriminator(self.real))

    @property
    def on_fake(self):
        return self.on_both[1] if self.one_pass else self.once("fake", lambda: self.discriminator(self.fake))

    @property
    def on_both(self):
        return self.once("both", self.concatenated)

    def once(self, what, compute):
        """compute(), remembered. In Python 3.11 `functools.cached_property` holds one lock for all instances, and replicas,
        which are traced in a thread each, wait for one another inside batch norm: they would wait for ever."""
        if what not in self.outputs:
            self.outputs[what] = compute()
        return self.outputs[what]

    def concatenated(self):
        names = [tensor.name for tensor in self.network.inputs]
        sizes = [tf.shape(batch[names[0]])[0] for batch in (self.real, self.fake)]
        both = self.discriminator(
            {n: tf.concat([self.real[n], tf.cast(self.fake[n], self.real[n].dtype)], 0) for n in names}
        )
        split = {name: tf.split(output, sizes) for name, output in both.items()}
        return tuple({name: parts[i] for name, parts in split.items()} for i in (0, 1))


class Term:
    """One summand of the two players' losses. A term that has no part in a player's loss leaves that method alone.

    Attributes:
        state: its variables by name, such as BEGAN's k; they are saved with the run.
        of_whole_batch: whether it is no mean over examples, so that the means over parts of a batch are not that of the batch.
    """

    state = types.MappingProxyType({})
    needs_whole_batch = False

    def discriminator_loss(self, turn):
        """Returns a scalar to be minimised by the discriminator, or None."""

    def generator_loss(self, turn):
        """Returns a scalar to be minimised by the generator, or None."""

    def __add__(self, other):
        return Objective([(1.0, self)]) + other

    def __rmul__(self, weight):
        return Objective([(float(weight), self)])


class Objective:
    """A weighted sum of terms, written as in a paper: `Wasserstein() + 10 * GradientPenalty() + 1e-3 * Drift()`."""

    def __init__(self, summands):
        self.summands = list(summands)

    def __add__(self, other):
        more = other.summands if isinstance(other, Objective) else [(1.0, other)]
        return Objective(self.summands + more)

    @functools.cached_property
    def terms(self):
        """(name, weight, term) of each summand; a name is its class in snake case, numbered where it comes again."""
        named = {}
        for weight, term in self.summands:
            base = re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", type(term).__name__).lower()
            name, count = base, 2
            while name in named:
                name, count = f"{base}_{count}", count + 1
            named[name] = (name, weight, term)
        return list(named.values())

    def discriminator_losses(self, turn):
        """The weighted summands by name, scalars."""
        return {n: w * loss for n, w, term in self.terms if (loss := term.discriminator_loss(turn)) is not None}

    def generator_losses(self, turn):
        """The weighted summands by name, scalars."""
        return {n: w * loss for n, w, term in self.terms if (loss := term.generator_loss(turn)) is not None}

    @property
    def state(self):
        """The variables of all terms, by "<term>/<name>"."""
        return {f"{name}/{key}": v for name, _, term in self.terms for key, v in term.state.items()}


class Game:
    """Two networks, the prior that feeds one, and the objective that both play for. Models override the hooks.

    Args:
        generator: Keras model, {"noise": [B, Z], "labels"?: [B]} -> images [B, H, W, C] in [-1, 1].
        discriminator: Keras model, {"images", "labels"?} -> {"logits": [B, 1], ...}.
        prior: a `Prior`.
        objective: an `Objective`, or one `Term`.
        one_pass: the discriminator sees real and fake in one concatenated batch in its own turn. Only for one that treats
            every example alone: no batch normalisation, no minibatch statistics.

    Attributes:
        sees_images: False where the discriminator is shown something else, so that it cannot be asked about images.
        augmentation: function (batch, draws, purpose) -> batch, done to what `observe_real` and `observe_fake` give before the
            discriminator sees it; None for none. See `augmentations.augment`.
        generators: the generator, then the copies of it that follow it, such as its moving average; who makes one adds it.
    """

    sees_images = True
    augmentation = None

    def __init__(self, generator, discriminator, prior, objective, one_pass=False):
        self.generator, self.discriminator, self.prior = generator, discriminator, prior
        self.generators = [generator]
        self.objective = objective if isinstance(objective, Objective) else 1.0 * objective
        self.one_pass = one_pass

    def discriminator_turn(self, real, draws):
        """real: dict of tensors of a batch; draws: for as many fakes. Returns the discriminator's `Turn`."""
        return self.turn(real, draws, one_pass=self.one_pass)

    def generator_turn(self, real, draws):
        """real: dict of tensors of a batch; draws: for the fakes. Returns the generator's `Turn`."""
        return self.turn(real, draws, one_pass=False)

    def turn(self, real, draws, one_pass):
        latents = self.prior.sample(draws)
        fake = {**latents, "images": run_network(self.generator, latents, training=True)}
        real, fake = self.observe_real(real, draws), self.observe_fake(fake, draws)
        if self.augmentation:
            real, fake = self.augmentation(real, draws, "real"), self.augmentation(fake, draws, "fake")
        return Turn(self.discriminator, real, fake, draws, one_pass)

    def observe_real(self, batch, draws):
        """What the discriminator is shown of a real batch: measurements, other resolutions."""
        return batch

    def observe_fake(self, batch, draws):
        """What the discriminator is shown of a fake batch; differentiable."""
        return batch

    def check(self, stage):
        """Called for each stage before training starts.

        Raises:
            ZooError: the game cannot be played at the stage's resolution: this one does not grow.
        """
        made = tuple(self.generator.output_shape[1:3])
        asked = (stage.resolution,) * 2 if isinstance(stage.resolution, int) else stage.resolution
        if asked is not None and tuple(asked) != made:
            raise ZooError(
                f"a stage has resolution={stage.resolution}, and what the generator makes has shape "
                f"{tuple(self.generator.output_shape[1:])}: this model does not grow. Leave the stages out."
            )

    def enter(self, stage):
        """Called before a stage is traced, and before a checkpoint of it is used: progressive models pick their layers here,
        in all `generators`."""

    def advance(self, fraction):
        """Called in every step with the share of the stage that is done, a scalar in [0, 1): fades go by it."""
