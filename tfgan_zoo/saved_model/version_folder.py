"""A SavedModel version folder as TensorFlow Serving loads it, with its warm-up requests, model card, grid and README."""

import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.saved_model import trust
from tfgan_zoo.saved_model.signature_calls import Sampler, meaning_of
from tfgan_zoo.saved_model.sweeps import overview

WARM_UP_BATCHES = (1, 8)


def versions(base):
    """The version numbers in a model's folder, rising; they are positive int64."""
    numbers = (int(p.name) for p in Path(base).glob("*") if re.fullmatch(r"[1-9][0-9]{0,18}", p.name))
    return sorted(number for number in numbers if number < 2**63)


def newest(folder):
    """`folder` itself where it is a version, or else the newest version in it.

    Raises:
        ZooError: it is neither; says what is there.
    """
    folder = Path(folder)
    if (folder / "saved_model.pb").exists():
        return folder
    there = versions(folder)
    if not there:
        what = "is no folder" if not folder.is_dir() else "holds no SavedModel and no version such as 1/"
        raise ZooError(f"{folder} {what}; give a folder such as export/sngan_mnist or export/sngan_mnist/1.")
    return folder / str(there[-1])


def load_version(folder, unsafe=False):
    """The `Generator` of a version folder, which may be that of any SavedModel with our signatures.

    unsafe: loads it whatever `trust.check` would say of its files and its graph.

    Raises:
        ZooError: no export of this library, or one that `trust.check` refuses.
    """
    if not unsafe:
        trust.check(folder)
    loaded = tf.saved_model.load(str(folder))
    card = card_of(folder)
    return Sampler(loaded.signatures, card.get("num_classes", 0), codes_of(card), owner=loaded)


def card_of(folder):
    """What the model_card.json of a version folder holds, {} where there is none."""
    path = Path(folder) / "model_card.json"
    return json.loads(path.read_text()) if path.exists() else {}


def codes_of(card):
    """The `Codes` that a card tells of, None where there are none."""
    told = card.get("codes")
    return Codes(tuple(told["categorical"]), told["continuous"]) if told else None


def write_version(module, base, card, version=None, real=None):
    """Writes `base/<version>/`, whole or not at all: it is made beside and renamed.

    Args:
        module: an `ExportedGenerator`.
        base: the model's folder; its name is the model's name.
        card: plain values that describe the generator: what model_card.json holds beside the signatures.
        version: a positive number, one more than the last where left out.
        real: the training data where that is points, to show beneath the generated ones.

    Returns:
        The version's folder.

    Raises:
        ZooError: the version is there already.
    """
    base = Path(base).resolve()
    version = version or max(versions(base), default=0) + 1
    target = base / str(version)
    if target.exists():
        raise ZooError(f"{target} is there already; choose another version, or leave it out for the next one.")
    base.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".tmp-", dir=base))  # no number, so that a polling server passes it by
    try:
        fill(beside, module, {"name": base.name, "version": version, **card}, real)
        os.chmod(beside, 0o755)
        os.rename(beside, target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return target


def fill(folder, module, card, real=None):
    """Everything of a version folder, into an empty one."""
    tf.saved_model.save(module, str(folder), signatures=module.functions)
    (folder / "assets.extra").mkdir(exist_ok=True)
    write_warm_up(module.functions, card["name"], folder / "assets.extra" / "tf_serving_warmup_requests")
    prior, sheet = module.prior, overview(module.generator(), module.prior)
    pictures.save_png(pictures.picture(sheet.samples, sheet.columns, real=real), folder / "grid.png")
    sizes = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
    card = {
        **card,
        "num_classes": prior.num_classes,
        "codes": dataclasses.asdict(prior.codes) if prior.codes else None,
        "grid": sheet.caption,
        "signatures": {name: describe(function) for name, function in module.functions.items()},
        "sha256": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sizes.items()},
    }
    (folder / "model_card.json").write_text(json.dumps(card, indent=2) + "\n")
    (folder / "README.md").write_text(readme(card))


