"""The vocabulary of a GAN: two players, what each sees in its turn, and the terms of their losses."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.top_k import learning_from_top

if TYPE_CHECKING:
    from tfgan_zoo.core.draws import Draws
    from tfgan_zoo.core.priors import Prior
    from tfgan_zoo.core.recipe_tables import Stage

Batch: TypeAlias = Mapping[str, tf.Tensor]
Weight: TypeAlias = float | tf.Variable | Callable[[], tf.Tensor]
PLAYERS = ("discriminator", "generator")


def run_network(network: keras.Model, inputs: Batch, training: bool) -> Any:
    """Calls a Keras model with those of `inputs` whose names it declares.

    Raises:
        ZooError: the model declares an input that is missing from `inputs`.
    """
    names = [tensor.name for tensor in network.inputs]
    missing = [name for name in names if name not in inputs]
    if missing:
        raise ZooError(
            f"the {network.name} needs {', '.join(missing)}, but the batch has only {', '.join(sorted(inputs))}; "
            "use a data source with labels, or a model without them."
        )
    segments = getattr(network, "recomputed_segments", None) if training else None  # see `networks.segments`
    inputs = {name: inputs[name] for name in names}
    return segments(inputs) if segments else network(inputs, training=training)


class Outputs(dict[str, Any]):
    """What a discriminator puts out, by name; a name that it lacks is refused with those that it has."""

    def __missing__(self, name: str) -> Any:
        raise ZooError(f"the discriminator has no output {name!r}; it has {', '.join(self)}.")


class Turn:
    """What one player sees in one update.

    Everything is computed when it is first read, and once: a loss that never reads `on_real` costs no pass on real images.

    Args:
        discriminator: Keras model.
        real: dict of tensors such as {"images": [B, H, W, C], "labels": [B]}, as the discriminator sees them.
        fake: the same of generated images, with the latents that they were generated from ("noise", "labels", ...); or a
            function without arguments that returns it.
        draws: random numbers for terms that need them, a `Draws`.
        one_pass: run the discriminator on real and fake in one concatenated batch.
        generator: Keras model.

    Attributes:
        discriminator, generator: the Keras models, for terms on weights.
        real, draws: as given.
        top_k: share of the generated images, those with the highest logits, through which losses have a gradient; None for all.
    """

    def __init__(
        self,
        discriminator: keras.Model,
        real: Batch,
        fake: Batch | Callable[[], Batch],
        draws: Draws | None,
        one_pass: bool = False,
        generator: keras.Model | None = None,
    ) -> None:
        self.discriminator, self.generator = discriminator, generator
        self.real, self.draws, self.one_pass = real, draws, one_pass
        self.top_k: Weight | None = None
        self._fake = fake if callable(fake) else lambda: fake
        self._cache: dict[str, Any] = {}

    def _cached(self, key: str, compute: Callable[[], Any]) -> Any:
        """compute(), remembered. Python 3.11's `functools.cached_property` holds one lock for all instances; replicas are
        traced in one thread each and wait for each other inside batch norm, so they would deadlock."""
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]

    @property
    def fake(self) -> Batch:
        """Generated images as the discriminator sees them, and the latents that they were generated from."""
        return self._cached("fake", self._fake)

    def discriminate(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The discriminator's outputs on any dict of inputs, in training mode.

        Raises:
            ZooError: an output is read that the discriminator does not have.
        """
        return Outputs(run_network(self.discriminator, batch, training=True))

    @property
    def on_real(self) -> dict[str, tf.Tensor]:
        """The discriminator's outputs on `real`."""
        return self._pass("both")[2]["real"] if self.one_pass else self._pass("real")[2]

    @property
    def on_fake(self) -> dict[str, tf.Tensor]:
        """The discriminator's outputs on `fake`."""
        outputs = self._pass("both")[2]["fake"] if self.one_pass else self._pass("fake")[2]
        if self.top_k is None:
            return outputs
        share = value_of(self.top_k, tf.float32)
        return self._cached("top k", lambda: Outputs(learning_from_top(outputs, share)))

    def _pass(self, which: str) -> tuple[tf.GradientTape, tf.Tensor, Any]:
        """(tape, images that it watches, outputs) of a pass on "real", "fake" or "both". The tape costs nothing in a graph
        unless `gradient_norms` reads it, and saves repeating the pass if it does."""

        def run() -> tuple[tf.GradientTape, tf.Tensor, Any]:
            batch = self._concatenated() if which == "both" else dict(self.real if which == "real" else self.fake)
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                images = tf.identity(batch["images"])
                tape.watch(images)
                outputs = self.discriminate({**batch, "images": images})
                return tape, images, self._split(outputs) if which == "both" else outputs

        return self._cached(f"pass on {which}", run)

    def _concatenated(self) -> dict[str, tf.Tensor]:
        names = [tensor.name for tensor in self.discriminator.inputs]
        return {n: tf.concat([self.real[n], tf.cast(self.fake[n], self.real[n].dtype)], 0) for n in names}

    def _split(self, outputs: dict[str, tf.Tensor]) -> dict[str, dict[str, tf.Tensor]]:
        name = self.discriminator.inputs[0].name
        sizes = [tf.shape(batch[name])[0] for batch in (self.real, self.fake)]
        parts = {name: tf.split(output, sizes) for name, output in outputs.items()}
        halves = enumerate(("real", "fake"))
        return {which: Outputs({name: half[i] for name, half in parts.items()}) for i, which in halves}

    def squared_gradient_norms(self, at: str | tf.Tensor) -> tf.Tensor:
        """|grad_x D(x)|^2 of each example, D the discriminator's logits: [B].

        At "real" and "fake" the gradient shares the pass that `on_real` and `on_fake` come from. It is each example's own
        only if the discriminator treats examples independently: under batch norm or minibatch statistics a logit depends on
        the other images of the batch as well.

        Args:
            at: "real", "fake", or images [B, ...], which are joined by the other inputs of `real`, such as labels.
        """
        if isinstance(at, str):
            return self._cached(f"squared gradient norms at {at}", lambda: self._squared_norms_in_pass(at))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(at)
            total = tf.reduce_sum(self.discriminate({**self.real, "images": at})["logits"])
        return squared_norms(tape.gradient(total, at))

    def _squared_norms_in_pass(self, at: str) -> tf.Tensor:
        tape, images, outputs = self._pass("both" if self.one_pass else at)
        with tape:  # resumed, for the sum
            total = tf.reduce_sum((outputs[at] if self.one_pass else outputs)["logits"])
        squared = squared_norms(tape.gradient(total, images))
        if not self.one_pass:
            return squared
        real = tf.shape(self.real["images"])[0]
        return squared[:real] if at == "real" else squared[real:]

    def gradient_norms(self, at: str | tf.Tensor) -> tf.Tensor:
        """|grad_x D(x)| of each example: [B], with a finite gradient at 0. See `squared_gradient_norms`."""
        return tf.sqrt(self.squared_gradient_norms(at) + 1e-12)


