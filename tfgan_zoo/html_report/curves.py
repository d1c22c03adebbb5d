"""The chapters of training curves: losses, norms, speed, and the singular values of the kernels."""

from collections.abc import Mapping

from tfgan_zoo.html_report import plots
from tfgan_zoo.html_report.event_history import Curve, History
from tfgan_zoo.html_report.html_page import Figure, Section

PLAYERS = ("discriminator", "generator")
OTHER_FIGURES = (  # prefixes of scalars that are not states of terms
    "discriminator/",
    "generator/",
    "speed/",
    "scores/",
    "singular_values/",
    "guard/",
    "discriminator_accuracy/",
)
CUT = " Spikes beyond the frame are cut off."


def figure(title: str, text: str, curves: Mapping[str, Curve], log: bool = False, marks: bool = False) -> list[Figure]:
    """[a `Figure` of the curves], or [] if there are none; `log` and `marks` as `plots.curves` takes them."""
    if not curves:
        return []
    plot = plots.curves(curves, log=log, marks=marks)
    return [Figure(title, text + (CUT if plot.cut else ""), plot)]


def losses_section(history: History) -> Section:
    """The `Section` of a history's losses, norms, states of terms, accuracies, learning rates and speed."""
    figures: list[Figure] = []
    for player in PLAYERS:
        losses = history.named(f"{player}/", without=("_norm", "learning_rate"))
        losses = {name.replace("_", " "): curve for name, curve in losses.items()}
        text = f"The terms of the objective that the {player} minimises, each multiplied by its weight."
        figures += figure(f"Loss of the {player}", text, losses)
    for norm, text in (
        ("gradient_norm", "The norm of each player's whole gradient. If it grows without end, training diverges."),
        ("weight_norm", "The norm of all weights of each player."),
    ):
        norms = {player: curve for player in PLAYERS if (curve := history.curves.get(f"{player}/{norm}"))}
        title = f"{norm.split('_')[0].capitalize()} norm"
        figures += figure(title, text, norms, log=norm == "gradient_norm")
    for name, curve in history.curves.items():
        if not name.startswith(OTHER_FIGURES):
            term, _, state = name.rpartition("/")
            text = f"A state that the term “{term.replace('_', ' ')}” updates during training."
            figures += figure(state.replace("_", " ").capitalize(), text, {state: curve})
    accuracies = {
        name.removeprefix("d_accuracy_").replace("_", " "): curve
        for name, curve in history.named("discriminator_accuracy/").items()
    }
    text = (
        "How often the discriminator classifies real images as real. If it does worse on held-out images than on training"
        " images, it overfits."
    )
    figures += figure("Accuracy of the discriminator", text, accuracies, marks=True)
    rates = {player: curve for player in PLAYERS if (curve := history.curves.get(f"{player}/learning_rate"))}
    figures += figure("Learning rate", "The optimiser's learning rate for each player.", rates, log=True)
    text = "Real images per second that the discriminator was trained on."
    figures += figure("Speed", text, history.named("speed/"))
    text = (
        "The players compete: when one improves, the other's loss rises. So unlike in other training, no loss needs to fall"
        " towards zero, and a loss does not tell how good the samples are. A stable loss is a good sign, a diverging one a"
        " bad sign."
    )
    return Section("losses", "How the training went", text, figures)


def singular_values_section(history: History) -> Section:
    """The `Section` of the three largest singular values of every layer's kernel."""
    figures: list[Figure] = []
    for player in PLAYERS:
        values = history.named(f"singular_values/{player}/")
        for rank, word in enumerate(("Largest", "Second", "Third")):
            suffix = f"/{rank}"
            of_rank = {name.removesuffix(suffix): curve for name, curve in values.items() if name.endswith(suffix)}
            figures += figure(f"{word} singular value, {player}", "One curve per layer.", of_rank, log=True, marks=True)
    text = (
        "The most by which a layer's kernel can amplify its input. Brock et al. 2018 found that in large GANs it grows slowly"
        " during stable training, and explodes in the generator when training collapses. The values are those of the stored"
        " weights, before spectral normalisation divides by them."
    )
    return Section("singular-values", "Singular values", text, figures)
