"""What a recipe (a TOML file in zoo_configs/) may say: every number of a run, checked before anything starts."""

import copy
import re
import tomllib
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from tfgan_zoo.errors import ZooError, no_such

Count = Annotated[int, Field(ge=1)]
Steps = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Section(pydantic.BaseModel):
    """A table of the recipe. Unknown keys are refused, and nothing changes after the check."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class Measurement(Section):
    """What is seen of each image in its place: the lossy measurements of AmbientGAN."""

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
    probability: float = Field(0.5, ge=0, le=1, description="block_pixels: with which a pixel is black")
    patch: Count = Field(16, description="block_patch, keep_patch, extract_patch: side of the square, in pixels")
    blur: float = Field(1.0, gt=0, description="convolve_noise: standard deviation of the Gaussian kernel, in pixels")
    noise: float = Field(0.2, ge=0, description="convolve_noise: its standard deviation, of images in [-1, 1]")
    angles: Count = Field(1, description="pad_rotate_project, with theta or without: lines of an image")
    seed: int = Field(0, ge=0, lt=2**31, description="of what is drawn for each real image, once")
    unmeasure: bool = Field(False, description="invert the measurements first, and train on what comes of that")


class Data(Section):
    """Which images, and how they come to one shape."""

    source: str = Field(
        "mnist5k",
        description="mnist5k, stacked:mnist5k, arrays:FILE.npz, folder:DIR, pyramid:DIR, tfds:NAME or "
        "toy:ring8|grid25|circles",
    )
    split: str = Field("all", description="all, or a split that the source has")
    resolution: Count | tuple[Count, Count] | None = Field(None, description="height = width, or [height, width]")
    channels: Literal[1, 3, 4] | None = Field(None, description="1 gray, 3 RGB, 4 RGBA; as they are where left out")
    fit: Literal["pad", "crop", "refuse"] = Field("pad", description="what is done with images of another shape")
    bad_files: Literal["refuse", "skip"] = Field("refuse", description="what is done with files that are no image")
    flip: bool = Field(False, description="mirror each image with probability one half")
    measurement: Measurement = Measurement()
    labels_per_class: Count | None = Field(
        None,
        description="so many labelled examples of each class, drawn by label_seed; the rest is used without labels",
    )
    label_seed: int = Field(0, ge=0, description="of the draw of labels_per_class")
    classes: Count | None = Field(
        None, description="how many classes the labels have; needed only where a recipe is dry-run without its data"
    )
    data_dir: str | None = Field(None, description="where tfds data sets lie; TFDS' own place where left out")
    download: bool = Field(False, description="let tfds download a data set that is not there")
    cache_dir: str | None = Field(None, description="where large data sets are kept decoded; ~/.cache/tfgan_zoo")
    memory_limit_mb: Count = Field(2048, description="decoded images larger than this are kept on disk")


class Optimizer(Section):
    """How one player is updated."""

    name: Literal["adam", "rmsprop", "sgd"] = "adam"
    learning_rate: float = Field(2e-4, gt=0)
    beta_1: Share = Field(0.0, description="adam: decay of the first moment")
    beta_2: Share = Field(0.9, description="adam: decay of the second moment")
    rho: Share = Field(0.9, description="rmsprop: decay of the mean square")
    momentum: Share = Field(0.0, description="sgd and rmsprop")
    epsilon: float = Field(1e-8, ge=0)
    schedule: Literal["constant", "linear", "plateau"] = Field(
        "constant", description="linear falls to 0 at the last step, plateau whenever the watched value stalls"
    )
    decay_from: Steps = Field(0, description="linear: the step at which the fall begins")
    watch: str = Field("", description="plateau: a state of the objective, such as boundary_equilibrium/convergence")
    patience: Count = Field(
        1000,
        description="plateau: the rate is multiplied by `factor` when the watched value, averaged over about patience/10 "
        "steps, has not fallen to a new low for so many steps",
    )
    factor: float = Field(0.5, gt=0, lt=1, description="plateau")
    min_rate: float = Field(0.0, ge=0, description="plateau: the rate does not fall below it")

    @pydantic.model_validator(mode="after")
    def check_plateau(self):
        if self.schedule == "plateau":
            if not self.watch:
                raise ValueError("schedule=plateau needs watch, the name of a state of the objective")
            if self.min_rate > self.learning_rate:
                raise ValueError(f"min_rate={self.min_rate} is above learning_rate={self.learning_rate}")
        return self


class Averaging(Section):
    """The exponential moving average of the generator's weights and statistics, which is what is sampled and exported."""

    decay: Share = Field(0.999, description="0 takes the last weights as they are")
    start_step: Steps = Field(0, description="until then the average is a copy")
    standing_batches: Steps = Field(
        0,
        description="batches of latents over which the average's batch statistics are taken anew before it is sampled, "
        "scored or exported (BigGAN: 100); 0 leaves the moving ones",
    )


