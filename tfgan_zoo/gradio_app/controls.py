"""The page's controls for what a model may take: truncation, a class and codes."""

import functools
import html
import math

import gradio as gr

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.gradio_app.rendering import BY_SEED, Given

FARTHEST = 2  # that a continuous code is swept to, as in InfoGAN's figure 2; training draws it from [-1, 1]


class Conditions:
    """Truncation, class and codes, shown where a model takes them.

    Attributes:
        inputs: the components whose values `read` turns into a `Given`; shown: those that `updates` are for.

    Args:
        about: the `About` of the first model.
        most_codes: how many sliders for codes there are.
        by_seed: class and codes may be left to the seed, and are at first; otherwise all are given.
    """

    def __init__(self, about, most_codes, by_seed):
        self.by_seed, self.most_codes = by_seed, most_codes
        truncate = gr.Checkbox(False, label="Truncate", info="Bounds the latent: more typical, less varied.")
        bound = gr.Slider(0.05, 3, 1, step=0.05, label="Bound of the latent", visible=False)
        label = gr.Dropdown(**self.classes(about), label="Class", elem_classes="class")
        chosen = gr.CheckboxGroup(**self.choices(about), label="Codes to set", info="The others are drawn by seed.")
        sliders = [gr.Slider(**self.code(about, number)) for number in range(most_codes)]
        self.inputs, self.shown = [truncate, bound, label, chosen, *sliders], [label, chosen, *sliders]
        truncate.input(lambda on: gr.update(visible=on), truncate, bound, api_visibility="private")
        if sliders:
            chosen.input(self.show_chosen, chosen, sliders, api_visibility="private", show_progress="hidden")

    def classes(self, about):
        """What the class selector shows of a model."""
        choices = [("by seed", BY_SEED)] * self.by_seed + [(name, k) for k, name in enumerate(about.classes)]
        return {"choices": choices, "value": choices[0][1] if choices else None, "visible": bool(about.classes)}

    def choices(self, about):
        """Which codes can be set."""
        numbers = list(range(about.codes.size if about.codes else 0))
        choices = [(f"{number}: {kind(about.codes, number)}", number) for number in numbers]
        visible = self.by_seed and bool(numbers)
        return {"choices": choices, "value": [] if self.by_seed else numbers, "visible": visible}

    def code(self, about, number):
        """What one code's slider shows."""
        if not about.codes or number >= about.codes.size:
            return {"visible": False}
        categorical = about.codes.categorical
        lowest, highest, step = (
            (0, categorical[number] - 1, 1) if number < len(categorical) else (-FARTHEST, FARTHEST, 0.05)
        )
        label = f"Code {number}: {kind(about.codes, number)}"
        span = {"minimum": lowest, "maximum": highest, "step": step, "value": 0}
        return {**span, "label": label, "visible": not self.by_seed}

    def updates(self, about):
        """For `shown`, when another model is chosen."""
        given = [self.classes(about), self.choices(about), *(self.code(about, i) for i in range(self.most_codes))]
        return [gr.update(**properties) for properties in given]

    def show_chosen(self, chosen):
        updates = [gr.update(visible=number in chosen) for number in range(self.most_codes)]
        return updates if len(updates) > 1 else updates[0]

    def read(self, truncate, bound, label, chosen, *sliders):
        """The `Given` of the values of `inputs`."""
        codes = (value if number in chosen else math.nan for number, value in enumerate(sliders))
        return Given(bound if truncate else None, BY_SEED if label is None else label, tuple(codes))


def kind(codes, number):
    return "category" if number < len(codes.categorical) else "continuous"


def told(function):
    """The function, whose errors show on the page as sentences."""

    @functools.wraps(function)
    def guarded(*values):
        try:
            return function(*values)
        except (ZooError, OSError) as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        except Exception as error:
            message = f"It failed by {type(error).__name__}; the terminal tells more."
            raise gr.Error(message) from error

    return guarded