def squared_norms(gradient: tf.Tensor) -> tf.Tensor:
    """The squared L2 norm of each example of a gradient [B, ...]: [B]."""
    return tf.reduce_sum(tf.square(gradient), axis=list(range(1, len(gradient.shape))))


class Term:
    """One summand of the two players' losses. A term that plays no part in a player's loss does not override that method.

    Attributes:
        state: its variables by name, such as BEGAN's k; they are saved with the run.
        needs_whole_batch: True if the loss does not decompose over examples, so it cannot be accumulated.
        pairs: True if it pairs the i-th real with the i-th fake, so both must be of one size in the generator's turn too.
        gradients_at: of {"real", "fake"}, where it reads `Turn.gradient_norms`, so that no pass is computed for nothing.
        every: acts in every so many steps, in an update of its own with the loss multiplied by `every` (lazy regularisation,
            Karras et al. 2019, arXiv:1912.04958, section 3.1 and appendix B). See `lazy`.
    """

    state: Mapping[str, tf.Variable] = types.MappingProxyType({})
    needs_whole_batch: bool = False
    pairs: bool = False
    gradients_at: frozenset[str] = frozenset()
    every: int = 1

    def discriminator_loss(self, turn: Turn) -> tf.Tensor | None:
        """Returns a scalar that the discriminator minimises, or None."""

    def generator_loss(self, turn: Turn) -> tf.Tensor | None:
        """Returns a scalar that the generator minimises, or None."""

    def acts_for(self, player: str) -> bool:
        """Whether the term has a loss for "discriminator" or "generator"."""
        return getattr(type(self), f"{player}_loss") is not getattr(Term, f"{player}_loss")

    def __add__(self, other: Term | Objective) -> Objective:
        return Objective([(1.0, self)]) + other

    def __rmul__(self, weight: float) -> Objective:
        if tf.is_tensor(weight):  # TensorFlow hands over the value of a variable, and not the variable
            raise RuntimeError(  # since it swallows a TypeError or ValueError
                "a tensor or variable times a term would stay at its value of now; "
                "write Objective([(variable, term)]) for a weight that moves, or float(weight) * term for one that does not."
            )
        return Objective([(weight, self)])


