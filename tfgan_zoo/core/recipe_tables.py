"""The tables of a recipe: the meaning and the bounds of each key."""

import itertools
from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field

Count = Annotated[int, Field(ge=1)]
Steps = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


def split_names(value: object) -> object:
    """Text with commas as a list of names, so that --set needs neither brackets nor quotes.

    Examples:
        >>> split_names("color, cutout"), split_names(["bgc"]), split_names("")
        (['color', 'cutout'], ['bgc'], [])
    """
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


SplitNames = pydantic.BeforeValidator(split_names)


class Table(pydantic.BaseModel):
    """A table of the recipe. Unknown keys are refused, and it is immutable once validated."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class Schedule(Table):
    """A number that changes as training goes on. Positions are steps, or images as in over="20M images"."""

    start: float = Field(0.0, description="value at first")
    end: float = Field(0.0, description="value in the end")
    over: Count = Field(1, description="steps from the first to the last value; all of the run by default")
    after: Steps = Field(0, description="steps before it begins to change")
    shape: Literal["linear", "cosine"] = Field("linear", description="a straight line, or half a cosine")
    points: tuple[tuple[Steps, float], ...] = Field(
        (), description="[step, value] pairs, joined by straight lines, in place of the other keys"
    )

    @pydantic.model_validator(mode="after")
    def check_points(self) -> Self:
        """Refuses points that are not in order, and points beside the other keys."""
        steps = [step for step, _ in self.points]
        if any(a >= b for a, b in itertools.pairwise(steps)):
            raise ValueError(f"points at steps {steps}; expected them in increasing order")
        others = {name: getattr(self, name) for name in type(self).model_fields if name != "points"}
        if self.points and any(value != type(self).model_fields[name].default for name, value in others.items()):
            raise ValueError("points stand alone; leave out start, end, over, after and shape")
        if not self.points and not {"start", "end", "over"} <= self.model_fields_set:
            raise ValueError("expected start and end, or points")
        return self

    @property
    def values(self) -> list[float]:
        """The values between which it stays."""
        return [value for _, value in self.points] or [self.start, self.end]


def kind_of(value: object) -> str:
    """What a `Number` was meant as, so that only the right errors are reported."""
    return "schedule" if isinstance(value, dict | Schedule) else "number"


# A constant, or one that moves
Number = Annotated[
    Annotated[float, pydantic.Tag("number")] | Annotated[Schedule, pydantic.Tag("schedule")],
    pydantic.Discriminator(kind_of),
]


def within(number: Number, low: float | None = None, above: float | None = None, below: float | None = None) -> Number:
    """`number`, of which every value x has low <= x, x > above and x < below, as far as given.

    Raises:
        ValueError: it leaves these bounds.
    """
    for x in number.values if isinstance(number, Schedule) else [number]:
        for broken, bound in (
            (low is not None and x < low, f"greater than or equal to {low}"),
            (above is not None and x <= above, f"greater than {above}"),
            (below is not None and x >= below, f"less than {below}"),
        ):
            if broken:
                raise ValueError(f"{x:g} is out of range; expected {bound}")
    return number


class MeasurementSettings(Table):
    """Lossy measurements that training sees in place of the images, for AmbientGAN."""

    kind: Literal[
        "none",
        "block_pixels",
        "convolve_noise",
        "block_patch",
        "keep_patch",
        "extract_patch",
        "pad_rotate_project",
        "pad_rotate_project_theta",
        "gaussian_projection",
    ] = "none"
    probability: float = Field(0.5, ge=0, le=1, description="block_pixels: of a pixel being black")
    patch: Count = Field(16, description="block_patch, keep_patch, extract_patch: side of the square, in pixels")
    blur: float = Field(1.0, gt=0, description="convolve_noise: standard deviation of the Gaussian kernel, in pixels")
    noise: float = Field(
        0.2, ge=0, description="convolve_noise: standard deviation of the noise, for images in [-1, 1]"
    )
    angles: Count = Field(1, description="pad_rotate_project, with or without theta: projections per image")
    seed: int = Field(0, ge=0, lt=2**31, description="of the measurement of each real image, drawn once")
    unmeasure: bool = Field(False, description="invert the measurements first, and train on the results")


class DataSettings(Table):
    """Which images, and how they are brought to one shape."""

    source: str = Field(
        "mnist5k",
        description="mnist5k, emoji, stacked:mnist5k, arrays:FILE.npz, folder:DIR (or a .zip file), pyramid:DIR, tfds:NAME or "
        "toy:ring8|grid25|circles",
    )
    split: str = Field("all", description="all, or a split of the source")
    held_out_split: str = Field("test", description="the split for scores on held-out images; slices must not overlap")
    resolution: Count | tuple[Count, Count] | None = Field(None, description="height = width, or [height, width]")
    channels: Literal[1, 3, 4] | None = Field(None, description="1 gray, 3 RGB, 4 RGBA; unchanged by default")
    fit: Literal["pad", "crop", "refuse"] = Field("pad", description="what happens to images of another shape")
    background: int = Field(0, ge=0, le=255, description="gray level of what is padded or transparent; 255 is white")
    bad_files: Literal["refuse", "skip"] = Field("refuse", description="what happens to files that are not images")
    white_level: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="folder: the level of 16-bit files that becomes white, 65535 by default; 4095 for 12 bits",
    )
    label_feature: str | None = Field(
        None, description="tfds: the feature with the class, a ClassLabel or a whole number; 'label' by default"
    )
    flip: bool = Field(False, description="mirror each image with probability one half")
    order: Literal["blocks", "repeating"] = Field(
        "blocks", description="repeating: epochs 256 apart are in one order, as in runs of version 0.1, which keep it"
    )
    measurement: MeasurementSettings = MeasurementSettings()
    labels_per_class: Count | None = Field(
        None,
        description="labelled examples per class, drawn by label_seed; the rest is used without labels",
    )
    label_seed: int = Field(0, ge=0, description="of the draw of labels_per_class")
    classes: Count | None = Field(
        None, description="number of classes; only needed to dry-run a recipe without its data"
    )
    data_dir: str | None = Field(None, description="folder of tfds data sets; TFDS' own by default")
    download: bool = Field(False, description="let tfds download a missing data set")
    cache_dir: str | None = Field(
        None, description="where large data sets are stored decoded; ~/.cache/tfgan_zoo by default"
    )
    memory_limit_mb: Count = Field(2048, description="decoded data sets larger than this are stored on disk")


class AugmentationFeedbackSettings(Table):
    """How the probability of augmentation follows the discriminator's confidence in real images (ADA, Karras et al. 2020)."""

    target: float = Field(
        0.6,
        gt=-1,
        lt=1,
        description="the mean sign of the logits of real images at which the probability stays; above it rises, below it falls",
    )
    images: Count = Field(500_000, description="real images over which the probability moves by 1")
    every_steps: Count = Field(4, description="steps between two changes")
    limit: float = Field(
        1.0,
        gt=0,
        le=1,
        description="upper bound of the probability; above about 0.8 the generator may learn the transformations",
    )


