"""Everything that TensorFlow Serving needs to serve a zoo: its configuration, Docker Compose and Kubernetes files, a README."""

import json
import os
import re
import tempfile
from pathlib import Path

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model.version_folder import newest, versions

TEMPLATES = Path(__file__).parent / "templates"
MARK = "Written by python -m tfgan_zoo.serving_config; changes here are overwritten."
IMAGE = "tensorflow/serving:2.19.1"
# For the README's calls: {input: (rows as NumPy would print them, one row's JSON)}.
EXAMPLES = {"seed": ("[0, 1, 2]", 0), "truncation": ("[float('inf')] * 3", 10.0), "labels": ("[-1] * 3", -1)}
# Says in bash alone, which is all that the image has, whether a model can be asked.
PROBE = "exec 3<>/dev/tcp/127.0.0.1/8501 && printf 'GET /v1/models/{} HTTP/1.0\\\\r\\\\n\\\\r\\\\n' >&3 && grep -q AVAILABLE <&3"


def arguments():
    """The flags of tensorflow_model_server, beside the ports that its image sets."""
    return [
        "--model_config_file=/serving/models.config",
        "--model_config_file_poll_wait_seconds=60",
        "--enable_batching=true",
        "--batching_parameters_file=/serving/batching.config",
        "--monitoring_config_file=/serving/monitoring.config",
        "--enable_serialization_as_tensor_content=true",
    ]


def write_deployment(zoo, to, base_path="/models", max_batch=64, threads=4, image=IMAGE, overwrite=False):
    """Writes the files into the folder `to`, each whole or not at all. Returns their paths in it.

    The folder stays the same, because a container that has it mounted would not see another one of that name.

    Args:
        zoo: a folder of exports, <name>/<version>/.
        base_path: the zoo's absolute path as the server sees it.
        max_batch: the largest batch; threads: batches computed at once; image: Docker's.
        overwrite: replaces files of these names that this function did not write, too.

    Raises:
        ZooError: no exports, names that no configuration can hold, or a folder that holds other files.
    """
    zoo, to = Path(zoo), Path(to)
    files = render(zoo, os.path.relpath(zoo.absolute(), to.absolute()), base_path, max_batch, threads, image)
    if not overwrite:
        refuse_others(to, files)
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=to) as beside:
        for name, text in files.items():
            staged = Path(beside) / Path(name).name
            staged.write_text(text)
            staged.chmod(0o644)
            (to / name).parent.mkdir(exist_ok=True)
            os.replace(staged, to / name)
    return list(files)


def refuse_others(to, files):
    """Raises `ZooError` where a file would be replaced that is not ours, or the folder is somebody else's."""
    if to.exists() and not to.is_dir():
        raise ZooError(f"{to} is a file; give a folder, such as serving.")
    there = {name: to / name for name in files if (to / name).exists()}
    others = sorted(name for name, path in there.items() if MARK not in path.read_text(errors="replace"))
    if others:
        raise ZooError(
            f"{to} holds {', '.join(others)}, which this command did not write; give another --to or --overwrite."
        )
    if to.is_dir() and any(to.iterdir()) and not there:
        raise ZooError(
            f"{to} holds other files; give a folder of its own, such as serving, or --overwrite to add to it."
        )


def render(zoo, zoo_from_there, base_path, max_batch, threads, image):
    """{path in the folder: text} of all files; `zoo_from_there` is the zoo's path from the folder."""
    import jinja2

    models = sorted(path.name for path in zoo.glob("*") if versions(path))
    odd = [name for name in models if not re.fullmatch(r"[\w.-]+", name)]
    if not models:
        raise ZooError(f"{zoo} holds no exports such as sngan_mnist/1/; give a folder that does, such as export.")
    if odd:
        raise ZooError(f"{zoo}: {odd[0]!r} is no name for a model; letters, digits and _ . - would do.")
    if not re.fullmatch(r"(/[\w.-]+)+", base_path):
        raise ZooError(
            f"--base_path={base_path}: expected the zoo's absolute path as the server sees it, such as /models."
        )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    facts = {
        "mark": MARK,
        "models": models,
        "zoo": zoo_from_there,
        "base_path": base_path,
        "sizes": batch_sizes(max_batch),
        "threads": threads,
        "image": image,
        "arguments": arguments(),
        "example": example(zoo, models),
        "probe": PROBE.format(models[0]),
    }
    names = sorted(environment.list_templates(["j2"]))
    return {name.removesuffix(".j2"): environment.get_template(name).render(facts) for name in names}


def batch_sizes(largest):
    """1, 2, 4, ... and the largest: rising and ending there, as TF Serving demands."""
    return [2**i for i in range(largest.bit_length()) if 2**i < largest] + [largest]


def card_that_tells(path, name):
    """The model card of an export of ours. Raises `ZooError` where it is another's or broken."""
    try:
        card = json.loads(path.read_text())
        card["scores"], card["signatures"]["sample"]["inputs"], card["signatures"]["sample"]["outputs"]
    except (ValueError, TypeError, KeyError) as error:
        raise ZooError(f"{path} does not tell scores and signatures ({error!r}); export {name} again.") from None
    return card


def example(zoo, models):
    """What the README calls: {"name", "made", "png", "inputs": {name: {"array", "dtype"}}, "row": JSON}, of a model with
    few inputs and a good first score."""
    cards = {}
    for name in models:
        path = newest(zoo / name) / "model_card.json"
        if not path.exists():
            raise ZooError(f"{path} is missing, by which the README's calls are written; export {name} again.")
        cards[name] = card_that_tells(path, name)

    def complexity(name):
        scores = cards[name]["scores"]
        return len(cards[name]["signatures"]["sample"]["inputs"]), scores[0]["value"] if scores else float("inf")

    name = min(models, key=complexity)
    sample = cards[name]["signatures"]["sample"]
    inputs, row = {}, {}
    for key, told in sample["inputs"].items():
        dtype, shape = told.split(" ", 1)
        size = int(shape.strip("[]").split(", ")[1]) if ", " in shape else 0
        array, row[key] = EXAMPLES[key] if not size else (f"[[float('nan')] * {size}] * 3", [0] * size)
        inputs[key] = {"array": array.replace("'", '"'), "dtype": dtype}
    made = next(iter(sample["outputs"]))
    return {"name": name, "made": made, "png": made == "images", "inputs": inputs, "row": json.dumps(row)}
