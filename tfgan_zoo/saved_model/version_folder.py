"""A SavedModel version folder as TensorFlow Serving loads it, with its warm-up requests, model card, grid and README."""

import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError, of_full_disk
from tfgan_zoo.core.file_names import displayed
from tfgan_zoo.core.generator_inputs import LATENT_BOUND, GeneratorInput, Truncation
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.saved_model import discriminator_file, keras_files, trust
from tfgan_zoo.saved_model.signature_calls import Sampler, meaning_of
from tfgan_zoo.saved_model.sweeps import overview

if TYPE_CHECKING:
    import keras

    from tfgan_zoo.saved_model.signatures import ExportedGenerator

WARM_UP_BATCHES = (1, 8)

Card = dict[str, Any]  # what a model_card.json holds


def version_number(name: str) -> int | None:
    """The version that a folder's name is, as TensorFlow Serving reads it: any int64, as in 3, 0 or 00000123. None for others."""
    if not re.fullmatch(r"[+-]?[0-9]+", name):
        return None
    digits = name.lstrip("+-").lstrip("0") or "0"
    number = int(digits) if len(digits) < 20 else 2**64
    number = -number if name.startswith("-") else number
    return number if -(2**63) <= number < 2**63 else None


def version_folders(base: str | Path) -> dict[int, Path]:
    """{version number: its folder} of a model's folder, ascending.

    Of several names of one number, such as 2 and 002, it is the last in alphabetical order, which TensorFlow Serving loads.
    """
    by_number = dict(numbered_folders(base))
    return {number: by_number[number] for number in sorted(by_number)}


def ignored_versions(base: str | Path) -> dict[Path, Path]:
    """{folder: the folder that is used instead} of the versions whose number another name in `version_folders` has too."""
    folders = numbered_folders(base)
    used = dict(folders)
    return {path: used[number] for number, path in folders if used[number] != path}


def numbered_folders(base: str | Path) -> list[tuple[int, Path]]:
    """(version number, its folder) in the alphabetical order of names, from one look at a model's folder, which may change meanwhile."""
    paths = sorted(Path(base).glob("*"), key=lambda path: path.name)
    numbers = ((version_number(path.name), path) for path in paths)
    return [(number, path) for number, path in numbers if number is not None]


def versions(base: str | Path) -> list[int]:
    """The version numbers in a model's folder, ascending."""
    return list(version_folders(base))


def newest(folder: str | Path) -> Path:
    """`folder` itself if it is a version, or else the newest version in it.

    Raises:
        ZooError: it is neither; says what the folder holds.
    """
    folder = Path(folder)
    if (folder / "saved_model.pb").exists():
        return folder
    existing = version_folders(folder)
    if not existing:
        problem = "is not a folder" if not folder.is_dir() else "holds no SavedModel and no version such as 1/"
        raise ZooError(f"{folder} {problem}; give a folder such as export/sngan_mnist or export/sngan_mnist/1.")
    return existing[max(existing)]


def load_version(folder: str | Path, unsafe: bool = False) -> Sampler:
    """The `Sampler` of a version folder, which may be that of any SavedModel with our signatures.

    Args:
        folder: it need not hold a model card; one of an older export, which does not describe the generator's inputs, will do.
        unsafe: load it even if `trust.check` would refuse its files or graph.

    Raises:
        ZooError: not an export of this library, one that `trust.check` refuses, or a card that does not fit its signatures.
    """
    if not unsafe:
        trust.check(folder)
    loaded = tf.saved_model.load(str(folder))
    card = card_of(folder)
    try:
        inputs, truncation = inputs_of_card(card), truncation_of(card)
    except (KeyError, TypeError, ValueError) as error:
        raise ZooError(f"{folder}/model_card.json: its inputs or truncation cannot be read: {error!r}.") from None
    return Sampler(loaded.signatures, card.get("num_classes", 0), codes_of(card), loaded, inputs, truncation)


def card_of(folder: str | Path) -> Card:
    """What the model_card.json of a version folder holds, {} if there is none."""
    path = Path(folder) / "model_card.json"
    return json.loads(path.read_text(), object_hook=_displayed) if path.exists() else {}


def _displayed(table):
    """The table of a card with names of classes as text; those of folders whose names are none were written as they came."""
    names = table.get("class_names")
    return {**table, "class_names": list(map(displayed, names))} if isinstance(names, list) else table


def codes_of(card: Card) -> Codes | None:
    """The `Codes` that a card describes, None if there are none."""
    codes = card.get("codes")
    return Codes(tuple(codes["categorical"]), codes["continuous"]) if codes else None


def inputs_of_card(card: Card) -> tuple[GeneratorInput, ...]:
    """The generator's inputs that a card describes, () in that of an older export."""
    return tuple(GeneratorInput.from_dict(values) for values in card.get("inputs", []))


