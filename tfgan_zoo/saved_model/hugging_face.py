"""A version folder as a folder for the Hugging Face Hub: a model card with YAML front matter, samples, and the SavedModel beside them.

Nothing is sent anywhere. Whoever wants to publish the folder says so: `hf upload NAME/MODEL FOLDER`.
"""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

from tfgan_zoo import pictures
from tfgan_zoo.core.atomic_files import check_new_folder, new_folder
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model import trust
from tfgan_zoo.saved_model.version_folder import card_of, load_version, newest, readme

SAMPLES = 8
TASK = "unconditional-image-generation"  # the Hub's name of what a GAN does, with labels or without


def write_folder(version: str | Path, to: str | Path, license: str) -> Path:
    """Writes a version folder with samples and a model card for the Hub into `to`. Returns `to`.

    It remains a version folder: `tf.saved_model.load` and `version_folder.load_version` open it.

    Args:
        version: the folder of a version, or of a model, whose newest version is taken.
        to: the folder to write; it must be empty or not exist yet.
        license: of the weights, by its identifier on the Hub, such as "apache-2.0" or "cc-by-4.0".

    Raises:
        ZooError: `to` holds files, the license is no identifier, the version has no model card, or `trust.check` refuses it.
    """
    to, version = Path(to).resolve(), newest(version)
    check_new_folder(to)
    check_license(license)
    generator, card = load_version(version), card_of(version)
    if "signatures" not in card:
        raise ZooError(
            f"{version} has no model_card.json of this library, so there is nothing to say on a card; export it again."
        )
    with new_folder(to) as staging:
        shutil.copytree(version, staging, dirs_exist_ok=True)
        if generator.output_name == "images":
            (staging / "samples").mkdir()
            for seed, image in enumerate(generator.sample(range(SAMPLES))):
                path = staging / "samples" / f"seed_{seed}.png"
                pictures.save_png(image, path)
                card["sha256"][path.relative_to(staging).as_posix()] = trust.sha256(path)
        (staging / "model_card.json").write_text(json.dumps(card, indent=2) + "\n")
        (staging / "README.md").write_text(f"{front_matter(card, license)}\n{readme(card, '.')}", encoding="utf-8")
    return to


def check_license(license: str) -> None:
    """Raises `ZooError` unless the text can be one of the Hub's identifiers of licenses."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", license):
        raise ZooError(
            f"--license={license!r}: a folder for Hugging Face states the license of its weights by an identifier of the Hub, such as "
            "apache-2.0, cc-by-4.0 or other. The choice is yours; the pictures that you trained on may bind you."
        )


def front_matter(card: dict[str, Any], license: str) -> str:
    """The YAML between the lines "---" that the Hub reads. Strings are written as in JSON, which YAML includes."""
    name, source = json.dumps(card["name"]), json.dumps(str(card.get("dataset", {}).get("source", "unknown")))
    images = "images" in card["signatures"]["serving_default"]["outputs"]
    tags = ["tensorflow", "saved-model", "gan", *([card["model"]] if "model" in card else [])]
    lines = ["---", "library_name: tfgan_zoo", f"license: {json.dumps(license)}"]
    lines += [f"pipeline_tag: {TASK}"] * images
    lines += ["tags:", *(f"- {json.dumps(tag)}" for tag in dict.fromkeys(tags))]
    scores = [score for score in card.get("scores", []) if math.isfinite(score["value"])]
    if scores:
        lines += ["model-index:", f"- name: {name}", "  results:", "  - task:", f"      type: {TASK}"]
        lines += ["    dataset:", f"      type: {source}", f"      name: {source}", "    metrics:"]
        for score in scores:
            lines += [f"    - type: {json.dumps(score['name'])}", f"      value: {yaml_number(score['value'])}"]
            lines += [f"      name: {json.dumps(metric_name(score))}"]
    return "\n".join([*lines, "---", ""])


def yaml_number(value: float) -> str:
    """With a point, without which YAML 1.1 reads 1e-07 as text.

    Examples:
        >>> yaml_number(1e-07), yaml_number(2.5)
        ('1.0e-07', '2.5')
    """
    text = repr(float(value))
    return text if "." in text else text.replace("e", ".0e")


def metric_name(score: dict[str, Any]) -> str:
    """A score's name with the truncation that it was taken at, so that no two are called alike."""
    bound = score["protocol"].get("truncation")
    return score["name"] + (f" at truncation {bound:g}" if bound is not None else "")