def inputs_of(function):
    """{name: `tf.TensorSpec`} of a signature."""
    return function.structured_input_signature[1]


def describe(function):
    """Plain values: names, dtypes and shapes of a signature's inputs and outputs."""

    def words(tensors):
        return {
            name: f"{t.dtype.name} [{', '.join(str(d) if d else 'batch' for d in t.shape)}]"
            for name, t in tensors.items()
        }

    return {"inputs": words(inputs_of(function)), "outputs": words(function.structured_outputs)}


def write_warm_up(signatures, name, path):
    """Requests that TF Serving plays at load: each signature at several batch sizes, so that no user waits for a trace."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    values = {"truncation": 1}  # seeds, noise, labels and codes are 0
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


def counts(protocol):
    """What a score was taken of, in words."""
    real = f"{protocol['real_images']} real ({protocol['real']}, {protocol['real_split']})"
    bound = protocol.get("truncation")
    generated = f"{protocol['generated_images']} generated" + (f" at truncation {bound:g}" if bound is not None else "")
    return ", ".join([generated] * bool(protocol["generated_images"]) + [real] * bool(protocol["real_images"]))


def readme(card):
    """The version folder's README, from its card."""
    scored = sorted(card["scores"], key=lambda score: score["protocol"].get("truncation") is not None)
    rows = [f"| {s['name']} | {s['value']:.4g} | {counts(s['protocol'])} | {s['step']} |" for s in scored]
    head = ["| score | value | images | step |", "|---|---|---|---|"]
    protocol = f"{direction(card)} The protocol of each score is in `model_card.json`."
    scores = "\n".join([*head, *rows, "", protocol]) if rows else "Not scored."
    inputs = {n: ", ".join(f"`{k}` {v}" for k, v in s["inputs"].items()) for n, s in card["signatures"].items()}
    outputs = {n: ", ".join(f"`{k}` {v}" for k, v in s["outputs"].items()) for n, s in card["signatures"].items()}
    table = "\n".join(f"| `{n}` | {inputs[n]} | {outputs[n]} |" for n in card["signatures"])
    made = next(iter(card["signatures"]["sample"]["outputs"]))
    return f"""# {card["name"]}, version {card["version"]}

{card["summary"]}

![{card["grid"]}](grid.png)

{card["grid"]}.

{scores}

What it was trained by is in `model_card.json`.

```python
import tensorflow as tf

generator = tf.saved_model.load("{card["name"]}/{card["version"]}")
{made} = generator.signatures["sample"](
    seed=tf.constant([0, 1, 2], tf.int64), truncation=tf.constant([float("inf")] * 3){conditional_call(card)}
)["{made}"]
```

| signature | inputs | outputs |
|---|---|---|
{table}

{legend(card)}
"""


def direction(card):
    """Which scores are the better ones."""
    names = card.get("higher_is_better")
    return f"Higher is better for {', '.join(names)}, lower for all else." if names else "Lower is better."


def conditional_call(card):
    """The further arguments of the README's call."""
    labels = ", labels=tf.constant([0, 1, 2])" if card["num_classes"] else ""
    return labels + (f", codes=tf.zeros([3, {codes_of(card).size}])" if card["codes"] else "")


def legend(card):
    """What the columns of the README's table mean."""
    lines = ["`truncation` bounds the latent: `inf` is none."]
    if card["num_classes"]:
        lines.append(
            f"`labels` are classes from 0 to {card['num_classes'] - 1}; in signatures with a `seed`, -1 draws one by it."
        )
    if card["codes"]:
        lines.append(
            f"`codes`: {meaning_of(codes_of(card))}; in signatures with a `seed`, each that is NaN is drawn by it."
        )
    if "png" in card["signatures"]:
        lines.append("float images are in [-1, 1].")
    return " ".join(lines)