class OptimizerSettings(Table):
    """How one player is updated."""

    name: Literal["adam", "rmsprop", "sgd"] = "adam"
    learning_rate: Number = 2e-4
    beta_1: Share = Field(0.0, description="adam: decay of the first moment")
    beta_2: Number = Field(0.9, description="adam: decay of the second moment")
    rho: Share = Field(0.9, description="rmsprop: decay of the mean square")
    momentum: Share = Field(0.0, description="sgd and rmsprop")
    epsilon: float = Field(1e-8, ge=0)
    schedule: Literal["constant", "linear", "plateau"] = Field(
        "constant",
        description="of learning_rate, if that is a constant: linear falls to 0 at the last step, plateau falls whenever the watched value stalls",
    )
    decay_from: Steps = Field(0, description="linear: the step at which it begins to fall")
    watch: str = Field("", description="plateau: a state of the objective, such as boundary_equilibrium/convergence")
    patience: Count = Field(
        1000,
        description="plateau: the rate is multiplied by `factor` when the watched value, averaged over about patience/10 "
        "steps, has reached no new low for this many steps",
    )
    factor: float = Field(0.5, gt=0, lt=1, description="plateau")
    min_rate: float = Field(0.0, ge=0, description="plateau: lower bound of the rate")
    singular_limit: float | None = Field(
        None, gt=0, description="upper bound of each kernel's largest singular value, enforced after each update"
    )
    singular_ratio: float | None = Field(None, gt=0, description="the same, as a multiple of the second largest")

    @pydantic.model_validator(mode="after")
    def check_clamp(self) -> Self:
        if None not in (self.singular_limit, self.singular_ratio):
            raise ValueError("singular_limit and singular_ratio exclude each other; set one of them")
        return self

    @pydantic.field_validator("learning_rate")
    @classmethod
    def check_learning_rate(cls, rate: Number) -> Number:
        return within(rate, low=0) if isinstance(rate, Schedule) else within(rate, above=0)

    @pydantic.field_validator("beta_2")
    @classmethod
    def check_beta_2(cls, beta: Number) -> Number:
        return within(beta, low=0, below=1)

    @pydantic.model_validator(mode="after")
    def check_rate(self) -> Self:
        if isinstance(self.learning_rate, Schedule) and self.schedule != "constant":
            raise ValueError(f"schedule={self.schedule} needs a constant learning_rate, and it is a schedule itself")
        if isinstance(self.beta_2, Schedule) and self.name != "adam":
            raise ValueError(f"beta_2 moves, but {self.name} has no beta_2")
        return self

    @pydantic.model_validator(mode="after")
    def check_plateau(self) -> Self:
        if self.schedule == "plateau":
            if not self.watch:
                raise ValueError("schedule=plateau needs watch, the name of a state of the objective")
            if not isinstance(self.learning_rate, Schedule) and self.min_rate > self.learning_rate:
                raise ValueError(f"min_rate={self.min_rate} is above learning_rate={self.learning_rate}")
        return self