class Evaluation(Section):
    """The scores that a run is judged by."""

    scores: tuple[str, ...] = Field(
        ("distances",),
        description="any of distances, kernel_subsets, extrapolated, intra_class, inception_score, precision_recall, "
        "density_coverage, sliced_wasserstein, ms_ssim, class_accuracy, cas, test_error, clustering_error, code_recovery, "
        "discriminator_accuracy, modes and stacked_modes",
    )
    best_by: str = Field(
        "", description="the score, such as precision, that the best checkpoint is kept by; Fréchet's if empty"
    )
    every_steps: Steps = Field(0, description="0 scores once, at the end")
    samples: Steps = Field(5000, description="generated images. 0 never scores")
    real_images: Count | None = Field(None, description="real ones at most; as many as samples where left out")
    features: str = Field(
        "mnist_cnn",
        description="the feature network: mnist_cnn, effnet_lite0 for colour, inception, inception_clean or "
        "inception_v3_keras with inception_file, or points for toys",
    )
    inception_file: str | None = Field(
        None,
        description="the weights from your disk: classify_image_graph_def.pb of 2015, or Keras' .h5 for inception_v3_keras",
    )
    seed: int = Field(0, ge=0)


class Checkpoints(Section):
    """When the run is saved. The best by score is kept beside the last ones."""

    every_steps: Count = 1000
    keep: Count = 3


class Log(Section):
    """What is written while the run goes on."""

    scalars_every_steps: Count = 50
    samples_every_steps: Count = 500
    grid: Count = Field(8, description="sample grids have grid x grid images")
    accuracy_images: Steps = Field(
        0,
        description="with each sample grid the discriminator's accuracy on so many training and as many held-out images; "
        "0 for none",
    )


class Guard(Section):
    """What counts as a collapse, and what is done about it. What is not finite always counts; each other bound may be 0 for none."""

    on_collapse: Literal["none", "stop", "rollback"] = Field(
        "none",
        description="stop: end the run; rollback: go back to the last good checkpoint, the best where there are scores, and "
        "on from there with another seed",
    )
    every_steps: Steps = Field(0, description="steps between two looks; 0 looks before every checkpoint")
    from_step: Steps = Field(0, description="until then only what is not finite counts")
    loss_floor: float = Field(
        1e-3, ge=0, description="the discriminator's mean loss must not come closer to 0; 0 for critics, whose loss may"
    )
    loss_factor: float = Field(
        20.0, ge=0, description="nor be so many times its level over the last looks, or 1 if larger"
    )
    singular_factor: float = Field(
        4.0, ge=0, description="nor any kernel's largest singular value so many times its level, or 1 if larger"
    )
    score_factor: float = Field(
        2.0, ge=0, description="nor evaluation.best_by be worse than its best by this factor and score_margin"
    )
    score_margin: float = Field(0.0, ge=0, description="in the units of that score")
    rollbacks: Count = Field(3, description="at most; the next collapse ends the run with an error")
    rate_factor: float = Field(1.0, gt=0, le=1, description="both learning rates are multiplied by it at each rollback")


