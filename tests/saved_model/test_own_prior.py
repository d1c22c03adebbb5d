"""A custom prior, from docs/extending_priors.md: what its export returns, and who may give which input."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, SeededDraws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.generator_inputs import LATENT_BOUND, GeneratorInput, Truncation
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.core.priors import Normal, Prior, Uniform
from tfgan_zoo.gradio_app.model_library import read_info
from tfgan_zoo.saved_model import sweeps, trust
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import load_version, newest, write_version

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending_priors.md"
INFINITY = float("inf")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The names that the page's code defines, run from top to bottom."""
    namespace, working_folder = {}, Path.cwd()
    os.chdir(tmp_path_factory.mktemp("page"))
    try:
        keras.utils.set_random_seed(0)
        exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)), namespace)
        namespace["folder"] = namespace["folder"].resolve()
    finally:
        os.chdir(working_folder)
    return namespace


@pytest.fixture(scope="module")
def module(page):
    return page["module"]


@pytest.fixture(scope="module")
def sampler(page):
    return page["sampler"]


def test_pages_code_gives_the_stated_shapes(page):
    assert page["images"].shape == (3, 8, 8, 1)
    assert page["floats"].shape == (2, 8, 8, 1)
    assert page["way"].shape == (10, 8, 8, 1)
    assert set(page["latents"]) == {"noise", "detail", "psi"}


def test_signatures_take_the_latents_and_no_internal_input(module):
    takes = {name: set(f.structured_input_signature[1]) for name, f in module.functions.items()}
    latents, seeds = {"noise", "detail", "psi"}, {"seed", "truncation"}
    assert takes == {"serving_default": latents, "sample": seeds, "png": seeds, "latents": seeds}
    assert set(module.functions["latents"].structured_outputs) == latents


def test_an_image_depends_on_its_seed_and_not_on_its_batch(module, sampler):
    together = sampler.sample([7, 3, 2**40, 5])
    for index, seed in enumerate((7, 3, 2**40, 5)):
        np.testing.assert_array_equal(sampler.sample([seed])[0], together[index])
    np.testing.assert_array_equal(module.generator().sample([3]), together[1:2])
    assert len({image.tobytes() for image in together}) == 4


def test_noise_maps_come_from_the_seed(page, module):
    """Fed with what the prior draws, the network gives the image of the seed; with other maps it gives another."""
    latents = page["prior"].sample(SeededDraws(tf.constant([5], tf.int64)))
    network = page["build_generator"](page["prior"])
    for value, saved in zip(network.variables, module.saved_weights, strict=True):
        value.assign(saved)
    image = network(latents).numpy()
    expected = np.rint((image + 1) * 127.5)
    np.testing.assert_allclose(module.generator().sample([5]), expected, atol=1)
    other = network({**latents, "noise_4x4": latents["noise_4x4"] + 1}).numpy()
    assert np.abs(image - other).max() > 0.05


def test_latents_alone_get_the_noise_maps_of_seed_0(sampler):
    latents = sampler.latent_inputs([0, 4])
    images = sampler.from_latents(**latents)
    samples = sampler.sample([0, 4]).astype(int)
    assert np.abs(np.rint((images + 1) * 127.5) - samples)[0].max() <= 1
    assert np.abs(np.rint((images + 1) * 127.5) - samples)[1].max() > 5  # seed 4 has other maps


def test_the_same_latents_give_the_same_image_again_and_in_any_batch(sampler):
    latents = sampler.latent_inputs([1, 2, 3])
    images = sampler.from_latents(**latents)
    np.testing.assert_array_equal(sampler.from_latents(**latents), images)
    alone = sampler.from_latents(**{name: values[2:] for name, values in latents.items()})
    np.testing.assert_allclose(alone, images[2:], atol=1e-6)


def test_truncation_is_psi_and_1_is_none(sampler):
    np.testing.assert_array_equal(sampler.latent_inputs([1, 2], 0.25)["psi"], [[0.25], [0.25]])
    np.testing.assert_array_equal(sampler.latent_inputs([1, 2])["psi"], [[1], [1]])
    np.testing.assert_array_equal(sampler.sample([1, 2]), sampler.sample([1, 2], 1.0))
    untruncated, truncated = sampler.latent_inputs([1, 2]), sampler.latent_inputs([1, 2], 0.25)
    np.testing.assert_array_equal(untruncated["noise"], truncated["noise"])
    repeated = {name: np.repeat(values[:1], 2, 0) for name, values in untruncated.items()}
    average = sampler.from_latents(noise=untruncated["noise"], detail=repeated["detail"], psi=np.zeros([2, 1]))
    np.testing.assert_array_equal(average[0], average[1])  # whatever the noise
    assert (
        sampler.from_latents(noise=untruncated["noise"], detail=repeated["detail"], psi=repeated["psi"])[0]
        != average[0]
    ).any()