def truncation_of(card: Card) -> Truncation:
    """The meaning of truncation that a card describes; in that of an older export, a bound of the latent."""
    return Truncation.from_dict(card["truncation"]) if "truncation" in card else LATENT_BOUND


def write_version(
    module: "ExportedGenerator",
    base: str | Path,
    card: Card,
    version: int | None = None,
    real: np.ndarray | None = None,
    discriminator: Mapping[str, np.ndarray] | None = None,
    networks: "Mapping[str, keras.Model] | None" = None,
) -> Path:
    """Writes `base/<version>/` atomically: into a temporary folder next to it, which is then renamed.

    Args:
        module: an `ExportedGenerator`.
        base: the model's folder; its name is the model's name.
        card: plain values that describe the generator, to which model_card.json adds the prior, signatures and hashes.
        version: a positive int64; one more than the last if None.
        real: the training data if that is points, float32 [N, 2], to show beneath the generated ones.
        discriminator: {path of a variable: array} to store beside the generator; None for none.
        networks: {name: Keras model} to store as .keras files beside the generator; None for none.

    Returns:
        The version's folder.

    Raises:
        ZooError: the version exists already, under whatever name, or is no positive int64.
        OSError: the disk is full, or the folder cannot be written; nothing of the version is left.
    """
    base = Path(base).resolve()
    existing = version_folders(base)
    version = version or max([0, *existing]) + 1
    if not 0 < version < 2**63:
        raise ZooError(f"version {version} of {base}: expected 1 to {2**63 - 1}; choose one with --version.")
    target = base / str(version)
    if version in existing:
        raise ZooError(f"{existing[version]} exists already; choose another version, or leave it out for the next one.")
    base.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=base))  # not a number, so a polling server ignores it
    try:
        fill(temporary, module, {"name": base.name, "version": version, **card}, real, discriminator, networks)
        os.chmod(temporary, 0o755)
        os.rename(temporary, target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, tf.errors.OpError | OSError) and (full := of_full_disk(error, target)):
            raise full from None
        raise
    return target


def fill(
    folder: Path,
    module: "ExportedGenerator",
    card: Card,
    real: np.ndarray | None = None,
    discriminator: Mapping[str, np.ndarray] | None = None,
    networks: "Mapping[str, keras.Model] | None" = None,
) -> None:
    """Writes all files of a version into an empty folder."""
    tf.saved_model.save(module, str(folder), signatures=module.functions)
    (folder / "assets.extra").mkdir(exist_ok=True)
    prior, sheet = module.prior, overview(module.generator(), module.prior)
    warm_up = folder / "assets.extra" / "tf_serving_warmup_requests"
    write_warm_up(module.functions, card["name"], warm_up, prior.truncation.none)
    pictures.save_png(pictures.picture(sheet.samples, sheet.columns, real=real), folder / "grid.png")
    if discriminator:
        card = {**card, "discriminator": discriminator_file.write(folder, discriminator)}
    if networks:
        card = {**card, "keras": keras_files.write(folder, networks)}
    files = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
    card = {
        **card,
        "num_classes": prior.num_classes,
        "codes": dataclasses.asdict(prior.codes) if prior.codes else None,
        "inputs": [item.as_dict() for item in prior.inputs],
        "truncation": prior.truncation.as_dict(),
        "grid": sheet.caption,
        "signatures": {name: describe(function) for name, function in module.functions.items()},
        "sha256": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()},
    }
    (folder / "model_card.json").write_text(json.dumps(card, indent=2) + "\n")
    (folder / "README.md").write_text(readme(card))


def inputs_of(function: Any) -> dict[str, tf.TensorSpec]:
    """{name: `tf.TensorSpec`} of a signature."""
    return function.structured_input_signature[1]


def describe(function: Any) -> dict[str, dict[str, str]]:
    """Plain values: names, dtypes and shapes of a signature's inputs and outputs."""

    def in_words(tensors: Mapping[str, Any]) -> dict[str, str]:
        return {
            name: f"{t.dtype.name} [{', '.join(str(d) if d else 'batch' for d in t.shape)}]"
            for name, t in tensors.items()
        }

    return {"inputs": in_words(inputs_of(function)), "outputs": in_words(function.structured_outputs)}


