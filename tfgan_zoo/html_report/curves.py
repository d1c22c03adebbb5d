"""The chapters of curves over the training: losses, norms, speed, and the singular values of the kernels."""

from tfgan_zoo.html_report import plots
from tfgan_zoo.html_report.html_page import Figure, Section

PLAYERS = ("discriminator", "generator")
NORMS = ("/gradient_norm", "/weight_norm")
APART = ("discriminator/", "generator/", "speed/", "scores/", "singular_values/", "guard/", "discriminator_accuracy/")
CUT = " Spikes beyond the frame are cut."


def figure(title, text, named, **options):
    """[a `Figure` of curves], or [] where there are none."""
    if not named:
        return []
    plot = plots.curves(named, **options)
    return [Figure(title, text + (CUT if plot.cut else ""), plot)]


def losses_section(history):
    """The `Section` of a `History`'s losses and what else the trainer logs."""
    figures = []
    for player in PLAYERS:
        losses = history.named(f"{player}/", without=("_norm", "learning_rate"))
        losses = {name.replace("_", " "): curve for name, curve in losses.items()}
        text = f"What the {player} tries to make small: each summand, by its weight."
        figures += figure(f"Loss of the {player}", text, losses)
    for norm, text in (
        ("gradient_norm", "How hard each player is pushed in a step. A rise without end is a warning."),
        ("weight_norm", "How large the weights of each player are, all together."),
    ):
        named = {player: curve for player in PLAYERS if (curve := history.curves.get(f"{player}/{norm}"))}
        title = f"{norm.split('_')[0].capitalize()} norm"
        figures += figure(title, text, named, log=norm == "gradient_norm")
    for name, curve in history.curves.items():
        if not name.startswith(APART):
            term, _, state = name.rpartition("/")
            text = f"A quantity that the term “{term.replace('_', ' ')}” steers itself by."
            figures += figure(state.replace("_", " ").capitalize(), text, {state: curve})
    accuracies = {
        name.removeprefix("d_accuracy_").replace("_", " "): curve
        for name, curve in history.named("discriminator_accuracy/").items()
    }
    text = (
        "How often the discriminator takes real images for real. Where held-out ones fall behind, it learns by heart."
    )
    figures += figure("Accuracy of the discriminator", text, accuracies, marks=True)
    rates = {player: curve for player in PLAYERS if (curve := history.curves.get(f"{player}/learning_rate"))}
    figures += figure("Learning rate", "How large the steps of each player are.", rates, log=True)
    figures += figure("Speed", "Real images that the discriminator saw in a second.", history.named("speed/"))
    text = (
        "Two players against each other: where one gets better, the other's loss rises. So no curve here falls to zero as in"
        " other training, and a loss does not say how good the images are; a loss that stays level is a good sign, one that"
        " runs away is a bad one."
    )
    return Section("losses", "How the training went", text, figures)


def singular_values_section(history):
    """The `Section` of the first three singular values of every layer's kernel."""
    figures = []
    for player in PLAYERS:
        values = history.named(f"singular_values/{player}/")
        for rank, word in enumerate(("Largest", "Second", "Third")):
            end = f"/{rank}"
            of_rank = {name.removesuffix(end): curve for name, curve in values.items() if name.endswith(end)}
            figures += figure(f"{word} singular value, {player}", "One curve a layer.", of_rank, log=True, marks=True)
    text = (
        "The most that a layer's weights can stretch what comes in. Brock et al. 2018 found that in large GANs it grows"
        " slowly while all goes well, and explodes in the generator when the training collapses. It is that of the stored"
        " weights: spectral normalisation, which divides by it, comes after."
    )
    return Section("singular-values", "Singular values", text, figures)