def test_infinity_means_no_truncation_to_a_client_that_knows_only_the_signatures(module, sampler):
    without_card = Sampler(module.functions)
    assert without_card.truncation is LATENT_BOUND
    np.testing.assert_array_equal(without_card.sample([1, 2]), sampler.sample([1, 2]))
    np.testing.assert_array_equal(without_card.latent_inputs([1])["psi"], [[1]])
    images = sweeps.path(without_card, [1, 9], 4, 0.5).samples
    assert np.abs(images.astype(int) - sweeps.path(sampler, [1, 9], 4, 0.5).samples).max() <= 1


def test_interpolation_moves_the_latents_that_the_prior_marks_and_keeps_psi(sampler, monkeypatch):
    calls = []
    monkeypatch.setattr(
        sampler, "call", lambda name, **inputs: calls.append(inputs) or Sampler.call(sampler, name, **inputs)
    )
    sheet = sweeps.path(sampler, [1, 9], 5, 0.5)
    ends, path_inputs = sampler.latent_inputs([1, 9], 0.5), calls[1]
    np.testing.assert_array_equal(path_inputs["psi"], np.full([5, 1], 0.5))
    for name in ("noise", "detail"):
        np.testing.assert_allclose(path_inputs[name][[0, 4]], ends[name], atol=1e-6)
        assert len({row.tobytes() for row in path_inputs[name]}) == 5
    assert len({image.tobytes() for image in sheet.samples}) == 5


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"noises": [[0.0] * 8]}, "no input of this generator 'noises'. Did you mean 'noise'"),
        ({"noise_4x4": np.zeros([1, 4, 4, 1])}, "noise_4x4 was given, and this generator draws it from the seed"),
        ({"psi": [0.5]}, "psi was given with a seed, which draws it"),
        ({"labels": 1}, "labels were given, and this generator takes none"),
    ],
)
def test_inputs_that_no_client_may_give_are_refused(sampler, inputs, message):
    with pytest.raises(ZooError, match=message):
        sampler.sample([0], **inputs)


def test_latents_are_given_by_name_if_there_are_several(sampler):
    latents = sampler.latent_inputs([1])
    with pytest.raises(ZooError, match="has the latents noise, detail, psi; give each by its name"):
        sampler.from_latents(latents["noise"])
    with pytest.raises(ZooError, match="take them by latent_inputs"):
        sampler.latents([1])
    with pytest.raises(ZooError, match="all latents must be given, and detail, psi is missing"):
        sampler.from_latents(noise=latents["noise"])
    with pytest.raises(ZooError, match=r"detail has shape \[1, 3\]; expected \[1, 4\]"):
        sampler.from_latents(**{**latents, "detail": [[0.0] * 3]})
    with pytest.raises(ZooError, match="noise_8x8 was given"):
        sampler.from_latents(**latents, noise_8x8=np.zeros([1, 8, 8, 1]))
    with pytest.raises(
        ZooError, match="truncation=nan: expected a number, 0 or more: psi in w, 1 for none, 0 for the average image"
    ):
        sampler.sample([0], NAN)


NAN = float("nan")

WITHOUT_PACKAGE = """
import sys
sys.modules["tfgan_zoo"] = None  # any import of it fails
import numpy as np, tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
def sample(*seeds):
    truncation = tf.constant([0.7] * len(seeds))
    return signatures["sample"](seed=tf.constant(seeds, tf.int64), truncation=truncation)["images"].numpy()
np.savez(sys.argv[2], together=sample(3, 4), alone=sample(4))
"""


def test_export_loads_without_this_package_and_draws_the_same(page, sampler, tmp_path):
    command = [sys.executable, "-c", WITHOUT_PACKAGE, str(page["folder"]), str(tmp_path / "images.npz")]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    images = np.load(tmp_path / "images.npz")
    np.testing.assert_array_equal(images["together"], sampler.sample([3, 4], 0.7))
    np.testing.assert_array_equal(images["alone"][0], images["together"][1])


def test_the_card_and_the_readme_describe_the_inputs_and_truncation(page, sampler):
    card = json.loads((page["folder"] / "model_card.json").read_text())
    assert [item["name"] for item in card["inputs"]] == ["noise", "detail", "psi", "noise_4x4", "noise_8x8"]
    assert card["inputs"][3] == {
        "name": "noise_4x4", "shape": [4, 4, 1], "dtype": "float32",
        "client_may_give": False, "open_value": None, "interpolated": False,
    }  # fmt: skip
    assert (card["truncation"]["meaning"], card["truncation"]["none"]) == ("psi in w", 1)
    assert (sampler.inputs, sampler.truncation) == (page["prior"].inputs, page["prior"].truncation)
    text = (page["folder"] / "README.md").read_text()
    assert "`truncation`: psi in w, 1 for none, 0 for the average image." in text
    assert "The generator takes `noise_4x4`, `noise_8x8` too, which no client gives" in text
    assert "truncation=tf.constant([1.0] * 3)" in text


