"""The page's tab of latents: that of an uploaded picture, sums of latents, and mean images of classes."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from tfgan_zoo.gradio_app import picture_search
from tfgan_zoo.gradio_app.controls import show_errors
from tfgan_zoo.gradio_app.model_card import card
from tfgan_zoo.gradio_app.model_library import ModelInfo, ModelLibrary
from tfgan_zoo.gradio_app.rendering import BY_SEED
from tfgan_zoo.gradio_app.tabs import QUIET, picture

if TYPE_CHECKING:
    from tfgan_zoo.gradio_app.gradio_page import SavedFiles

PROGRESS = gr.Progress()
NONE_KEPT = "Seeds such as seed:3, and mean; found pictures join them as p1, p2, ..."


class Latents:
    """Finds the latent of a picture, adds latents and shows mean images; the latents that it found go by p1, p2, ...

    Args:
        library: the models to choose from.
        files: stores what is drawn.
    """

    def __init__(self, library: ModelLibrary, files: "SavedFiles") -> None:
        self.library, self.files = library, files
        names = list(library.infos)
        info = library.info(names[0])
        kept = gr.State({})  # {model: {name: inputs}} of this visitor
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                model = gr.Dropdown(names, value=info.name, label="Model", elem_id="latents-model")
                model_card = gr.HTML(card(info))
                upload = gr.File(
                    label="Picture", file_types=["image"], type="filepath", height=120, elem_id="latents-file"
                )
                label = gr.Dropdown(**classes(info), label="Class", elem_classes="class")
                steps = gr.Slider(10, 300, 150, step=10, label="Steps", info="At most a minute.")
                search = gr.Button("Find its latent", variant="primary")
                terms = gr.Textbox("seed:1 - seed:2 + seed:3", label="Sum", info=NONE_KEPT, elem_id="latents-terms")
                with gr.Row():
                    add = gr.Button("Add")
                    means = gr.Button("Mean images")
            with gr.Column(scale=3, min_width=320):
                found = [*picture("latents-found"), *downloads()]
                sums = [*picture("latents-sum"), *downloads()]
        options: dict[str, Any] = {"api_visibility": "private"}
        searched = search.click(show_errors(self.find), [model, upload, label, steps, kept], [*found, kept], **options)
        searched.success(self.hinted, [model, kept], [terms], **QUIET)
        adding = show_errors(self.add), [model, terms, label, kept], sums
        add.click(*adding, **options)
        terms.submit(*adding, **options)
        means.click(show_errors(self.means), [model], sums, **options)
        model.input(show_errors(self.adapt), [model, kept], [model_card, label, terms], **QUIET)

    def adapt(self, name: str, kept: dict[str, picture_search.Kept]) -> list[Any]:
        """Updates of the card, the classes and the sum's hint for another model."""
        info = self.library.info(name)
        return [card(info), gr.update(**classes(info)), self.hinted(name, kept)]

    def hinted(self, name: str, kept: dict[str, picture_search.Kept]) -> Any:
        """An update of the sum's hint."""
        return gr.update(info=hint(kept.get(name, {})))

    def find(
        self,
        name: str,
        path: str | None,
        label: int,
        steps: float,
        kept: dict[str, picture_search.Kept],
        progress: Any = PROGRESS,
    ) -> list[Any]:
        """[caption, strip, its download, the latent's, what is kept]."""
        generator, info = self.library.sampler(name), self.library.info(name)

        def tell(share: float) -> None:
            progress(share, desc="Optimising the latent")

        strip, caption, latent = picture_search.find(generator, info, path, label, steps, tell)
        mine, own_name = picture_search.remembered(kept.get(name, {}), latent)
        image, file = self.files.png(f"{name}-{own_name}", strip), self.files.latent(f"{name}-{own_name}", latent)
        return [f"{own_name}: {caption}", image, image, file, {**kept, name: mine}]

    def add(self, name: str, terms: str, label: int, kept: dict[str, picture_search.Kept]) -> list[Any]:
        """[caption, figure, its download, the sum's latent]."""
        generator, info = self.library.sampler(name), self.library.info(name)
        figure, caption, latent = picture_search.add(generator, info, terms, kept.get(name, {}), label)
        image = self.files.png(f"{name}-sum", figure)
        return [caption, image, image, self.files.latent(f"{name}-sum", latent)]

    def means(self, name: str) -> list[Any]:
        """[caption, figure, its download, no latent]."""
        figure, caption = picture_search.means(self.library.sampler(name), self.library.info(name))
        image = self.files.png(f"{name}-means", figure)
        return [caption, image, image, None]


def downloads() -> list[Any]:
    """Buttons for a figure and a latent."""
    with gr.Row():
        return [gr.DownloadButton("Download PNG"), gr.DownloadButton("Download latent")]


def classes(info: ModelInfo) -> dict[str, Any]:
    """Properties of the class selector."""
    choices = [("try each", BY_SEED), *((name, number) for number, name in enumerate(info.classes))]
    return {"choices": choices, "value": BY_SEED, "visible": bool(info.classes)}


def hint(kept: picture_search.Kept) -> str:
    """What a sum may hold."""
    return f"{', '.join(kept)}, seeds such as seed:3, and mean." if kept else NONE_KEPT
