"""The page's tabs of samples: those of a model, a walk between two latents, mixed styles, two models side by side."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from tfgan_zoo.gradio_app import rendering
from tfgan_zoo.gradio_app.controls import SettingsControls, show_errors
from tfgan_zoo.gradio_app.model_card import card
from tfgan_zoo.gradio_app.model_library import ModelInfo, ModelLibrary, common_classes, common_truncation

if TYPE_CHECKING:
    from tfgan_zoo.gradio_app.gradio_page import SavedFiles

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
REDRAW: dict[str, Any] = {
    **QUIET,
    "trigger_mode": "always_last",
}  # while a slider is dragged, only its last value must be drawn
FIRST_SEED = "Of the first image; each next one has the next seed."


class Layout(NamedTuple):
    """The components of a tab.

    models: dropdowns; adapted: what `Tab.adapt` returns updates for, besides those of the settings; controls: whatever else
    `Tab.draw` takes; settings: the `SettingsControls`; outputs: what `Tab.draw` returns values for; events: to redraw after.
    """

    models: list[Any]
    adapted: list[Any]
    controls: list[Any]
    settings: SettingsControls
    outputs: list[Any]
    events: Sequence[Any] = ()


class Tab:
    """What the tabs share.

    Attributes:
        redraw: (function, inputs, outputs) that draws the pictures, to be called when the tab is first shown.

    Args:
        library: the models to choose from.
        files: stores what is drawn.
    """

    def __init__(self, library: ModelLibrary, files: "SavedFiles") -> None:
        self.library, self.files, self.names = library, files, self.offered(library)
        layout = self.layout()
        self.settings = layout.settings
        inputs = [*layout.models, *layout.controls, *self.settings.inputs]
        self.redraw = show_errors(self.draw), inputs, layout.outputs
        for control in (*layout.controls, *self.settings.inputs):
            control.input(*self.redraw, **REDRAW)
        adapt = show_errors(self.adapt), [*self.settings.truncation, *layout.models]
        adapted = [*layout.adapted, *self.settings.adapted]
        for event in (*layout.events, *(model.input(*adapt, adapted, **QUIET) for model in layout.models)):
            event.success(*self.redraw, **REDRAW)

    @staticmethod
    def offered(library: ModelLibrary) -> list[str]:
        """Names of the models that the tab offers."""
        return list(library.infos)

    def layout(self) -> Layout:
        """Creates the components."""
        raise NotImplementedError

    def adapt(self, truncate: bool, bound: float | None, *names: str) -> list[Any]:
        """Updates of the adapted components, then of the settings, for the chosen models."""
        raise NotImplementedError

    def draw(self, *values: Any) -> list[Any]:
        """Values of the outputs for those of the models, the other controls and the settings."""
        raise NotImplementedError

    def model(self, name: str, label: str, id: str) -> tuple[Any, Any]:
        """(a dropdown of models, the card beneath it)."""
        return gr.Dropdown(self.names, value=name, label=label, elem_id=id), gr.HTML(card(self.library.info(name)))

    def image(
        self, name: str, seed: float | None, count: int, settings: Sequence[Any], noise: bool = True
    ) -> list[Any]:
        """[caption, picture, download] of `count` seeds of a model; no change while a seed is being typed."""
        if seed is None:
            return [gr.skip()] * 3
        chosen = dataclasses.replace(self.settings.read(*settings), noise=noise)
        image, caption = rendering.draw(self.library.sampler(name), seed, count, chosen)
        path = self.files.png(f"{name}-seed-{seed}", image)
        return [caption, path, path]


class Draw(Tab):
    """A grid of seeds, or a cloud of points."""

    def layout(self) -> Layout:
        info = self.library.info(self.names[0])
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                model, model_card = self.model(info.name, "Model", "draw-model")
                seed = seed_field("Seed", 0, "draw-seed", FIRST_SEED)
                count = gr.Slider(1, 100, 36, step=1, label="Images", visible=not info.points)
                settings = SettingsControls(info, self.library.max_codes, by_seed=True)
                noise = gr.Checkbox(True, label="Noise", info="Random detail in every layer.", visible=info.layers > 0)
            with gr.Column(scale=3, min_width=320):
                outputs = picture("draw-picture")
                with gr.Row():
                    more = gr.Button("Next seeds")
                    outputs.append(gr.DownloadButton("Download PNG"))
        stepped = more.click(lambda seed, count: (seed or 0) + count, [seed, count], seed, **QUIET)
        return Layout([model], [model_card, count, noise], [seed, count, noise], settings, outputs, [stepped])

    def adapt(self, truncate: bool, bound: float | None, *names: str) -> list[Any]:
        info = self.library.info(names[0])
        visible = gr.update(visible=not info.points), gr.update(visible=info.layers > 0)
        return [card(info), *visible, *self.settings.updates(info, truncate, bound)]

    def draw(self, name: str, seed: float | None, count: int, noise: bool, *settings: Any) -> list[Any]:
        return self.image(name, seed, count, settings, noise)


class Walk(Tab):
    """An animation from one seed's sample to another's."""

    def layout(self) -> Layout:
        info = self.library.info(self.names[0])
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                model, model_card = self.model(info.name, "Model", "walk-model")
                with gr.Row():
                    ends = seed_field("From seed", 1, "walk-first"), seed_field("To seed", 9, "walk-second")
                steps = gr.Slider(2, 60, 24, step=1, label="Frames", info="One way; ten a second.")
                settings = SettingsControls(info, self.library.max_codes, by_seed=False)
            with gr.Column(scale=3, min_width=320):
                outputs = [*picture("walk-picture"), gr.DownloadButton("Download GIF")]
        return Layout([model], [model_card], [*ends, steps], settings, outputs)

    def adapt(self, truncate: bool, bound: float | None, *names: str) -> list[Any]:
        info = self.library.info(names[0])
        return [card(info), *self.settings.updates(info, truncate, bound)]

    def draw(self, name: str, first: float | None, second: float | None, steps: int, *settings: Any) -> list[Any]:
        if first is None or second is None:
            return [gr.skip()] * 3
        frames, caption = rendering.walk(
            self.library.sampler(name), first, second, steps, self.settings.read(*settings)
        )
        path = self.files.gif(f"{name}-from-{first}-to-{second}", frames)
        return [caption, path, path]


class Mix(Tab):
    """Styles of some seeds mixed with those of others, for models that have styles."""

    @staticmethod
    def offered(library: ModelLibrary) -> list[str]:
        return [name for name, info in library.infos.items() if info.layers]

    def layout(self) -> Layout:
        info = self.library.info(self.names[0])
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                model, model_card = self.model(info.name, "Model", "mix-model")
                with gr.Row():
                    ends = seed_field("Seeds on the left", 0, "mix-left"), seed_field("Seeds above", 100, "mix-top")
                first = gr.Slider(**self.layers(info))
                settings = SettingsControls(info, 0, by_seed=True)
            with gr.Column(scale=3, min_width=320):
                outputs = [*picture("mix-picture"), gr.DownloadButton("Download PNG")]
        return Layout([model], [model_card, first], [*ends, first], settings, outputs)

    def layers(self, info: ModelInfo) -> dict[str, Any]:
        """Properties of the slider that says from which layer on styles are exchanged."""
        text = "These take the style above: the last ones change colours, all change everything."
        return {
            "minimum": 0, "maximum": info.layers, "step": 1, "value": info.layers // 4, "label": "Layers from", "info": text,
        }  # fmt: skip

    def adapt(self, truncate: bool, bound: float | None, *names: str) -> list[Any]:
        info = self.library.info(names[0])
        return [card(info), gr.update(**self.layers(info)), *self.settings.updates(info, truncate, bound)]

    def draw(self, name: str, left: float | None, top: float | None, first: int, *settings: Any) -> list[Any]:
        if left is None or top is None:
            return [gr.skip()] * 3
        image, caption = rendering.mix(self.library.sampler(name), left, top, first, self.settings.read(*settings))
        path = self.files.png(f"{name}-mix-{left}-{top}", image)
        return [caption, path, path]


class Compare(Tab):
    """Two models' samples of the same seeds and class; their codes are drawn by seed."""

    def layout(self) -> Layout:
        models, cards, outputs = [], [], []
        names = [self.names[0], self.names[min(1, len(self.names) - 1)]]
        with gr.Row():
            with gr.Column(min_width=320):
                seed = seed_field("Seed", 0, "compare-seed", FIRST_SEED)
                count = gr.Slider(1, 64, 16, step=1, label="Images of each")
            with gr.Column(min_width=320):
                settings = SettingsControls(self.shared_info(*names), 0, by_seed=True)
        with gr.Row():
            for side, name in zip(("left", "right"), names, strict=True):
                with gr.Column(min_width=320):
                    model, model_card = self.model(name, f"Model on the {side}", f"compare-{side}")
                    outputs += [*picture(f"compare-{side}-picture"), gr.DownloadButton("Download PNG")]
                models.append(model)
                cards.append(model_card)
        return Layout(models, cards, [seed, count], settings, outputs)

    def shared_info(self, *names: str) -> ModelInfo:
        """What the settings can offer to two models at once."""
        infos = [self.library.info(name) for name in names]
        return ModelInfo("", "", classes=common_classes(*infos), truncation=common_truncation(*infos))

    def adapt(self, truncate: bool, bound: float | None, *names: str) -> list[Any]:
        updates = self.settings.updates(self.shared_info(*names), truncate, bound)
        return [*(card(self.library.info(name)) for name in names), *updates]

    def draw(self, left: str, right: str, seed: float | None, count: int, *settings: Any) -> list[Any]:
        return [*self.image(left, seed, count, settings), *self.image(right, seed, count, settings)]


def seed_field(label: str, value: int, id: str, info: str | None = None) -> Any:
    """A field for a seed."""
    return gr.Number(value, label=label, info=info, precision=0, elem_id=id, min_width=120)


def picture(id: str) -> list[Any]:
    """[a caption, a picture]: the caption above and not in its corner, where Gradio puts labels."""
    caption = gr.HTML(elem_id=f"{id}-caption", elem_classes="caption")
    image = gr.Image(
        type="filepath", interactive=False, show_label=False, buttons=[], elem_id=id, elem_classes="picture"
    )
    return [caption, image]