class AveragingSettings(Table):
    """The exponential moving average of the generator's weights and statistics, which is sampled and exported."""

    decay: Share = Field(0.999, description="0 takes the current weights")
    half_life: Number | None = Field(
        None,
        description="in place of decay: images after which the average has forgotten half; 0 takes the last weights",
    )
    rampup: float | None = Field(
        None, gt=0, description="half_life is at most this share of the images seen so far (StyleGAN2: 0.05)"
    )
    start_step: Steps = Field(0, description="until then, the average is a copy of the generator")
    standing_batches: Steps = Field(
        0,
        description="batches of latents over which the average's batch statistics are recomputed before it is sampled, "
        "scored or exported (BigGAN: 100); 0 leaves the moving ones",
    )

    @pydantic.field_validator("half_life")
    @classmethod
    def check_half_life_is_no_less_than_0(cls, images: Number | None) -> Number | None:
        return images if images is None else within(images, low=0)

    @pydantic.model_validator(mode="after")
    def check_rampup(self) -> Self:
        if self.rampup is not None and self.half_life is None:
            raise ValueError("rampup limits half_life, which is not set")
        return self


class EvaluationSettings(Table):
    """The scores of a run."""

    scores: Annotated[tuple[str, ...], SplitNames] = Field(
        ("distances",),
        description="any of distances, kernel_subsets, extrapolated, intra_class, inception_score, precision_recall, "
        "density_coverage, sliced_wasserstein, ms_ssim, class_accuracy, cas, test_error, clustering_error, code_recovery, "
        "discriminator_accuracy, modes, stacked_modes and path_length",
    )
    best_by: str = Field(
        "",
        description="the score, such as precision, that decides which checkpoint is the best; the Fréchet distance by default",
    )
    every_steps: Steps = Field(0, description="0 scores only at the end")
    samples: Steps = Field(5000, description="generated images; 0 for no scores")
    real_images: Count | None = Field(None, description="at most; as many as samples by default")
    features: str = Field(
        "auto",
        description="the feature network: mnist_cnn, effnet_lite0, inception, inception_clean or inception_v3_keras with "
        "inception_file, or points for toys; auto: mnist_cnn for gray digits, effnet_lite0 for other pictures",
    )
    inception_file: str | None = Field(
        None,
        description="path of the weights: classify_image_graph_def.pb of 2015, or Keras' .h5 for inception_v3_keras",
    )
    seed: int = Field(0, ge=0)
    all_workers: bool = Field(
        False,
        description="all workers make and embed a share of the samples that features are taken of, each on its first device, "
        "not worker 0 alone",
    )


class CheckpointSettings(Table):
    """When and how the run is saved. The best by score is retained besides the newest.

    background: training goes on while a copy of the state is written.
    sharded: each worker writes its part, into the same folder on a shared disk; else the first writes all.
    """

    every_steps: Count = 1000
    keep: Count = 3
    background: bool = True
    sharded: bool = False


class LogSettings(Table):
    """What a run writes as it trains."""

    scalars_every_steps: Count = 50
    samples_every_steps: Count = 500
    grid: Count = Field(8, description="sample grids have grid x grid images")
    accuracy_images: Steps = Field(
        0,
        description="with each sample grid, the discriminator's accuracy on this many training and held-out images; "
        "0 for none",
    )


class GuardSettings(Table):
    """What counts as a collapse, and how the run reacts. Values that are not finite always count; 0 disables any other bound."""

    on_collapse: Literal["none", "stop", "rollback"] = Field(
        "none",
        description="stop: end the run; rollback: restore the last good checkpoint, the best one if there are scores, and "
        "continue with another seed",
    )
    every_steps: Steps = Field(0, description="steps between two checks; 0 checks before every checkpoint")
    from_step: Steps = Field(0, description="until then, only values that are not finite count")
    loss_floor: float = Field(
        1e-3,
        ge=0,
        description="lower bound of the absolute mean discriminator loss; 0 for critics, whose loss may cross zero",
    )
    loss_factor: float = Field(
        20.0,
        ge=0,
        description="upper bound of that loss, as a multiple of its level over the last checks, or of 1 if larger",
    )
    singular_factor: float = Field(
        4.0,
        ge=0,
        description="upper bound of any kernel's largest singular value, as a multiple of its level, or of 1 if larger",
    )
    score_factor: float = Field(
        2.0, ge=0, description="evaluation.best_by must not be worse than its best by this factor plus score_margin"
    )
    score_margin: float = Field(0.0, ge=0, description="in units of that score")
    rollbacks: Count = Field(3, description="at most; a further collapse ends the run with an error")
    rate_factor: float = Field(1.0, gt=0, le=1, description="factor of both learning rates at each rollback")


class Stage(Table):
    """A part of the run at one resolution and batch size. Models that do not grow have exactly one."""

    steps: Count
    batch_size: Count
    resolution: Count | tuple[Count, Count] | None = None
    fade_steps: Steps = Field(0, description="for models that grow: the first steps, in which new layers fade in")

    @pydantic.model_validator(mode="after")
    def check_fade(self) -> Self:
        if self.fade_steps > self.steps:
            raise ValueError(f"fade_steps={self.fade_steps} is beyond the stage's steps={self.steps}")
        return self
