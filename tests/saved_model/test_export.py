"""The exported generator: what its signatures return, where it can be loaded, and that it is written atomically."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes, Prior, Uniform
from tfgan_zoo.layers import BatchNorm, ConditionalBatchNorm
from tfgan_zoo.networks import resnet
from tfgan_zoo.saved_model import version_folder
from tfgan_zoo.saved_model.signature_calls import Sampler, interpolate
from tfgan_zoo.saved_model.signatures import ExportedGenerator

CARD = {"summary": "A test.", "scores": []}
INFINITY = np.float32(np.inf)


def conditional_generator():
    noise, labels = keras.Input([4], name="noise"), keras.Input([], dtype="int32", name="labels")
    h = keras.layers.Reshape((4, 4, 2), name="reshape")(keras.layers.Dense(32, name="dense")(noise))
    h = ConditionalBatchNorm(3, kernel_initializer="random_normal", name="norm")([h, labels])
    h = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", name="to_images")(h)
    return keras.Model({"noise": noise, "labels": labels}, h, name="generator")


@pytest.fixture(scope="module")
def unconditional(tmp_path_factory):
    network = resnet.generator((16, 16, 1), noise_size=8, channels=4)
    module = ExportedGenerator(network, Prior(8))
    return network, module, version_folder.write_version(module, tmp_path_factory.mktemp("zoo") / "small", CARD)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    module = ExportedGenerator(conditional_generator(), Prior(4, num_classes=3))
    return module, version_folder.write_version(module, tmp_path_factory.mktemp("zoo") / "classes", CARD)


@pytest.fixture(scope="module")
def exports(unconditional, conditional, tmp_path_factory):
    """{name: version folder}, one of each kind: images, with labels, with codes, points."""
    kinds = {"small": unconditional[2], "classes": conditional[1]}
    for name, size in (("coded", (4, 4, 1)), ("points", (2,))):
        noise, codes = keras.Input([4], name="noise"), keras.Input([3], name="codes")
        h = keras.layers.Dense(int(np.prod(size)))(keras.layers.Concatenate()([noise, codes]))
        network = keras.Model({"noise": noise, "codes": codes}, keras.layers.Reshape(size)(h), name="generator")
        module = ExportedGenerator(network, Prior(4, codes=Codes((5,), 2)))
        kinds[name] = version_folder.write_version(module, tmp_path_factory.mktemp("zoo") / name, CARD)
    return kinds


def signatures_of(name):
    return {"serving_default", "sample", "latents", *(["png"] if name != "points" else [])}


def call(folder, signature, **inputs):
    loaded = tf.saved_model.load(str(folder))
    return {k: v.numpy() for k, v in loaded.signatures[signature](**inputs).items()}


def draw(*seeds, truncation=INFINITY):
    return {"seed": tf.constant(seeds, tf.int64), "truncation": tf.fill([len(seeds)], np.float32(truncation))}


def test_serving_default_is_the_network(unconditional):
    network, _, folder = unconditional
    noise = np.random.default_rng(0).normal(size=[3, 8]).astype(np.float32)
    expected = network({"noise": noise}, training=False).numpy()
    images = call(folder, "serving_default", noise=tf.constant(noise))["images"]
    np.testing.assert_allclose(images, expected, atol=1e-6)
    assert images.dtype == np.float32


@pytest.mark.parametrize("batch", [1, 3])
def test_every_signature_works_at_any_batch_size(unconditional, batch):
    _, module, folder = unconditional
    for signature, function in module.functions.items():
        specs = function.structured_input_signature[1]
        inputs = {n: tf.zeros([batch, *spec.shape[1:]], spec.dtype) for n, spec in specs.items()}
        for output in call(folder, signature, **inputs).values():
            assert output.shape[0] == batch


def test_sample_is_uint8_png_decodes_to_it_and_latents_give_the_same_image(unconditional):
    _, _, folder = unconditional
    images = call(folder, "sample", **draw(5, 6))["images"]
    assert images.shape == (2, 16, 16, 1)
    assert images.dtype == np.uint8
    png = call(folder, "png", **draw(5, 6))["png_bytes"]
    np.testing.assert_array_equal(tf.io.decode_png(png[1]).numpy(), images[1])
    noise = call(folder, "latents", **draw(5, 6))["noise"]
    floats = call(folder, "serving_default", noise=tf.constant(noise))["images"]
    np.testing.assert_allclose((floats + 1) * 127.5, images, atol=0.5001)


def test_a_latent_depends_on_its_seed_and_not_on_its_batch(unconditional):
    _, _, folder = unconditional
    together = call(folder, "latents", **draw(0, 7, 2**40, 9))["noise"]
    alone = call(folder, "latents", **draw(7))["noise"]
    np.testing.assert_array_equal(together[1], alone[0])
    assert len({row.tobytes() for row in together}) == 4


def test_truncation_bounds_the_latent_of_each_example_by_its_own_bound(unconditional):
    _, _, folder = unconditional
    bounds = tf.constant([0.5, 1.0, np.inf, 0.0])
    noise = call(folder, "latents", seed=tf.fill([4], np.int64(3)), truncation=bounds)["noise"]
    assert np.abs(noise[0]).max() <= 0.5
    assert np.abs(noise[1]).max() <= 1.0
    assert np.abs(noise[3]).max() == 0.0
    assert (np.sign(noise[0]) == np.sign(noise[2])).all()  # one seed, one direction
    assert (np.abs(noise[0]) < np.abs(noise[1])).all()


def test_uniform_latents_are_exported_as_such(tmp_path):
    module = ExportedGenerator(resnet.generator((16, 16, 1), 8, 2), Prior(8, Uniform()))
    noise = Sampler(module.functions).latents(np.arange(300))
    assert 0.97 < noise.max() < 1
    assert -1 < noise.min() < -0.97
    assert np.abs(Sampler(module.functions).latents(np.arange(50), truncation=0.3)).max() <= 0.3


def test_a_conditional_export_takes_labels_and_draws_one_for_minus_one(conditional):
    _, folder = conditional
    generator = Sampler(tf.saved_model.load(str(folder)).signatures)
    assert generator.conditional
    zeros, ones = (generator.sample([4, 5], labels=label) for label in (0, 1))
    assert (zeros != ones).any()
    drawn = generator.sample(np.arange(12))
    by_label = np.stack([generator.sample(np.arange(12), labels=label) for label in range(3)])
    drawn_labels = [[np.array_equal(drawn[i], by_label[label][i]) for label in range(3)].index(True) for i in range(12)]
    assert set(drawn_labels) == {0, 1, 2}


def test_labels_for_an_unconditional_generator_are_refused(unconditional):
    _, module, _ = unconditional
    with pytest.raises(ZooError, match="labels were given, and this generator takes none"):
        Sampler(module.functions).sample([1], labels=3)


def test_large_requests_are_computed_in_batches_with_the_same_result(unconditional):
    _, module, _ = unconditional
    generator = Sampler(module.functions)
    images = generator.sample(np.arange(150))
    assert images.shape == (150, 16, 16, 1)
    np.testing.assert_allclose(images[149].astype(int), generator.sample([149])[0].astype(int), atol=1)


WITHOUT_PACKAGE = """
import sys
sys.modules["tfgan_zoo"] = None  # any import of it fails
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
images = loaded.signatures["sample"](seed=tf.constant([5, 6], tf.int64), truncation=tf.constant([np.inf, 1.0]))["images"]
np.save(sys.argv[2], images.numpy())
print(tf.__version__)
"""


def load_elsewhere(python, folder, out):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        [python, "-c", WITHOUT_PACKAGE, str(folder), str(out)],
        capture_output=True,
        text=True,
        cwd=out.parent,
        env=environment,
    )
    assert process.returncode == 0, process.stderr
    return np.load(out), process.stdout.strip()


def test_export_loads_in_a_process_that_cannot_import_this_package(unconditional, tmp_path):
    _, module, folder = unconditional
    images, _ = load_elsewhere(sys.executable, folder, tmp_path / "images.npy")
    expected = module.functions["sample"](seed=tf.constant([5, 6], tf.int64), truncation=tf.constant([np.inf, 1.0]))
    np.testing.assert_array_equal(images, expected["images"].numpy())


@pytest.mark.reference
def test_tensorflow_2_15_loads_the_export_and_draws_the_same_images(unconditional, tmp_path):
    python = os.environ.get("TFGAN_ZOO_TF215_PYTHON")
    if not python:
        pytest.skip("TFGAN_ZOO_TF215_PYTHON names no interpreter with TensorFlow 2.15")
    _, module, folder = unconditional
    images, version = load_elsewhere(python, folder, tmp_path / "images.npy")
    assert version.startswith("2.15")
    expected = module.functions["sample"](seed=tf.constant([5, 6], tf.int64), truncation=tf.constant([np.inf, 1.0]))
    np.testing.assert_allclose(images.astype(int), expected["images"].numpy().astype(int), atol=1)
    assert (images == expected["images"].numpy()).mean() > 0.999


def session_answers(folder, inputs):
    """The outputs of every signature through the Session loader, which TF Serving uses."""
    answers = {}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = loader_impl.SavedModelLoader(str(folder)).load(session, ["serve"])
        for name, signature in graph.signature_def.items():
            if name.startswith("__"):
                continue
            feed = {signature.inputs[k].name: inputs[k] for k in signature.inputs}
            answers[name] = session.run({k: t.name for k, t in signature.outputs.items()}, feed)
    return answers


def test_the_session_loader_of_tf_serving_gives_the_same_outputs_of_every_signature(exports):
    inputs = {
        "seed": np.array([1, 2, 3]),
        "truncation": np.full([3], 0.7, np.float32),
        "labels": np.array([0, 1, 2], np.int32),
        "codes": np.array([[1, 0.5, 0], [2, 0, 0], [0, -1, 1]], np.float32),
    }
    for name, folder in exports.items():
        inputs["noise"] = np.full([3, 8 if name == "small" else 4], 0.3, np.float32)
        answers = session_answers(folder, inputs)
        assert set(answers) == signatures_of(name)
        loaded = tf.saved_model.load(str(folder))
        for signature, outputs in answers.items():
            specs = loaded.signatures[signature].structured_input_signature[1]
            expected = loaded.signatures[signature](**{k: tf.constant(inputs[k], specs[k].dtype) for k in specs})
            for key, value in outputs.items():
                if value.dtype == object:
                    assert value.tolist() == expected[key].numpy().tolist()
                else:
                    np.testing.assert_allclose(value, expected[key].numpy(), atol=1e-5)


def test_no_xla_no_files_and_no_stateful_randomness_in_the_graph(exports):
    from tensorflow.core.protobuf import saved_model_pb2

    networks = []
    for folder in exports.values():
        content = (folder / "saved_model.pb").read_bytes()
        assert b"_XlaMustCompile" not in content
        graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
        ops = {n.op for f in graph.library.function for n in f.node_def}
        assert not ops & {"RandomUniform", "RandomStandardNormal", "RngReadAndSkip", "PyFunc", "ReadFile", "WriteFile"}
        assert "StatelessRandomUniformFullIntV2" in ops or "StatelessRandomUniformFullInt" in ops
        networks.append(sum(any(n.op == "Tanh" for n in f.node_def) for f in graph.library.function))
    assert set(networks) == {0, 1}  # the network is stored once, not once per signature; that of points has no tanh


def test_the_warm_up_requests_are_answered(exports):
    from tensorflow_serving.apis import prediction_log_pb2

    for name, folder in exports.items():
        loaded = tf.saved_model.load(str(folder))
        requests = set()
        path = folder / "assets.extra" / "tf_serving_warmup_requests"
        for record in tf.data.TFRecordDataset(str(path)):
            request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
            assert request.model_spec.name == name
            inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
            outputs = loaded.signatures[request.model_spec.signature_name](**inputs)
            batch = next(iter(inputs.values())).shape[0]
            assert all(t.shape[0] == batch for t in outputs.values())
            assert all(np.isfinite(t).all() for t in outputs.values() if t.dtype == tf.float32)
            requests.add((request.model_spec.signature_name, batch))
        assert requests == {(s, b) for s in signatures_of(name) for b in (1, 8)}


def test_weights_are_stored_once(unconditional):
    network, _, folder = unconditional
    size = sum(p.stat().st_size for p in (folder / "variables").iterdir())
    weights = 4 * sum(int(np.prod(v.shape)) for v in network.variables)
    assert size < 1.5 * weights + 20000


def test_versions_count_up_and_an_existing_one_is_not_overwritten(unconditional, tmp_path):
    _, module, _ = unconditional
    base = tmp_path / "zoo" / "small"
    assert version_folder.write_version(module, base, CARD).name == "1"
    assert version_folder.write_version(module, base, CARD, version=7).name == "7"
    assert version_folder.versions(base) == [1, 7]
    assert version_folder.newest(base) == base / "7"
    with pytest.raises(ZooError, match=r"7 exists already"):
        version_folder.write_version(module, base, CARD, version=7)


def test_a_versions_name_is_any_number_and_one_number_is_not_written_twice(unconditional, tmp_path):
    _, module, _ = unconditional
    base = tmp_path / "zoo" / "small"
    (base / "002").mkdir(parents=True)
    (base / "0").mkdir()
    (base / "1_0").mkdir()
    (base / "٣").mkdir()
    assert version_folder.versions(base) == [0, 2]
    assert version_folder.newest(base) == base / "002"
    with pytest.raises(ZooError, match=r"small/002 exists already"):
        version_folder.write_version(module, base, CARD, version=2)
    assert not (base / "2").exists()
    assert version_folder.write_version(module, base, CARD).name == "3"
    (base / str(2**63 - 1)).mkdir()
    with pytest.raises(ZooError, match=f"version {2**63} of .*: expected 1 to {2**63 - 1}"):
        version_folder.write_version(module, base, CARD)


def test_of_two_names_of_one_version_the_last_in_alphabetical_order_is_used(tmp_path):
    for name in ("2", "002", "+2", "7", "-3", "0", "00", str(2**63), "1" * 200, ".tmp-4", "v5"):
        (tmp_path / name).mkdir()
    folders = {-3: "-3", 0: "00", 2: "2", 7: "7"}
    assert list(version_folder.version_folders(tmp_path).items()) == [(n, tmp_path / p) for n, p in folders.items()]
    ignored = {tmp_path / "002": tmp_path / "2", tmp_path / "+2": tmp_path / "2", tmp_path / "0": tmp_path / "00"}
    assert version_folder.ignored_versions(tmp_path) == ignored


def test_a_version_that_appears_between_two_looks_at_the_folder_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "002").mkdir()
    glob = version_folder.Path.glob

    def look(path, pattern):
        found = list(glob(path, pattern))
        (tmp_path / "2").mkdir(exist_ok=True)
        (tmp_path / "3").mkdir(exist_ok=True)
        return found

    monkeypatch.setattr(version_folder.Path, "glob", look)
    assert version_folder.ignored_versions(tmp_path) == {}
    assert version_folder.ignored_versions(tmp_path) == {tmp_path / "002": tmp_path / "2"}


def test_a_failure_leaves_no_files_behind(unconditional, tmp_path, monkeypatch):
    _, module, _ = unconditional

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(version_folder, "write_warm_up", fail)
    with pytest.raises(OSError, match="disk full"):
        version_folder.write_version(module, tmp_path / "zoo" / "small", CARD)
    assert list((tmp_path / "zoo" / "small").iterdir()) == []


def test_a_full_disk_is_told_in_a_sentence_and_leaves_no_files_behind(unconditional, tmp_path, monkeypatch):
    def save(module, folder, signatures):
        message = f"{folder}/variables/variables.data-00000-of-00001; No space left on device [Op:SaveV2]"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setattr(tf.saved_model, "save", save)
    with pytest.raises(OSError, match="No space left on device") as error:
        version_folder.write_version(unconditional[1], tmp_path / "model", CARD)
    assert error.value.filename == str(tmp_path / "model" / "1")
    assert list((tmp_path / "model").iterdir()) == []


def test_the_card_describes_the_signatures_and_hashes_the_files(conditional):
    import hashlib

    _, folder = conditional
    card = json.loads((folder / "model_card.json").read_text())
    assert card["name"] == "classes"
    assert card["signatures"]["sample"]["inputs"] == {
        "labels": "int32 [batch]", "seed": "int64 [batch]", "truncation": "float32 [batch]",
    }  # fmt: skip
    assert card["signatures"]["serving_default"]["outputs"] == {"images": "float32 [batch, 4, 4, 3]"}
    assert (card["num_classes"], card["codes"]) == (3, None)
    assert card["grid"] == "24 samples, seeds 0 to 23, one column per class"
    for name, expected in card["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected
    assert "saved_model.pb" in card["sha256"]
    assert "labels=tf.constant" in (folder / "README.md").read_text()


def test_the_card_of_a_generator_with_codes_says_which_are_categories(exports):
    card = json.loads((exports["coded"] / "model_card.json").read_text())
    assert (card["num_classes"], card["codes"]) == (0, {"categorical": [5], "continuous": 2})
    assert card["signatures"]["sample"]["inputs"]["codes"] == "float32 [batch, 3]"
    assert "codes" not in card["signatures"]["latents"]["inputs"]


def test_the_readme_says_which_scores_are_better_when_higher(conditional, tmp_path):
    protocol = {"generated_images": 70, "real_images": 0, "real": "mnist5k", "real_split": "all"}
    score = {"name": "class_accuracy", "value": 0.93, "step": 6, "protocol": protocol}
    card = {"summary": "A test.", "scores": [score], "higher_is_better": ["class_accuracy"]}
    text = (version_folder.write_version(conditional[0], tmp_path / "scored", card) / "README.md").read_text()
    assert "| class_accuracy | 0.93 | 70 generated | 6 |" in text
    assert "Higher is better for class_accuracy, lower for all others." in text
    assert "Not scored." in (conditional[1] / "README.md").read_text()


def test_batch_norm_uses_its_statistics_of_inference(tmp_path):
    """A seed's image must not depend on its batch, so batch norm uses its moving statistics."""
    noise = keras.Input([4], name="noise")
    h = BatchNorm(name="norm")(keras.layers.Dense(12, name="dense")(noise))
    network = keras.Model({"noise": noise}, keras.layers.Reshape((2, 2, 3))(h), name="generator")
    generator = Sampler(ExportedGenerator(network, Prior(4)).functions)
    values = np.random.default_rng(0).normal(size=[5, 4])
    np.testing.assert_allclose(generator.from_latents(values)[2], generator.from_latents(values[2:3])[0], atol=1e-6)


def test_interpolation_goes_from_end_to_end_on_the_great_circle():
    a, b = np.array([3.0, 0.0]), np.array([0.0, 3.0])
    path = interpolate(a, b, 3)
    np.testing.assert_allclose(path, [[3, 0], [3 / 2**0.5, 3 / 2**0.5], [0, 3]], atol=1e-6)
    np.testing.assert_allclose(interpolate(a, a, 4), np.tile(a, [4, 1]))
    np.testing.assert_allclose(interpolate(a, -a, 3), [[3, 0], [0, 0], [-3, 0]], atol=1e-6)
