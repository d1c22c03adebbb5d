"""A SavedModel version folder as TensorFlow Serving loads it, with its warm-up requests, model card, grid and README."""

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
from tfgan_zoo.errors import ZooError
from tfgan_zoo.serving.generators import Generator

WARM_UP_BATCHES = (1, 8)


def versions(base):
    """The version numbers in a model's folder, rising."""
    return sorted(int(p.name) for p in Path(base).glob("*") if re.fullmatch(r"[1-9]\d*", p.name))


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


def write_version(module, base, card, version=None):
    """Writes `base/<version>/`, whole or not at all: it is made beside and renamed.

    Args:
        module: an `ExportedGenerator`.
        base: the model's folder; its name is the model's name.
        card: plain values that describe the generator: what model_card.json holds beside the signatures.
        version: a positive number, one more than the last where left out.

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
        fill(beside, module, {"name": base.name, "version": version, **card})
        os.chmod(beside, 0o755)
        os.rename(beside, target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return target


def fill(folder, module, card):
    """Everything of a version folder, into an empty one."""
    tf.saved_model.save(module, str(folder), signatures=module.functions)
    (folder / "assets.extra").mkdir(exist_ok=True)
    write_warm_up(module.functions, card["name"], folder / "assets.extra" / "tf_serving_warmup_requests")
    seeds = np.arange(64)
    labels = seeds % module.prior.num_classes if module.prior.num_classes else None
    pictures.save_png(
        pictures.grid(Generator(module.functions).sample(seeds, labels=labels)), folder / "grid.png", scale=2
    )
    sizes = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
    card = {
        **card,
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

    values = {"seed": np.int64(0), "truncation": np.float32(1), "labels": np.int32(0)}
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


def readme(card):
    """The version folder's README, from its card."""
    rows = [f"| {s['name']} | {s['value']:.4g} | {s['protocol']['generated_images']} generated, {s['protocol']['real_images']} "
            f"real ({s['protocol']['real']}, {s['protocol']['real_split']}) | {s['step']} |" for s in card["scores"]]  # fmt: skip
    scores = "\n".join(["| score | value | images | step |", "|---|---|---|---|", *rows]) if rows else "Not scored."
    inputs = {n: ", ".join(f"`{k}` {v}" for k, v in s["inputs"].items()) for n, s in card["signatures"].items()}
    outputs = {n: ", ".join(f"`{k}` {v}" for k, v in s["outputs"].items()) for n, s in card["signatures"].items()}
    table = "\n".join(f"| `{n}` | {inputs[n]} | {outputs[n]} |" for n in card["signatures"])
    return f"""# {card["name"]}, version {card["version"]}

{card["summary"]}

![64 samples, seeds 0 to 63](grid.png)

{scores}

Lower is better. The protocol of each score is in `model_card.json`, with the whole recipe.

```python
import tensorflow as tf

generator = tf.saved_model.load("{card["name"]}/{card["version"]}")
images = generator.signatures["sample"](
    seed=tf.constant([0, 1, 2], tf.int64), truncation=tf.constant([float("inf")] * 3){conditional_call(card)}
)["images"]
```

| signature | inputs | outputs |
|---|---|---|
{table}

`truncation` bounds the latent: `inf` is none. float images are in [-1, 1].
"""


def conditional_call(card):
    return ", labels=tf.constant([0, 1, 2])" if "labels" in card["signatures"]["sample"]["inputs"] else ""
