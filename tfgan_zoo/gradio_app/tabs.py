"""The page's three tabs: samples of a model, the way between two latents, two models side by side."""

import gradio as gr

from tfgan_zoo.gradio_app import rendering
from tfgan_zoo.gradio_app.controls import Conditions, told
from tfgan_zoo.gradio_app.model_card import card
from tfgan_zoo.gradio_app.model_library import ModelInfo, common_classes

QUIET = {"api_visibility": "private", "show_progress": "hidden"}
DRAWING = {**QUIET, "trigger_mode": "always_last"}  # while a slider is dragged, what it shows in the end is drawn
OF_THE_FIRST = "Of the first image; each next one has the next seed."


class Tab:
    """What the tabs share.

    Attributes:
        redrawn: (function, inputs, outputs) of its pictures, for whoever shows the tab first.

    Args:
        shelf: a `Shelf`.
        keep: a `Keep`.
    """

    def __init__(self, library, keep):
        self.library, self.keep, self.names = library, keep, list(library.abouts)
        models, cards, controls, self.conditions, outputs, events = self.layout()
        self.redrawn = told(self.draw), [*models, *controls, *self.conditions.inputs], outputs
        for control in (*controls, *self.conditions.inputs):
            control.input(*self.redrawn, **DRAWING)
        adapted = [*cards, *self.conditions.shown]
        for event in (*events, *(model.input(told(self.adapt), models, adapted, **QUIET) for model in models)):
            event.success(*self.redrawn, **DRAWING)

    def layout(self):
        """Makes the components. Returns (the models' dropdowns, what `adapt` changes of them, other controls, the
        `Conditions`, what `draw` gives values to, events to draw again after).
        """
        raise NotImplementedError

    def adapt(self, *names):
        """Updates of what `layout` named, and of the conditions, for the chosen models."""
        raise NotImplementedError

    def draw(self, *values):
        """Values of the outputs for those of the models, the other controls and the conditions."""
        raise NotImplementedError

    def model(self, name, label, id):
        """(a dropdown of models, the card beneath it)."""
        return gr.Dropdown(self.names, value=name, label=label, elem_id=id), gr.HTML(card(self.library.about(name)))

    def image(self, name, seed, count, conditions):
        """[caption, picture, download] of so many seeds of a model; none while a seed is being typed."""
        if seed is None:
            return [gr.skip()] * 3
        image, caption = rendering.draw(self.library.generator(name), seed, count, self.conditions.read(*conditions))
        path = self.keep.png(f"{name}-seed-{seed}", image)
        return [caption, path, path]


class Draw(Tab):
    """A grid of seeds, or a cloud of points."""

    def layout(self):
        about = self.library.about(self.names[0])
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                model, shown = self.model(about.name, "Model", "draw-model")
                seed = whole("Seed", 0, "draw-seed", OF_THE_FIRST)
                count = gr.Slider(1, 100, 36, step=1, label="Images", visible=not about.points)
                conditions = Conditions(about, self.library.most_codes, by_seed=True)
            with gr.Column(scale=3, min_width=320):
                outputs = picture("draw-picture")
                with gr.Row():
                    more = gr.Button("Next seeds")
                    outputs.append(gr.DownloadButton("Download PNG"))
        stepped = more.click(lambda seed, count: (seed or 0) + count, [seed, count], seed, **QUIET)
        return [model], [shown, count], [seed, count], conditions, outputs, [stepped]

    def adapt(self, name):
        about = self.library.about(name)
        return [card(about), gr.update(visible=not about.points), *self.conditions.updates(about)]

    def draw(self, name, seed, count, *conditions):
        return self.image(name, seed, count, conditions)


class Walk(Tab):
    """An animation from one seed's sample to another's."""

    def layout(self):
        about = self.library.about(self.names[0])
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                model, shown = self.model(about.name, "Model", "walk-model")
                with gr.Row():
                    ends = whole("From seed", 1, "walk-first"), whole("To seed", 9, "walk-second")
                steps = gr.Slider(2, 60, 24, step=1, label="Frames", info="On the way there; ten a second.")
                conditions = Conditions(about, self.library.most_codes, by_seed=False)
            with gr.Column(scale=3, min_width=320):
                outputs = [*picture("walk-picture"), gr.DownloadButton("Download GIF")]
        return [model], [shown], [*ends, steps], conditions, outputs, []

    def adapt(self, name):
        about = self.library.about(name)
        return [card(about), *self.conditions.updates(about)]

    def draw(self, name, first, second, steps, *conditions):
        if first is None or second is None:
            return [gr.skip()] * 3
        given = self.conditions.read(*conditions)
        frames, caption = rendering.walk(self.library.generator(name), first, second, steps, given)
        path = self.keep.gif(f"{name}-from-{first}-to-{second}", frames)
        return [caption, path, path]


class Compare(Tab):
    """Two models' samples of the same seeds and class; their codes are drawn by seed."""

    def layout(self):
        models, cards, outputs = [], [], []
        chosen = [self.names[0], self.names[min(1, len(self.names) - 1)]]
        with gr.Row():
            with gr.Column(min_width=320):
                seed = whole("Seed", 0, "compare-seed", OF_THE_FIRST)
                count = gr.Slider(1, 64, 16, step=1, label="Images of each")
            with gr.Column(min_width=320):
                conditions = Conditions(self.both(*chosen), 0, by_seed=True)
        with gr.Row():
            for side, name in zip(("left", "right"), chosen, strict=True):
                with gr.Column(min_width=320):
                    model, shown = self.model(name, f"Model on the {side}", f"compare-{side}")
                    outputs += [*picture(f"compare-{side}-picture"), gr.DownloadButton("Download PNG")]
                models.append(model)
                cards.append(shown)
        return models, cards, [seed, count], conditions, outputs, []

    def both(self, *names):
        """What the conditions may offer to two models."""
        return ModelInfo("", "", classes=common_classes(*map(self.library.about, names)))

    def adapt(self, *names):
        return [*(card(self.library.about(name)) for name in names), *self.conditions.updates(self.both(*names))]

    def draw(self, left, right, seed, count, *conditions):
        return [*self.image(left, seed, count, conditions), *self.image(right, seed, count, conditions)]


def whole(label, value, id, info=None):
    """A field for a seed."""
    return gr.Number(value, label=label, info=info, precision=0, elem_id=id, min_width=120)


def picture(id):
    """[a caption, a picture]: the caption above and not in its corner, where Gradio puts labels."""
    caption = gr.HTML(elem_id=f"{id}-caption", elem_classes="caption")
    return [
        caption,
        gr.Image(type="filepath", interactive=False, show_label=False, buttons=[], elem_id=id, elem_classes="picture"),
    ]