def lazy(term: Term, every: int) -> Term:
    """`term`, acting every `every`-th step in an update of its own, `every` times as heavy: `5 * lazy(R1(), every=16)`.

    Adam's learning rate and betas are adjusted for the extra updates as Karras et al. do: with c = k / (k + 1), the rate is
    multiplied by c and each beta raised to the power c. Source: arXiv:1912.04958, appendix B.
    """
    if every < 1:
        raise ValueError(f"every={every}; expected 1 or more steps.")
    term.every = every
    return term


def value_of(weight: Weight, dtype: tf.DType) -> tf.Tensor:
    """A weight that moves, as it is now: a scalar of `dtype`."""
    return tf.cast(weight() if callable(weight) else weight, dtype)


class Objective:
    """A weighted sum of terms, written as in a paper: `Wasserstein() + 10 * GradientPenalty() + 1e-3 * Drift()`.

    A weight is a number, a `tf.Variable` (read in every step, and saved with the run) or a function without arguments that
    returns a scalar tensor (a schedule).
    """

    def __init__(self, summands: Iterable[tuple[Weight, Term]]) -> None:
        self.summands = [(w if callable(w) or isinstance(w, tf.Variable) else float(w), term) for w, term in summands]

    def __add__(self, other: Term | Objective) -> Objective:
        more = other.summands if isinstance(other, Objective) else [(1.0, other)]
        return Objective([*self.summands, *more])

    @functools.cached_property
    def terms(self) -> list[tuple[str, Weight, Term]]:
        """(name, weight, term) of each summand; its name is its class in snake case, numbered from the second one on."""
        named: dict[str, tuple[str, Weight, Term]] = {}
        for weight, term in self.summands:
            base = re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", type(term).__name__).lower()
            name, count = base, 2
            while name in named:
                name, count = f"{base}_{count}", count + 1
            named[name] = (name, weight, term)
        return list(named.values())

    def with_weights(self, weights: Mapping[str, Weight]) -> Objective:
        """The same terms, those named in `weights` with other weights. A weight of 0 leaves a term without a state out.

        Raises:
            ZooError: no term has such a name, or none is left for a player.
        """
        names = [name for name, _, _ in self.terms]
        for name in weights:
            if name not in names:
                raise ZooError(f"weights.{name}: {no_such('term of the objective', name, names)}")
        left_out = {name for name, _, term in self.terms if weights.get(name) == 0 and not term.state}
        kept = [(weights.get(name, weight), term) for name, weight, term in self.terms if name not in left_out]
        for player in PLAYERS:
            if left_out and not any(term.acts_for(player) for _, term in kept):
                zeros = ", ".join(f"weights.{name}=0" for name in sorted(left_out))
                raise ZooError(f"{zeros}: no term is left for the {player}.")
        return Objective(kept)

    def periods(self, player: str) -> list[int]:
        """The `every` above 1 of the player's lazy terms, smallest first."""
        return sorted({term.every for _, _, term in self.terms if term.every > 1 and term.acts_for(player)})

    def gradients_at(self, player: str, every: int) -> set[str]:
        """Where the player's terms of this `every` read gradient norms: some of {"real", "fake"}."""
        terms = [term for _, _, term in self.terms if term.every == every and term.acts_for(player)]
        return set().union(*(term.gradients_at for term in terms))

    def losses(self, player: str, turn: Turn, every: int = 1) -> dict[str, tf.Tensor]:
        """The weighted losses of the player's terms of this `every`, by name: scalars."""
        losses = {}
        for name, weight, term in self.terms:
            if term.every == every:
                loss = getattr(term, f"{player}_loss")(turn)
                if loss is not None:
                    losses[name] = (weight if isinstance(weight, float) else value_of(weight, loss.dtype)) * loss
        return losses

    def discriminator_losses(self, turn: Turn) -> dict[str, tf.Tensor]:
        """The discriminator's weighted losses in every step, by name: scalars."""
        return self.losses("discriminator", turn)

    def generator_losses(self, turn: Turn) -> dict[str, tf.Tensor]:
        """The generator's weighted losses in every step, by name: scalars."""
        return self.losses("generator", turn)

    @property
    def state(self) -> dict[str, tf.Variable]:
        """The variables of all terms by "<term>/<name>", and the weights that are variables by "<term>/weight"."""
        state = {f"{name}/{key}": v for name, _, term in self.terms for key, v in term.state.items()}
        return state | {f"{name}/weight": w for name, w, _ in self.terms if isinstance(w, tf.Variable)}


