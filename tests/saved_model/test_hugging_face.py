"""A folder for the Hugging Face Hub: what huggingface_hub reads on its card, and that it still is the version folder."""

import json
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.saved_model import hugging_face
from tfgan_zoo.saved_model.version_folder import load_version

NAME = "gan_mnist"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return hugging_face.write_folder(pretrained_folder() / NAME, tmp_path_factory.mktemp("hub") / NAME, "apache-2.0")


def card_of_export():
    return json.loads((pretrained_folder() / NAME / "1" / "model_card.json").read_text())


def test_huggingface_hub_reads_the_license_tags_and_scores_of_the_card(folder):
    """`ModelCard` refuses front matter that is no mapping and a model index that is none; the rest of its checks need the network."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    card = huggingface_hub.ModelCard((folder / "README.md").read_text(), ignore_metadata_errors=False)
    assert (card.data.license, card.data.library_name) == ("apache-2.0", "tfgan_zoo")
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert card.data.tags == ["tensorflow", "saved-model", "gan"]
    assert card.data.model_name == NAME
    scores = {(s["name"], s["value"]) for s in card_of_export()["scores"] if s["protocol"].get("truncation") is None}
    read = {(result.metric_type, result.metric_value) for result in card.data.eval_results}
    assert scores
    assert scores <= read
    assert {result.dataset_name for result in card.data.eval_results} == {card_of_export()["dataset"]["source"]}
    assert card.text.lstrip().startswith(f"# {NAME}, version 1")


def test_the_folder_is_a_version_folder_with_samples(folder):
    generator = load_version(folder)  # verifies the hashes, those of the samples included
    images = generator.sample([0, 7])
    for seed, image in zip([0, 7], images, strict=True):
        pixels = np.asarray(Image.open(folder / "samples" / f"seed_{seed}.png"))
        np.testing.assert_array_equal(pixels.reshape(image.shape), image)
    assert 'tf.saved_model.load(".")' in (folder / "README.md").read_text()
    assert [path.name for path in folder.parent.iterdir()] == [NAME]


def test_names_that_yaml_would_read_otherwise_are_kept():
    card = {
        "name": 'no: "1" #',
        "model": "sngan",
        "dataset": {"source": "on"},
        "signatures": {"serving_default": {"outputs": {"points": "float32 [batch, 2]"}}},
        "scores": [
            {"name": "fd", "value": 1e-7, "protocol": {"truncation": 0.5}},
            {"name": "kd", "value": float("nan"), "protocol": {}},
        ],
    }
    read = yaml.safe_load(hugging_face.front_matter(card, "cc-by-4.0").strip().strip("-"))
    assert read["model-index"][0]["name"] == 'no: "1" #'
    (result,) = read["model-index"][0]["results"]
    assert result["dataset"] == {"type": "on", "name": "on"}
    assert result["metrics"] == [{"type": "fd", "value": 1e-7, "name": "fd at truncation 0.5"}]
    assert "pipeline_tag" not in read


@pytest.mark.parametrize("license", ["", "My licence", "../x"])
def test_a_license_that_is_no_identifier_is_refused_before_anything_is_written(license, tmp_path):
    with pytest.raises(ZooError, match=r"by an identifier of the Hub, such as apache-2\.0"):
        hugging_face.write_folder(pretrained_folder() / NAME, tmp_path / "x", license)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(ZooError, match="already exists; choose a folder that is empty"):
        hugging_face.write_folder(pretrained_folder() / NAME, tmp_path, "apache-2.0")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_export_without_a_card_is_refused(tmp_path):
    version = shutil.copytree(pretrained_folder() / NAME / "1", tmp_path / "1")
    (version / "model_card.json").unlink()
    with pytest.raises(ZooError, match=r"has no model_card\.json of this library"):
        hugging_face.write_folder(version, tmp_path / "x", "apache-2.0")