class Stage(Section):
    """A stretch of the run at one resolution and batch size. Models that do not grow have exactly one."""

    steps: Count
    batch_size: Count
    resolution: Count | tuple[Count, Count] | None = None
    fade_steps: Steps = Field(0, description="of models that grow: the first steps, in which new layers fade in")

    @pydantic.model_validator(mode="after")
    def check_fade(self):
        if self.fade_steps > self.steps:
            raise ValueError(f"fade_steps={self.fade_steps} is beyond the stage's steps={self.steps}")
        return self


class Recipe(Section):
    """A whole run. Keys that a file leaves out take the defaults written here."""

    summary: str = Field("", description="one line for --list")
    model: str = Field(description="a file in tfgan_zoo/models")
    arguments: dict[str, Any] = Field(default_factory=dict, description="what the model's build() takes")
    seed: int = Field(0, ge=0, lt=2**32, description="of the weights, the latents and the order of the images")
    steps: Count = Field(description="generator updates; the sum over the stages, where there are some")
    batch_size: Count = Field(64, description="images a discriminator update, over all replicas")
    generator_batch_size: Count | None = Field(None, description="fakes a generator update; batch_size where left out")
    discriminator_steps: Count = Field(1, description="discriminator updates a step")
    accumulation: Count = Field(1, description="parts that a batch is computed in, to save memory")
    steps_per_call: Count = Field(50, description="steps between two returns to Python; changes speed, not results")
    precision: Literal["float32", "mixed_bfloat16", "float64"] = "float32"
    jit_compile: bool = Field(False, description="compile gradients with XLA")
    stages: tuple[Stage, ...] = Field((), description="for models that grow; then batch_size is theirs")
    data: Data = Data()
    generator_optimizer: Optimizer = Optimizer()
    discriminator_optimizer: Optimizer = Optimizer()
    averaging: Averaging = Averaging()
    evaluation: Evaluation = Evaluation()
    checkpoints: Checkpoints = Checkpoints()
    log: Log = Log()
    guard: Guard = Guard()
    augmentation: tuple[Literal["color", "translation", "cutout"], ...] = Field(
        (),
        description="what is done to real and fake images alike before the discriminator sees them, for small data sets",
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def add_steps_up(cls, table):
        """Stages say how long a run is; `steps` may be left to them."""
        if "steps" in table or not table.get("stages"):
            return table
        try:
            return {**table, "steps": sum(stage["steps"] for stage in table["stages"])}
        except (KeyError, TypeError):
            return table  # something is wrong with a stage, which its own check tells

    @pydantic.model_validator(mode="after")
    def check_batches(self):
        sizes = [("generator_batch_size", self.generator_batch_size)]
        sizes += [("batch_size", stage.batch_size) for stage in self.schedule]
        for name, size in sizes:
            if size and size % self.accumulation:
                raise ValueError(f"{name}={size} cannot be computed in {self.accumulation} equal parts (accumulation)")
        return self

    @pydantic.model_validator(mode="after")
    def check_steps(self):
        if self.steps != self.total_steps:
            raise ValueError(
                f"steps={self.steps}, and the stages have {self.total_steps} in all: change theirs, or leave stages out (stages=[])"
            )
        return self

    @pydantic.model_validator(mode="after")
    def check_augmentation(self):
        if len(set(self.augmentation)) < len(self.augmentation):
            raise ValueError(f"augmentation={list(self.augmentation)} names one twice")
        return self

    @pydantic.model_validator(mode="after")
    def check_guard(self):
        """No checkpoint is written, and no score is the best, that was not looked at in that step."""
        saved, scored, looked = self.checkpoints.every_steps, self.evaluation.every_steps, self.guard.every_steps
        if self.guard.on_collapse != "rollback":
            return self
        if looked and saved % looked:
            raise ValueError(f"guard.every_steps={looked} does not divide checkpoints.every_steps={saved}")
        if scored % saved:
            raise ValueError(
                f"guard.on_collapse=rollback goes back to what was scored, and evaluation.every_steps={scored} is no multiple "
                f"of checkpoints.every_steps={saved}"
            )
        return self

    @property
    def schedule(self):
        """The stages, of which a recipe without a list has one."""
        if self.stages:
            return self.stages
        return (Stage(steps=self.steps, batch_size=self.batch_size, resolution=self.data.resolution),)

    @property
    def total_steps(self):
        """Generator updates over all stages."""
        return sum(stage.steps for stage in self.schedule)

    def stage_at(self, step):
        """The stage of a checkpoint of `step`: the one that this many steps end in, at a border the one before it."""
        for stage in self.schedule:
            if step <= stage.steps:
                return stage
            step -= stage.steps
        return self.schedule[-1]

    def images_seen(self, step):
        """How many real examples the discriminator was shown in the first `step` steps."""
        images = 0
        for stage in self.schedule:
            images += min(step, stage.steps) * stage.batch_size * self.discriminator_steps
            step = max(0, step - stage.steps)
        return images

    def as_dict(self):
        """Plain values, as recipe.json holds them."""
        return self.model_dump(mode="json")


# Keys that change how a run is watched and how fast it goes, but never its weights: a resumed run may change them.
FREE_KEYS = re.compile(
    r"(summary|steps_per_call|(checkpoints|log|evaluation|guard)\..*"
    r"|data\.(classes|data_dir|download|cache_dir|memory_limit_mb))"
)
# But where a run goes back when it collapses, what it is judged by and what it can go back to decide on its weights.
ROLLBACK_KEYS = re.compile(r"(guard\.(?!rollbacks).*|evaluation\..*|checkpoints\.every_steps)")


def flatten(table, prefix=""):
    """Nested dict -> {"data.source": value, ...}."""
    flat = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def differences(old, new):
    """The keys, as in `--set`, in which two recipes would give other weights: {key: (old value, new value)}.

    `steps` may change where no schedule looks at the run's length.
    """
    a, b = flatten(old.as_dict()), flatten(new.as_dict())
    different = {k: (a.get(k), b.get(k)) for k in a.keys() | b.keys() if a.get(k) != b.get(k)}
    optimizers = (old.generator_optimizer, old.discriminator_optimizer)
    free_length = all(optimizer.schedule != "linear" for optimizer in optimizers)
    goes_back = "rollback" in (old.guard.on_collapse, new.guard.on_collapse)

    def free(key):
        if goes_back and ROLLBACK_KEYS.fullmatch(key):
            return False
        return FREE_KEYS.fullmatch(key) or (key == "steps" and free_length)

    return {k: v for k, v in sorted(different.items()) if not free(k)}


def parse(table, origin="the recipe"):
    """A checked `Recipe` of nested plain values.

    Raises:
        ZooError: names every key that is unknown (with the nearest ones) or out of range.
    """
    try:
        return Recipe.model_validate(table)
    except pydantic.ValidationError as error:
        lines = [explain(problem) for problem in error.errors()]
        raise ZooError(f"{origin}: " + "\n".join(lines)) from None


def explain(problem):
    """One sentence on one of pydantic's errors."""
    path = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        return f"{'.'.join(path)}: {no_such('key', path[-1], known_keys(path[:-1]))}"
    if problem["type"] == "missing":
        return f"{'.'.join(path)}: needed, and not given."
    key = ".".join(part for part in path if re.fullmatch(r"\w+", part))  # without the names of a union's branches
    return f"{key or 'recipe'}: {problem['msg']}, and got {problem['input']!r}."


def known_keys(path):
    """The keys of the table at `path`, such as ["data"]."""
    section = Recipe
    for part in path:
        if part in section.model_fields:
            annotation = section.model_fields[part].annotation
            section = next((t for t in (annotation, *typing.get_args(annotation)) if is_section(t)), section)
    return section.model_fields


def is_section(annotation):
    return isinstance(annotation, type) and issubclass(annotation, Section)


def read_toml(path):
    """The nested plain values of a TOML file."""
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ZooError(
            f"{path}: no such file; give the path of a recipe such as zoo_configs/sngan/quickstart.toml."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: not a TOML file: {error}.") from None


def override(table, assignments):
    """A copy of nested plain values with `key=value` assignments made, such as "data.resolution=64".

    A value is read as TOML (0.1, true, "text", [1, 2]), or else taken as text.
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
                raise ZooError(f"--set {assignment}: {part} is no table; see --dry_run for the recipe's keys.")
        target[last] = value
    return table