class Game:
    """Two networks, the prior that feeds one, and the objective that both play for. Models override the hooks.

    Args:
        generator: Keras model, {"noise": [B, Z], "labels"?: [B]} -> images [B, H, W, C] in [-1, 1].
        discriminator: Keras model, {"images", "labels"?} -> {"logits": [B, 1], ...}.
        prior: a `Prior`.
        objective: an `Objective`, or one `Term`.
        one_pass: run the discriminator on real and fake in one concatenated batch in its own turn. Only for discriminators
            that treat examples independently: no batch normalisation, no minibatch statistics.

    Attributes:
        sees_images: False if the discriminator is shown something else, so that it cannot be scored on images.
        augmentation: function (batch, draws, purpose) -> batch, applied after `observe_real` and `observe_fake`; None for
            none. See `observation.augmentation.augment`.
        top_k: share of its images that the generator learns from, see `Turn`; None for all.
        generators: the generator and its copies, such as the moving average; whoever makes a copy adds it.
    """

    sees_images: bool = True
    augmentation: Any = None
    top_k: Weight | None = None

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        prior: Prior,
        objective: Objective | Term,
        one_pass: bool = False,
    ) -> None:
        self.generator, self.discriminator, self.prior = generator, discriminator, prior
        self.generators = [generator]
        self.objective = objective if isinstance(objective, Objective) else 1.0 * objective
        self.one_pass = one_pass

    def discriminator_turn(self, real: Batch, draws: Draws, every: int = 1) -> Turn:
        """The discriminator's `Turn`.

        Args:
            real: a batch, a dict of tensors.
            draws: random numbers for as many fakes.
            every: of the terms that it is for.
        """
        # One pass serves gradients at both or at neither; at one of them alone it would go back through both for nothing.
        whole = len(self.objective.gradients_at("discriminator", every)) != 1
        return self.turn(real, draws, self.one_pass and whole)

    def generator_turn(self, real: Batch, draws: Draws) -> Turn:
        """The generator's `Turn`.

        Args:
            real: a batch, a dict of tensors.
            draws: random numbers for the fakes, of which there may be more than reals.
        """
        turn = self.turn(real, draws)
        turn.top_k = self.top_k
        return turn

    def turn(self, real: Batch, draws: Draws, one_pass: bool = False) -> Turn:
        """A `Turn` on `real` and on fakes that are generated, observed and augmented when first read."""

        def fake() -> Batch:
            latents = self.prior.sample(draws)
            generated = self.generate(latents, draws)
            if not isinstance(generated, Mapping) or "images" not in generated:
                what = ", ".join(generated) if isinstance(generated, Mapping) else type(generated).__name__
                raise ZooError(f'{type(self).__name__}.generate returned {what}; expected a dict with "images".')
            return self.shown({**latents, **generated}, draws, "fake")

        return Turn(self.discriminator, self.shown(real, draws, "real"), fake, draws, one_pass, self.generator)

    def shown(self, batch: Batch, draws: Draws, which: str) -> Batch:
        """A "real" or "fake" batch as the discriminator sees it: observed, then augmented."""
        batch = self.observe_real(batch, draws) if which == "real" else self.observe_fake(batch, draws)
        return self.augmentation(batch, draws, which) if self.augmentation else batch

    def generate(self, latents: Batch, draws: Draws) -> Batch:
        """Generates a batch in training mode. A model with style mixing or latent optimisation overrides this.

        Args:
            latents: what the prior sampled.
            draws: for more random numbers; use `draws.fold(purpose)` to sample the prior a second time.

        Returns:
            {"images": [B, H, W, C]}. Further entries, such as the style vectors w, reach the terms in `Turn.fake`, and
            entries of `latents` are replaced.
        """
        return {"images": run_network(self.generator, latents, training=True)}

    def observe_real(self, batch: Batch, draws: Draws) -> Batch:
        """What the discriminator sees of a real batch: measurements, other resolutions."""
        return batch

    def observe_fake(self, batch: Batch, draws: Draws) -> Batch:
        """What the discriminator sees of a generated batch; differentiable."""
        return batch

    def check(self, stage: Stage) -> None:
        """Called for each stage before training starts.

        Raises:
            ZooError: the stage's resolution is not the model's, which does not grow.
        """
        made = tuple(self.generator.output_shape[1:3])
        asked = (stage.resolution,) * 2 if isinstance(stage.resolution, int) else stage.resolution
        if asked is not None and tuple(asked) != made:
            raise ZooError(
                f"a stage has resolution={stage.resolution}, but the generator makes images of shape "
                f"{tuple(self.generator.output_shape[1:])} and does not grow; leave the stages out."
            )

    def enter(self, stage: Stage) -> None:
        """Called before a stage is traced, and before one of its checkpoints is used: progressive models select their layers
        here, in all `generators`."""

    def advance(self, fraction: tf.Tensor) -> None:
        """Called in every step with the completed share of the stage, a scalar in [0, 1): fades follow it."""
