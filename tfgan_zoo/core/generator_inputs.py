"""What a prior says of its generator without drawing: the generator's inputs and the meaning of truncation.

Loads no TensorFlow, because clients of a server read it too.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError

RESERVED = ("seed", "seeds", "truncation", "latents")  # arguments of the signatures and samplers


@dataclasses.dataclass(frozen=True)
class GeneratorInput:
    """One input of a generator. There are three kinds:

        latent     a client gets it from the signature `latents` and gives it to `serving_default`
        condition  a client gives it, or leaves it open by `open_value` where there is a seed to draw it from
        internal   no client gives it, such as per-layer noise: drawn from the seed, constant where there is none

    Attributes:
        name: of the Keras input.
        shape: of one example, without the batch.
        dtype: "float32" or "int32".
        client_may_give: False for an internal input.
        open_value: of a condition: NaN, or a number at or below which a value counts as open, such as -1 for a label.
            Elementwise. None for any other input.
        interpolated: whether a latent moves on the way between two seeds. A latent that does not, such as a truncation psi,
            stays at that of the first seed.

    Raises:
        ZooError: the attributes contradict each other.

    Examples:
        >>> GeneratorInput("noise", (128,), interpolated=True).kind
        'latent'
        >>> GeneratorInput("labels", (), "int32", open_value=-1).kind
        'condition'
        >>> GeneratorInput("noise_4x4", (4, 4, 1), client_may_give=False).kind
        'internal'
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    client_may_give: bool = True
    open_value: float | None = None
    interpolated: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name in RESERVED:
            raise ZooError(f"generator input {self.name!r}: expected an identifier other than {', '.join(RESERVED)}.")
        if self.dtype not in ("float32", "int32"):
            raise ZooError(f"generator input {self.name}: dtype={self.dtype!r}; use 'float32' or 'int32'.")
        if self.open_value is not None and (self.interpolated or not self.client_may_give):
            raise ZooError(
                f"generator input {self.name}: open_value={self.open_value} is for a condition, which a client may give and "
                f"which is not interpolated."
            )
        if self.dtype == "int32" and self.open_value is not None and math.isnan(self.open_value):
            raise ZooError(f"generator input {self.name}: open_value=nan for int32; use a number such as -1.")
        if self.interpolated and (self.dtype != "float32" or not self.client_may_give):
            raise ZooError(f"generator input {self.name}: only a float32 latent can be interpolated.")

    @property
    def kind(self) -> str:
        """ "latent", "condition" or "internal"."""
        if not self.client_may_give:
            return "internal"
        return "latent" if self.open_value is None else "condition"

    def is_open(self, values: np.ndarray) -> np.ndarray:
        """bool [...]: which of a condition's values are left to the seed."""
        assert self.open_value is not None, self
        return np.isnan(values) if math.isnan(self.open_value) else values <= self.open_value

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a model card."""
        return {**dataclasses.asdict(self), "shape": list(self.shape), "open_value": plain(self.open_value)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "GeneratorInput":
        """The input that `as_dict` described."""
        shape, open_value = tuple(values["shape"]), values["open_value"]
        return cls(**{**values, "shape": shape, "open_value": None if open_value is None else float(open_value)})


@dataclasses.dataclass(frozen=True)
class Truncation:
    """What the number called truncation means to a prior. Cards, help texts, messages and the playground print it.

    Attributes:
        meaning: a noun phrase, such as "bound of |z|" or "psi in w".
        none: the value that truncates nothing.
        note: what another value does, such as "0 for the average image"; "" to say no more.
        lowest, highest: the range that a slider offers; start: where it starts.

    Examples:
        >>> print(Truncation("psi in w", none=1.0, note="0 for the average image", lowest=0, highest=1, start=0.7))
        psi in w, 1 for none, 0 for the average image
    """

    meaning: str = "bound of the latent"
    none: float = math.inf
    note: str = ""
    lowest: float = 0.05
    highest: float = 3.0
    start: float = 1.0

    @property
    def label(self) -> str:
        """The meaning with a capital letter, for a control."""
        return self.meaning[:1].upper() + self.meaning[1:]

    def __str__(self) -> str:
        return ", ".join([self.meaning, f"{self.none:g} for none", *([self.note] if self.note else [])])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a model card."""
        return {**dataclasses.asdict(self), "none": plain(self.none)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Truncation":
        """The truncation that `as_dict` described."""
        numbers = {name: float(values[name]) for name in ("none", "lowest", "highest", "start")}
        return cls(**{**values, **numbers})


LATENT_BOUND = Truncation()  # what exports mean whose cards do not say it


def plain(number: float | None) -> float | str | None:
    """A number as JSON takes it: infinities and NaN as text, which `float` reads."""
    return number if number is None or math.isfinite(number) else str(number)