def test_the_playground_reads_its_slider_from_the_card(page):
    truncation = read_info("style", page["folder"]).truncation
    assert (truncation.label, truncation.lowest, truncation.highest) == ("Psi in w", 0, 1)


def test_warm_up_requests_have_no_truncation(page):
    from tensorflow_serving.apis import prediction_log_pb2

    path = page["folder"] / "assets.extra" / "tf_serving_warmup_requests"
    requests = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        for record in tf.data.TFRecordDataset(str(path))
    ]
    values = [tf.make_ndarray(r.inputs["truncation"]) for r in requests if "truncation" in r.inputs]
    assert len(values) == 6
    assert all((value == 1).all() for value in values)


def test_a_card_that_does_not_match_the_signatures_is_refused(page):
    folder = page["folder"]
    original = (folder / "model_card.json").read_text()
    try:
        for inputs, message in (
            (json.loads(original)["inputs"][:2], "its inputs are said to be noise .8., detail .4., and its signatures"),
            ([{"name": "noise"}], "its inputs or truncation cannot be read"),
        ):
            (folder / "model_card.json").write_text(json.dumps({**json.loads(original), "inputs": inputs}))
            with pytest.raises(ZooError, match=message):
                load_version(folder)
    finally:
        (folder / "model_card.json").write_text(original)
    trust.check(folder)


def test_training_draws_the_same_inputs_on_any_number_of_replicas(page):
    prior, seed = page["prior"], seed_of(3)
    batch = prior.sample(Draws(seed, 6))
    assert {item.name: item.shape for item in prior.inputs} == {n: tuple(v.shape[1:]) for n, v in batch.items()}
    shares = [prior.sample(Draws(seed, 6, first, 3)) for first in (0, 3)]
    for name, values in batch.items():
        np.testing.assert_array_equal(np.concatenate([share[name] for share in shares]), values)
    np.testing.assert_array_equal(batch["psi"], np.ones([6, 1]))


# ------------------------------------------------------------------------------------------- further conditions


class Angled(Prior):
    """With an angle that a client may give, float32 [2], left open by NaN, and an integer, left open by -1."""

    @property
    def inputs(self):
        angle = GeneratorInput("angle", (2,), open_value=NAN)
        return *super().inputs, angle, GeneratorInput("count", (), "int32", open_value=-1)

    def sample(self, draws, truncation=INFINITY):
        latents = super().sample(draws, truncation)
        return {**latents, "angle": draws.uniform("angle", [2]), "count": draws.integers("count", 4)}


@pytest.fixture(scope="module")
def angled(tmp_path_factory):
    """Images [1, 3, 1] of (angle, count / 8)."""
    angle, count = keras.Input([2], name="angle"), keras.Input([], dtype="int32", name="count")
    number = keras.layers.Reshape((1,))(keras.ops.cast(count, "float32") / 8)
    h = keras.layers.Reshape((1, 3, 1))(keras.layers.Concatenate()([angle, number]))
    module = ExportedGenerator(keras.Model({"angle": angle, "count": count}, h, name="generator"), Angled(2))
    return load_version(write_version(module, tmp_path_factory.mktemp("zoo") / "angled", {"summary": "", "scores": []}))


def test_a_condition_is_given_by_name_or_left_to_the_seed_number_by_number(angled):
    by_seed = angled.sample([3, 4]).astype(int)
    half = round(1.5 * 127.5)
    images = angled.sample([3, 4], angle=[NAN, 0.5], count=[2, -1]).astype(int)
    np.testing.assert_array_equal(images[:, 0, 0], by_seed[:, 0, 0])
    np.testing.assert_array_equal(images[:, 0, 1, 0], [half, half])
    np.testing.assert_array_equal(images[:, 0, 2, 0], [round((2 / 8 + 1) * 127.5), by_seed[1, 0, 2, 0]])
    floats = angled.from_latents(np.zeros([2, 2]), angle=[[0, 0.5], [0.25, 1]], count=3)
    np.testing.assert_allclose(floats[:, 0, :, 0], [[0, 0.5, 0.375], [0.25, 1, 0.375]])


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"angle": [0, NAN], "count": 1}, "without a seed angle must be given, and nan leaves it open"),
        ({"angle": [0, 0]}, r"without a seed count must be given, of shape \[\]"),
        ({"angle": [0, 0, 0], "count": 1}, r"angle has shape \[3\]; expected \[2\] or \[2, 2\]"),
    ],
)
def test_without_a_seed_every_condition_must_be_given(angled, conditions, message):
    with pytest.raises(ZooError, match=message):
        angled.from_latents(np.zeros([2, 2]), **conditions)


