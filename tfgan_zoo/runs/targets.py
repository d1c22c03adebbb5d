"""Who is judged against what: players of a run, of an export or of a folder of images, and the judge by a recipe."""

import dataclasses
import json

import numpy as np
import tensorflow as tf

from tfgan_zoo.core import recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import run_network
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.data import toy
from tfgan_zoo.data.images_on_disk import cache_folder
from tfgan_zoo.data.sources import LOADERS, load_source
from tfgan_zoo.metrics.embedding import FeatureCache
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.metrics.protocol import Evaluator
from tfgan_zoo.metrics.score_registry import direction
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import load_version, newest


def make_evaluator(data, network, evaluation, source=None, resamples=0, watch=lambda parts, text: parts, own_data=True):
    """The `Judge` of a recipe's data. The held-out split is loaded when a score needs it.

    Args:
        data: the recipe's data settings; source: what they load, where that is at hand.
        network: a `FeatureNetwork`.
        evaluation: the recipe's evaluation settings; read are samples, real_images and seed.
        resamples, watch, own_data: as `Judge` takes them.
    """

    def held_out():
        return load_source(data.model_copy(update={"split": data.held_out_split, "labels_per_class": None}))

    return Evaluator(
        network,
        source or load_source(data),
        data.split,
        evaluation.samples,
        evaluation.seed,
        held_out,
        mixture_of(data),
        evaluation.real_images,
        FeatureCache(cache_folder(data) / "features"),
        resamples,
        watch,
        own_data,
        data.held_out_split,
    )


def mixture_of(data):
    """(centres, standard deviation) where the data is a mixture of Gaussians in the plane, otherwise None."""
    kind, _, name = data.source.partition(":")
    if kind != "toy":
        return None
    try:
        return toy.modes(name), toy.deviation(name)
    except ZooError:  # circles have no centres
        return None


def players_of(game, generator=None, truncation=None):
    """The two players of a game as scores see them.

    Args:
        game: in float32. Weights that are assigned to its networks later count.
        generator: the `Generator` that samples from the game's; None where nothing is to be drawn, only checked.
        truncation: bound of the latent, None for none.
    """
    given = {tensor.name: tensor for tensor in game.discriminator.inputs}

    def discriminate(images, labels=None, batch_size=100):
        parts = []
        for start in range(0, len(images), batch_size):
            here = slice(start, start + batch_size)
            piece = np.asarray(images[here])
            values = {"images": piece.astype(np.float32) / 127.5 - 1 if piece.dtype == np.uint8 else piece}
            if "labels" in given and labels is not None:
                values["labels"] = np.asarray(labels[here], np.int32)
            parts.append(outputs(values))
        return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}

    @tf.function(autograph=False, reduce_retracing=True)
    def outputs(inputs):
        return run_network(game.discriminator, inputs, training=False)

    if not game.sees_images:
        return Players(sampler(generator, truncation), prior=game.prior, truncation=truncation)
    widths = {name: tensor.shape[-1] for name, tensor in game.discriminator.output.items()}
    shape = tuple(game.generator.output_shape[1:])
    return Players(sampler(generator, truncation), discriminate, game.prior, truncation, widths, shape)


def check_same_images(source, data, a_recipe, dataset):
    """Raises `ZooError` where `data` is the recipe's own and its source holds other images than those of `dataset`."""
    known = a_recipe and data == a_recipe.data and dataset["sha256"]  # imported weights do not say what they saw
    if known and source.fingerprint() != known:
        raise ZooError(f"{source.name} holds other images now than those that were trained on.")


class RunTarget:
    """A checkpoint of a run, to be judged."""

    def __init__(self, folder, checkpoint="latest"):
        self.run = Run(folder)
        self.recipe = self.run.recipe
        self.game, self.step = self.run.players(checkpoint)
        self.generator = ExportedGenerator(self.game.generator, self.game.prior).generator()

    def players(self, truncation=None):
        return players_of(self.game, self.generator, truncation)

    def check_source(self, source, data):
        """Raises `ZooError` where the data is the run's own and holds other images now, and where a growing run was not at its
        full resolution yet."""
        made, full = tuple(self.game.generator.output_shape[1:]), tuple(self.run.dataset["image_shape"])
        if made != full:
            raise ZooError(
                f"at step {self.step:,} {self.run.folder} makes images of {made[0]}x{made[1]}, and scores are taken of "
                f"{full[0]}x{full[1]}: take a checkpoint of a later stage, or only look at it, by python -m tfgan_zoo.sample."
            )
        check_same_images(source, data, self.recipe, self.run.dataset)

    def keep(self, scores):
        """Puts the scores into the run's scores.jsonl."""
        self.run.add_scores(scores)


