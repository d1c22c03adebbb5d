"""The page's controls for what a model may take: truncation, a class and codes."""

import functools
import html
import math
from collections.abc import Callable
from typing import Any

import gradio as gr

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.gradio_app.model_library import ModelInfo
from tfgan_zoo.gradio_app.rendering import BY_SEED, SampleSettings

CODE_LIMIT = 2  # that a continuous code is swept to, as in InfoGAN's figure 2; training draws it from [-1, 1]

Properties = dict[str, Any]  # of a Gradio component


class SettingsControls:
    """Controls of truncation, class and codes, visible where a model takes them.

    Attributes:
        inputs: the components whose values `read` turns into `SampleSettings`.
        adapted: the components that `updates` is for.
        truncation: those of `inputs` whose values `updates` takes.

    Args:
        info: of the first model.
        max_codes: how many sliders for codes there are.
        by_seed: True if class and codes may be left to the seed, and are at first.
    """

    def __init__(self, info: ModelInfo, max_codes: int, by_seed: bool) -> None:
        self.by_seed, self.max_codes = by_seed, max_codes
        truncate = gr.Checkbox(False, label="Truncate", **self.truncate(info))
        bound = gr.Slider(**self.bound(info, False, None))
        label = gr.Dropdown(**self.classes(info), label="Class", elem_classes="class")
        chosen = gr.CheckboxGroup(**self.choices(info), label="Codes to set", info="The others are drawn by seed.")
        sliders = [gr.Slider(**self.code(info, number)) for number in range(max_codes)]
        self.inputs = [truncate, bound, label, chosen, *sliders]
        self.adapted, self.truncation = self.inputs, [truncate, bound]
        truncate.input(lambda on: gr.update(visible=on), truncate, bound, api_visibility="private")
        if sliders:
            chosen.input(self.show_chosen, chosen, sliders, api_visibility="private", show_progress="hidden")

    def truncate(self, info: ModelInfo) -> Properties:
        """Properties of the check box that switches truncation on."""
        return {"info": "More typical, less varied.", "visible": info.truncation is not None}

    def bound(self, info: ModelInfo, truncate: bool, value: float | None) -> Properties:
        """Properties of the truncation's slider, which keeps a value that is in use if it is in the model's range."""
        if info.truncation is None:
            return {"visible": False}
        lowest, highest = info.truncation.lowest, info.truncation.highest
        fits = truncate and value is not None and lowest <= value <= highest
        span = {"minimum": lowest, "maximum": highest, "step": 0.05, "value": value if fits else info.truncation.start}
        return {**span, "label": info.truncation.label, "info": info.truncation.note or None, "visible": truncate}

    def classes(self, info: ModelInfo) -> Properties:
        """Properties of the class selector."""
        choices = [("by seed", BY_SEED)] * self.by_seed + [(name, k) for k, name in enumerate(info.classes)]
        return {"choices": choices, "value": choices[0][1] if choices else None, "visible": bool(info.classes)}

    def choices(self, info: ModelInfo) -> Properties:
        """Properties of the check boxes that say which codes are set."""
        kinds = [code_kind(info.codes, number) for number in range(info.codes.size)] if info.codes else []
        numbers = list(range(len(kinds)))
        choices = [(f"{number}: {kind}", number) for number, kind in enumerate(kinds)]
        visible = self.by_seed and bool(numbers)
        return {"choices": choices, "value": [] if self.by_seed else numbers, "visible": visible}

    def code(self, info: ModelInfo, number: int) -> Properties:
        """Properties of one code's slider."""
        if not info.codes or number >= info.codes.size:
            return {"visible": False}
        categorical = info.codes.categorical
        lowest, highest, step = (
            (0, categorical[number] - 1, 1) if number < len(categorical) else (-CODE_LIMIT, CODE_LIMIT, 0.05)
        )
        label = f"Code {number}: {code_kind(info.codes, number)}"
        span = {"minimum": lowest, "maximum": highest, "step": step, "value": 0}
        return {**span, "label": label, "visible": not self.by_seed}

    def updates(self, info: ModelInfo, truncate: bool, bound: float | None) -> list[Any]:
        """Updates of `adapted` when another model is chosen; truncate, bound: the values of `truncation`."""
        truncate = truncate and info.truncation is not None
        codes = [self.code(info, number) for number in range(self.max_codes)]
        properties = [
            {**self.truncate(info), "value": truncate},
            self.bound(info, truncate, bound),
            self.classes(info),
            self.choices(info),
            *codes,
        ]
        return [gr.update(**each) for each in properties]

    def show_chosen(self, chosen: list[int]) -> Any:
        updates = [gr.update(visible=number in chosen) for number in range(self.max_codes)]
        return updates if len(updates) > 1 else updates[0]

    def read(
        self, truncate: bool, bound: float, label: int | None, chosen: list[int], *sliders: float
    ) -> SampleSettings:
        """The `SampleSettings` of the values of `inputs`."""
        codes = (value if number in chosen else math.nan for number, value in enumerate(sliders))
        return SampleSettings(bound if truncate else None, BY_SEED if label is None else label, tuple(codes))


def code_kind(codes: Codes, number: int) -> str:
    """ "category" or "continuous"."""
    return "category" if number < len(codes.categorical) else "continuous"


def show_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with its errors shown on the page as sentences."""

    @functools.wraps(function)
    def guarded(*values: Any) -> Any:
        try:
            return function(*values)
        except (ZooError, OSError) as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        except Exception as error:
            message = f"It failed with {type(error).__name__}; see the terminal for details."
            raise gr.Error(message) from error

    return guarded
