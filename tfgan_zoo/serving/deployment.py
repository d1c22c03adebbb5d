"""Writes what TensorFlow Serving needs to serve a zoo: its configuration, Docker Compose and Kubernetes files, and a README."""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model.version_folder import newest, versions

TEMPLATES = Path(__file__).parent / "templates"
MARK = "Written by python -m tfgan_zoo.serving_config; changes here are overwritten."
IMAGE = "tensorflow/serving:2.19.1"
# For the README's requests: {input: (three rows in Python, one row's value in JSON)}.
EXAMPLES = {"seed": ("[0, 1, 2]", 0), "truncation": ("[float('inf')] * 3", 10.0), "labels": ("[-1] * 3", -1)}
# Succeeds if a model is available, with bash alone, because the image has no curl.
PROBE = "exec 3<>/dev/tcp/127.0.0.1/8501 && printf 'GET /v1/models/{} HTTP/1.0\\\\r\\\\n\\\\r\\\\n' >&3 && grep -q AVAILABLE <&3"


def arguments() -> list[str]:
    """Flags of tensorflow_model_server, except the ports, which its image sets."""
    return [
        "--model_config_file=/serving/models.config",
        "--model_config_file_poll_wait_seconds=60",
        "--enable_batching=true",
        "--batching_parameters_file=/serving/batching.config",
        "--monitoring_config_file=/serving/monitoring.config",
        "--enable_serialization_as_tensor_content=true",  # bytes, far cheaper for images than a value per number
    ]


def write_deployment(
    zoo: str | Path,
    to: str | Path,
    base_path: str = "/models",
    max_batch: int = 64,
    threads: int = 4,
    image: str = IMAGE,
    overwrite: bool = False,
) -> list[str]:
    """Writes the files into the folder `to`, each atomically. Returns their paths relative to it.

    The folder itself is not replaced, because a container that mounts it would keep seeing the old one.

    Args:
        zoo: a folder of exports, <name>/<version>/.
        base_path: the zoo's absolute path inside the server's container.
        max_batch: rows of the largest batch.
        threads: batches computed at the same time.
        image: Docker image of TensorFlow Serving.
        overwrite: whether to replace files that this function did not write.

    Raises:
        ZooError: there are no exports, a name is not valid in a configuration, or `to` contains other files.
    """
    zoo, to = Path(zoo), Path(to)
    files = render(zoo, os.path.relpath(zoo.absolute(), to.absolute()), base_path, max_batch, threads, image)
    if not overwrite:
        check_overwrites(to, files)
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=to) as staging:
        for name, text in files.items():
            staged = Path(staging) / Path(name).name
            staged.write_text(text)
            staged.chmod(0o644)
            (to / name).parent.mkdir(exist_ok=True)
            os.replace(staged, to / name)
    return list(files)


def check_overwrites(to: Path, files: Iterable[str]) -> None:
    """Raises `ZooError` if a file to write exists and is not ours, or the folder contains only other files."""
    if to.exists() and not to.is_dir():
        raise ZooError(f"{to} is a file; expected a folder, such as serving.")
    existing = {name: to / name for name in files if (to / name).exists()}
    foreign = sorted(name for name, path in existing.items() if MARK not in path.read_text(errors="replace"))
    if foreign:
        raise ZooError(
            f"{to} contains {', '.join(foreign)}, which this command did not write; choose another --to, or --overwrite."
        )
    if to.is_dir() and any(to.iterdir()) and not existing:
        raise ZooError(
            f"{to} contains other files; choose a separate folder, such as serving, or --overwrite to add to this one."
        )


def render(zoo: Path, zoo_from_folder: str, base_path: str, max_batch: int, threads: int, image: str) -> dict[str, str]:
    """{path in the folder: text} of all files; `zoo_from_folder` is the zoo's path relative to the folder."""
    import jinja2

    models = sorted(path.name for path in zoo.glob("*") if versions(path))
    invalid = [name for name in models if not re.fullmatch(r"[\w.-]+", name)]
    if not models:
        raise ZooError(f"{zoo} contains no exports such as sngan_mnist/1/; expected a folder of them, such as export.")
    if invalid:
        raise ZooError(f"{zoo}: {invalid[0]!r} is not a valid model name; use letters, digits and _ . -")
    if not re.fullmatch(r"(/[\w.-]+)+", base_path):
        raise ZooError(
            f"--base_path={base_path}: expected the zoo's absolute path inside the server's container, such as /models."
        )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    context = {
        "mark": MARK,
        "models": models,
        "zoo": zoo_from_folder,
        "base_path": base_path,
        "sizes": batch_sizes(max_batch),
        "threads": threads,
        "image": image,
        "arguments": arguments(),
        "example": example(zoo, models),
        "probe": PROBE.format(models[0]),
    }
    names = sorted(environment.list_templates(["j2"]))
    return {name.removesuffix(".j2"): environment.get_template(name).render(context) for name in names}


def batch_sizes(largest: int) -> list[int]:
    """1, 2, 4, ... and `largest`: TF Serving requires increasing sizes that end with the maximum."""
    return [2**i for i in range(largest.bit_length()) if 2**i < largest] + [largest]


def read_card(path: Path, name: str) -> dict:
    """The model card of an export. Raises `ZooError` if it is broken or another library's."""
    try:
        card = json.loads(path.read_text())
        card["scores"], card["signatures"]["sample"]["inputs"], card["signatures"]["sample"]["outputs"]
    except (ValueError, TypeError, KeyError) as error:
        raise ZooError(f"{path} lacks scores or signatures ({error!r}); export {name} again.") from None
    return card


def example(zoo: Path, models: Sequence[str]) -> dict:
    """The README's example request, for the model with the fewest inputs and, among those, the lowest first score.

    Returns:
        {"name", "output", "png": bool, "inputs": {name: {"array", "dtype"}}, "row": JSON}.
    """
    cards = {}
    for name in models:
        path = newest(zoo / name) / "model_card.json"
        if not path.exists():
            raise ZooError(f"{path} is missing, and the README's examples are written from it; export {name} again.")
        cards[name] = read_card(path, name)

    def complexity(name: str) -> tuple[int, float]:
        scores = cards[name]["scores"]
        return len(cards[name]["signatures"]["sample"]["inputs"]), scores[0]["value"] if scores else float("inf")

    name = min(models, key=complexity)
    sample = cards[name]["signatures"]["sample"]
    inputs: dict[str, dict[str, str]] = {}
    row: dict[str, object] = {}
    for key, description in sample["inputs"].items():
        dtype, shape = description.split(" ", 1)
        size = int(shape.strip("[]").split(", ")[1]) if ", " in shape else 0
        array, row[key] = EXAMPLES[key] if not size else (f"[[float('nan')] * {size}] * 3", [0] * size)
        inputs[key] = {"array": array.replace("'", '"'), "dtype": dtype}
    output = next(iter(sample["outputs"]))
    return {"name": name, "output": output, "png": output == "images", "inputs": inputs, "row": json.dumps(row)}