class ExportTarget:
    """A generator alone: an export's folder, or one version of it."""

    def __init__(self, folder, unsafe=False):
        folder = newest(folder)
        self.generator = load_version(folder, unsafe)
        path = folder / "model_card.json"
        card = json.loads(path.read_text()) if path.exists() else {}
        self.recipe = recipe.parse(card["recipe"]) if "recipe" in card else None
        self.dataset, self.step = card.get("dataset"), card.get("step", 0)
        self.prior = Prior(self.generator.noise_size, None, self.generator.num_classes, self.generator.codes)

    def players(self, truncation=None):
        shape = self.generator.sample_shape
        return Players(sampler(self.generator, truncation), prior=self.prior, truncation=truncation, shape=shape)

    def check_source(self, source, data):
        check_same_images(source, data, self.recipe, self.dataset)

    def keep(self, scores):
        """They are printed alone."""


class ImagesTarget:
    """Images that are there already: a folder of them, or a source such as arrays:FILE.npz.

    Args:
        data: the settings of the data that they are compared with, whose resolution and channels they are brought to.
        samples: how many are taken, drawn by `seed`; None for all.
        seed: the judge's.
    """

    recipe, step = None, 0

    def __init__(self, folder, data, samples, seed):
        name = folder if folder.partition(":")[0] in LOADERS else f"folder:{folder}"
        changes = {"source": name, "split": "all", "labels_per_class": None, "classes": None}
        self.images, self.seed = load_source(data.model_copy(update=changes)).images, seed
        # Files come class by class, and scores in splits or of fewer samples would see few classes.
        self.order = np.random.default_rng(seed).permutation(len(self.images))[:samples]
        if len(self.images) < (samples or 2):
            raise ZooError(
                f"{folder} holds {len(self.images):,} images, and {samples or 2:,} are needed; see --samples."
            )

    def players(self, truncation=None):
        if truncation is not None:
            raise ZooError("--truncation is for a generator, and --images has none.")
        return Players(
            lambda seeds, labels=None, codes=None: self.images[self.order[np.asarray(seeds) - self.seed]],
            shape=self.images.shape[1:],
            limit=len(self.order),
        )

    def check_source(self, source, data):
        """Any will do of the images' shape, which the judge checks."""

    def keep(self, scores):
        """They are printed alone."""


def sampler(generator, truncation):
    """What `Players.generate` is, of a `Generator`."""

    def generate(seeds, labels=None, codes=None):
        return generator.sample(seeds, truncation, labels, codes)

    return generate


def described(scores):
    """Lines that tell scores, then what they were taken by."""
    lines, protocols = [], {}
    for s in scores:
        error = "" if s.standard_error is None else f" ± {s.standard_error:.2g}"
        interval = "" if s.interval is None else f"  95 %: {s.interval[0]:.6g} to {s.interval[1]:.6g}"
        bound = "" if s.protocol.truncation is None else f"truncation {s.protocol.truncation:g}, "
        lines.append(f"{s.name} = {s.value:.6g}{error}{interval}  ({bound}step {s.step:,})")
        names = protocols.setdefault(dataclasses.replace(s.protocol, truncation=None), [])
        if s.name not in names:
            names.append(s.name)
    for protocol, names in protocols.items():
        told = {key: value for key, value in dataclasses.asdict(protocol).items() if key != "truncation"}
        lines.append(f"protocol of {', '.join(names)}: " + json.dumps(told, indent=2))
    return lines


def comparison(one, other):
    """Lines that compare the last scores of two runs, of each name and protocol that both have.

    Args:
        one, other: `Run`s.

    Raises:
        ZooError: there is no such score; names the differences where names agree and protocols do not.
    """
    last = [{(s.name, s.protocol): s for s in sorted(run.scores(), key=lambda s: s.step)} for run in (one, other)]
    both = [what for what in last[0] if what in last[1]]
    if not both:
        for score in reversed(last[0].values()):
            for its in reversed(last[1].values()):
                if score.name == its.name and direction(score.name):
                    score.better_than(its)  # which says in what their protocols differ
        raise ZooError(
            f"{one.folder} and {other.folder} have no score in common; take some: python -m tfgan_zoo.evaluate."
        )
    lines = []
    for what in both:
        first, second = (scores[what] for scores in last)
        line = f"{first.name}: {first.value:.6g} (step {first.step:,}) and {second.value:.6g} (step {second.step:,})"
        if direction(first.name):
            better = one.folder if first.better_than(second) else other.folder if second.better_than(first) else "equal"
            line += f"  better: {better}"
        lines.append(line)
    return lines