def write_warm_up(signatures: Mapping[str, Any], name: str, path: Path, truncation: float) -> None:
    """Writes requests that TF Serving replays at load: each signature at several batch sizes, so that no user waits for a
    trace. All inputs are 0 but `truncation`."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    values = {"truncation": truncation}
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, function in signatures.items():
            for batch in WARM_UP_BATCHES:
                request = predict_pb2.PredictRequest()
                request.model_spec.name = name
                request.model_spec.signature_name = signature
                for key, tensor in inputs_of(function).items():
                    shape = [batch, *tensor.shape.as_list()[1:]]
                    value = np.full(shape, values.get(key, 0), tensor.dtype.as_numpy_dtype)
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
                log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
                writer.write(log.SerializeToString())


def counts(protocol: Mapping[str, Any]) -> str:
    """The images that a score was computed on, in words."""
    real = f"{protocol['real_images']} real ({protocol['real']}, {protocol['real_split']})"
    bound = protocol.get("truncation")
    generated = f"{protocol['generated_images']} generated" + (f" at truncation {bound:g}" if bound is not None else "")
    return ", ".join([generated] * bool(protocol["generated_images"]) + [real] * bool(protocol["real_images"]))


def readme(card: Card, path: str | None = None) -> str:
    """The version folder's README, from its card. path: of the folder in the example, <name>/<version> by default."""
    path = path or f"{card['name']}/{card['version']}"
    scores = sorted(card["scores"], key=lambda score: score["protocol"].get("truncation") is not None)
    rows = [f"| {s['name']} | {s['value']:.4g} | {counts(s['protocol'])} | {s['step']} |" for s in scores]
    head = ["| score | value | images | step |", "|---|---|---|---|"]
    protocol = f"{direction(card)} The protocol of each score is in `model_card.json`."
    score_table = "\n".join([*head, *rows, "", protocol]) if rows else "Not scored."
    inputs = {n: ", ".join(f"`{k}` {v}" for k, v in s["inputs"].items()) for n, s in card["signatures"].items()}
    outputs = {n: ", ".join(f"`{k}` {v}" for k, v in s["outputs"].items()) for n, s in card["signatures"].items()}
    signature_table = "\n".join(f"| `{n}` | {inputs[n]} | {outputs[n]} |" for n in card["signatures"])
    output = next(iter(card["signatures"]["sample"]["outputs"]))
    discriminator = f"\n{discriminator_file.sentence(card['discriminator'])}\n" if "discriminator" in card else ""
    keras_part = f"\n{keras_files.sentence(card['keras'])}\n" if "keras" in card else ""
    return f"""# {card["name"]}, version {card["version"]}

{card["summary"]}

![{card["grid"]}](grid.png)

{card["grid"]}.

{score_table}

The recipe of its training is in `model_card.json`.

```python
import tensorflow as tf

generator = tf.saved_model.load("{path}")
{output} = generator.signatures["sample"](
    seed=tf.constant([0, 1, 2], tf.int64), {arguments_of_call(card)}
)["{output}"]
```

| signature | inputs | outputs |
|---|---|---|
{signature_table}

{legend(card)}
{discriminator}{keras_part}"""


def direction(card: Card) -> str:
    """Which scores are better when they are higher."""
    names = card.get("higher_is_better")
    return f"Higher is better for {', '.join(names)}, lower for all others." if names else "Lower is better."


def arguments_of_call(card: Card) -> str:
    """The arguments, beyond the seed, of the README's call of `sample`."""
    none = truncation_of(card).none
    value = str(none) if np.isfinite(none) else f'float("{none}")'
    arguments = [f"truncation=tf.constant([{value}] * 3)"]
    if card["num_classes"]:
        arguments.append("labels=tf.constant([0, 1, 2])")
    for item in inputs_of_card(card):
        if item.name == "codes":
            arguments.append(f"codes=tf.zeros([3, {item.shape[0]}])")
        elif item.kind == "condition" and item.name != "labels":
            arguments.append(f"{item.name}=tf.zeros({[3, *item.shape]}, tf.{item.dtype})")
    return ", ".join(arguments)


def legend(card: Card) -> str:
    """What the inputs and outputs of the signatures mean."""
    lines = [f"`truncation`: {truncation_of(card)}."]
    if card["num_classes"]:
        lines.append(
            f"`labels` are classes from 0 to {card['num_classes'] - 1}; in signatures with a `seed`, -1 draws one from it."
        )
    codes = codes_of(card)
    if codes:
        lines.append(f"`codes`: {meaning_of(codes)}; in signatures with a `seed`, each that is NaN is drawn from it.")
    items = inputs_of_card(card)
    for item in items:
        if item.kind == "condition" and item.name not in ("labels", "codes"):
            lines.append(f"`{item.name}`: in signatures with a `seed`, {item.open_value:g} draws it.")
    internal = [f"`{item.name}`" for item in items if item.kind == "internal"]
    if internal:
        lines.append(
            f"The generator takes {', '.join(internal)} too, which no client gives: drawn from the `seed`, and constant in "
            f"`serving_default`."
        )
    if "png" in card["signatures"]:
        lines.append("Float images are in [-1, 1].")
    return " ".join(lines)