def test_interpolation_sets_further_conditions_to_0(angled):
    assert (sweeps.path(angled, [1, 9], 3).samples == round(127.5)).all()


def test_the_readmes_example_passes_further_conditions(angled, tmp_path, monkeypatch):
    noise = keras.Input([2], name="noise")
    network = keras.Model({"noise": noise}, keras.layers.Reshape((1, 2, 1))(noise), name="generator")
    module = ExportedGenerator(network, Angled(2))
    folder = write_version(module, tmp_path / "angled", {"summary": "", "scores": []})
    text = (folder / "README.md").read_text()
    assert "`angle`: in signatures with a `seed`, nan draws it." in text
    monkeypatch.chdir(tmp_path)
    namespace = {}
    exec(text.split("```python\n")[1].split("```")[0], namespace)
    assert namespace["images"].shape == (3, 1, 2, 1)


# ------------------------------------------------------------------------------------------- descriptions


def test_the_priors_of_the_zoo_describe_their_inputs():
    prior = Prior(5, num_classes=3)
    noise, labels = GeneratorInput("noise", (5,), interpolated=True), GeneratorInput("labels", (), "int32", True, -1)
    assert prior.inputs == (noise, labels)
    assert str(prior.truncation) == "bound of |z|, inf for none"
    assert str(Prior(5, Uniform()).truncation) == "half-width of U(-t, t), inf for none"
    assert [item.kind for item in prior.inputs] == ["latent", "condition"]


@pytest.mark.parametrize("name", ["sngan_mnist", "infogan_mnist", "acgan_mnist"])
def test_an_export_whose_card_describes_no_inputs_loads_as_before(name):
    sampler = load_version(newest(pretrained_folder() / name))
    kinds = {item.name: (item.kind, item.interpolated) for item in sampler.inputs}
    assert kinds.pop("noise") == ("latent", True)
    assert set(kinds.values()) <= {("condition", False)}
    assert sampler.truncation == LATENT_BOUND
    assert sampler.seed_inputs([1])["truncation"].tolist() == [INFINITY]


@pytest.mark.parametrize("truncation", [Normal.truncation, Truncation("psi in w", 1.0, "a note", 0.0, 1.0, 0.7)])
def test_descriptions_are_restored_from_json(truncation):
    assert Truncation.from_dict(json.loads(json.dumps(truncation.as_dict(), allow_nan=False))) == truncation
    for item in (
        GeneratorInput("labels", (), "int32", open_value=-1),
        GeneratorInput("a", (2, 3), client_may_give=False),
    ):
        assert GeneratorInput.from_dict(json.loads(json.dumps(item.as_dict(), allow_nan=False))) == item
    codes = GeneratorInput("codes", (3,), open_value=NAN)
    again = GeneratorInput.from_dict(json.loads(json.dumps(codes.as_dict(), allow_nan=False)))
    assert np.isnan(again.open_value)
    assert dataclasses.replace(again, open_value=0) == dataclasses.replace(codes, open_value=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "seed"}, "expected an identifier other than seed"),
        ({"name": "a b"}, "'a b': expected an identifier"),
        ({"name": "a", "dtype": "float64"}, "dtype='float64'; use 'float32' or 'int32'"),
        ({"name": "a", "open_value": 0, "interpolated": True}, "open_value=0 is for a condition"),
        ({"name": "a", "open_value": 0, "client_may_give": False}, "open_value=0 is for a condition"),
        ({"name": "a", "dtype": "int32", "open_value": NAN}, "use a number such as -1"),
        ({"name": "a", "dtype": "int32", "interpolated": True}, "only a float32 latent can be interpolated"),
    ],
)
def test_contradictory_inputs_are_refused(arguments, message):
    with pytest.raises(ZooError, match=message):
        GeneratorInput(**{"shape": (), **arguments})


def test_a_network_with_inputs_that_the_prior_does_not_name_is_refused():
    inputs = {"noise": keras.Input([2], name="noise"), "extra": keras.Input([2], name="extra")}
    network = keras.Model(inputs, keras.layers.Add()(list(inputs.values())), name="generator")
    with pytest.raises(
        ZooError, match="the generator takes extra, expected of the prior's `inputs` too, which has noise"
    ):
        ExportedGenerator(network, Prior(2))


def test_a_prior_that_names_more_than_it_draws_is_refused():
    class Forgetful(Prior):
        @property
        def inputs(self):
            return *super().inputs, GeneratorInput("extra", (2,), client_may_give=False)

    network = keras.Model(x := keras.Input([2], name="noise"), keras.layers.Dense(2)(x), name="generator")
    with pytest.raises(
        ZooError, match="the prior's `inputs` name extra, expected of its `sample` too, which has noise"
    ):
        ExportedGenerator(network, Forgetful(2))
