"""The page's three tabs: samples of a model, the way between two latents, two models side by side."""

import gradio as gr

from tfgan_zoo.playing import drawing
from tfgan_zoo.playing.controls import Conditions, card, told
from tfgan_zoo.playing.shelf import About, common_classes

QUIET = {"api_visibility": "private", "show_progress": "hidden"}
DRAWING = {**QUIET, "trigger_mode": "always_last"}  # while a slider is dragged, what it shows in the end is drawn


class Tab:
    """What the tabs share.

    Attributes:
        redrawn: (function, inputs, outputs) of its pictures, for whoever shows the tab first.

    Args:
        shelf: a `Shelf`.
        keep: a `Keep`.
    """

    def __init__(self, shelf, keep):
        self.shelf, self.keep = shelf, keep
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                models, controls, self.conditions = self.controls()
            with gr.Column(scale=3, min_width=320):
                outputs, events = self.pictures()
        self.redrawn = told(self.draw), [*models, *controls, *self.conditions.inputs], outputs
        for control in (*controls, *self.conditions.inputs):
            control.input(*self.redrawn, **DRAWING)
        adapted = [*self.adapted, *self.conditions.shown]
        for event in (*events, *(model.input(told(self.adapt), models, adapted, **QUIET) for model in models)):
            event.success(*self.redrawn, **DRAWING)

    def controls(self):
        """Makes the left column. Returns the models' dropdowns, other controls, and the `Conditions`."""
        raise NotImplementedError

    def pictures(self):
        """Makes the right column. Returns the components that `draw` gives values to, and events to draw again after."""
        raise NotImplementedError

    def adapt(self, *names):
        """Updates of `adapted`, which `controls` sets, and of the conditions, for the chosen models."""
        raise NotImplementedError

    def draw(self, *values):
        """Values of the pictures for those of the models, the other controls and the conditions."""
        raise NotImplementedError

    def model(self, name, label, id):
        """(a dropdown of models, the card beneath it)."""
        dropdown = gr.Dropdown(list(self.shelf.abouts), value=name, label=label, elem_id=id)
        return dropdown, gr.HTML(card(self.shelf.about(name)))


class Draw(Tab):
    """A grid of seeds, or a cloud of points."""

    def controls(self):
        name = next(iter(self.shelf.abouts))
        about = self.shelf.about(name)
        model, shown = self.model(name, "Model", "draw-model")
        with gr.Row():
            seed = whole("Seed", 0, "Of the first image; each next one has the next seed.", "draw-seed")
        count = gr.Slider(1, 100, 36, step=1, label="Images", visible=not about.points)
        self.adapted = [shown, count]
        self.seed, self.count = seed, count
        return [model], [seed, count], Conditions(about, self.shelf.most_codes, by_seed=True)

    def pictures(self):
        shown = picture("draw-picture")
        with gr.Row():
            more = gr.Button("Next seeds")
            download = gr.DownloadButton("Download PNG")
        numbers = [self.seed, self.count]
        return [shown, download], [more.click(lambda seed, count: (seed or 0) + count, numbers, self.seed, **QUIET)]

    def adapt(self, name):
        about = self.shelf.about(name)
        return [card(about), gr.update(visible=not about.points), *self.conditions.updates(about)]

    def draw(self, name, seed, count, *conditions):
        if seed is None:  # while another is typed
            return gr.skip(), gr.skip()
        given = self.conditions.read(*conditions)
        image, caption = drawing.draw(self.shelf.generator(name), seed, count, given)
        path = self.keep.png(f"{name}-seed-{seed}", image)
        return gr.update(value=path, label=caption), path


class Walk(Tab):
    """An animation from one seed's sample to another's."""

    def controls(self):
        name = next(iter(self.shelf.abouts))
        about = self.shelf.about(name)
        model, shown = self.model(name, "Model", "walk-model")
        with gr.Row():
            first, second = whole("From seed", 1, None, "walk-first"), whole("To seed", 9, None, "walk-second")
        steps = gr.Slider(2, 60, 24, step=1, label="Frames", info="On the way there; ten a second.")
        self.adapted = [shown]
        return [model], [first, second, steps], Conditions(about, self.shelf.most_codes, by_seed=False)

    def pictures(self):
        shown, download = picture("walk-picture"), gr.DownloadButton("Download GIF")
        return [shown, download], []

    def adapt(self, name):
        about = self.shelf.about(name)
        return [card(about), *self.conditions.updates(about)]

    def draw(self, name, first, second, steps, *conditions):
        if first is None or second is None:
            return gr.skip(), gr.skip()
        given = self.conditions.read(*conditions)
        frames, caption = drawing.walk(self.shelf.generator(name), first, second, steps, given)
        path = self.keep.gif(f"{name}-from-{first}-to-{second}", frames)
        return gr.update(value=path, label=caption), path


class Compare(Tab):
    """Two models' samples of the same seeds and class; their codes are drawn by seed."""

    def controls(self):
        names = list(self.shelf.abouts)
        left, right = names[0], names[min(1, len(names) - 1)]
        first, first_card = self.model(left, "Left", "compare-left")
        second, second_card = self.model(right, "Right", "compare-right")
        seed = whole("Seed", 0, "Of the first image; each next one has the next seed.", "compare-seed")
        count = gr.Slider(1, 64, 16, step=1, label="Images of each")
        self.adapted = [first_card, second_card]
        return [first, second], [seed, count], Conditions(self.both(left, right), 0, by_seed=True)

    def pictures(self):
        with gr.Row():
            return [picture("compare-left-picture"), picture("compare-right-picture")], []

    def both(self, *names):
        """What the conditions may offer to two models."""
        return About("", "", classes=common_classes(*map(self.shelf.about, names)))

    def adapt(self, *names):
        return [*(card(self.shelf.about(name)) for name in names), *self.conditions.updates(self.both(*names))]

    def draw(self, left, right, seed, count, *conditions):
        if seed is None:
            return gr.skip(), gr.skip()
        return [self.one(name, seed, count, self.conditions.read(*conditions)) for name in (left, right)]

    def one(self, name, seed, count, given):
        image, caption = drawing.draw(self.shelf.generator(name), seed, count, given)
        return gr.update(value=self.keep.png(f"{name}-seed-{seed}", image), label=f"{name}: {caption}")


def whole(label, value, info, id):
    """A field for a seed."""
    return gr.Number(value, label=label, info=info, precision=0, elem_id=id, min_width=120)


def picture(id):
    buttons = ["download", "fullscreen"]
    return gr.Image(
        type="filepath", interactive=False, buttons=buttons, elem_id=id, elem_classes="picture", format="png"
    )
