"""The search for a picture's latent: on linear generators, whose answer is known, and on shipped ones, of their own images."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes, Normal, Prior, Uniform
from tfgan_zoo.latents.conditions import Condition, class_number, conditions
from tfgan_zoo.latents.investigation import FIRST_SEED, Investigation
from tfgan_zoo.latents.latent_search import Settings, search
from tfgan_zoo.latents.latent_space import LatentSpace
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import load_version, write_version

ROOT = Path(__file__).resolve().parents[2]
NAN = float("nan")


def linear_generator(shape, distribution=None, last=None):
    """Images of `shape` that are the latent / 4, after the function `last`."""
    size = int(np.prod(shape))
    noise = keras.Input([size], name="noise")
    h = keras.layers.Rescaling(1 / 4)(keras.layers.Reshape(shape)(noise))
    network = keras.Model({"noise": noise}, last(h) if last else h, name="generator")
    return ExportedGenerator(network, Prior(size, distribution))


@pytest.mark.parametrize(("distribution", "norm", "spread"), [(Normal(), 7.969, 0.704), (Uniform(), 4.607, 0.258)])
def test_shell_of_64_numbers_is_that_of_their_distribution(distribution, norm, spread):
    """sqrt(2) G(32.5) / G(32) and its spread for N(0, 1); for U(-1, 1), z.z = 64 / 3 +- sqrt(64 x 4 / 45)."""
    space = LatentSpace(linear_generator([8, 8, 1], distribution).generator())
    assert space.norm["noise"] == pytest.approx(norm, abs=0.1)
    assert space.spread["noise"] == pytest.approx(spread, rel=0.15)


@pytest.fixture(scope="module")
def normal():
    return LatentSpace(linear_generator([8, 8, 1]).generator())


def flat_latent(space, deviations):
    """[1, 64], all numbers equal, whose norm is so many standard deviations from the mean norm."""
    norm = space.norm["noise"] + deviations * space.spread["noise"]
    return np.full([1, 64], norm / 8, np.float32)


def test_a_norm_costs_nothing_within_two_standard_deviations_and_the_excess_squared_beyond(normal):
    for deviations, cost in ((0, 0), (1.9, 0), (-1.9, 0), (3, 1), (-4, 4)):
        latent = tf.constant(flat_latent(normal, deviations))
        np.testing.assert_allclose(normal.implausibility({"noise": latent}), [cost], atol=1e-3)


def test_the_nearest_plausible_latent_lies_on_the_edge_of_the_shell_and_inside_the_bounds(normal):
    for deviations, kept in ((1.5, 1.5), (5, 2), (-5, -2)):
        nearest = normal.nearest({"noise": flat_latent(normal, deviations)})["noise"]
        np.testing.assert_allclose(nearest, flat_latent(normal, kept), rtol=1e-5)
    far = np.zeros([1, 64], np.float32)
    far[0, 0] = 8.0
    assert normal.nearest({"noise": far})["noise"][0, 0] == normal.highest["noise"][0] < 5


def test_a_linear_generators_picture_gives_its_latent(normal):
    latent = normal.generator.latents([9000])
    target = normal.generator.sample([9000])[0]  # clipped to [-1, 1], so a number beyond 4 could not be seen
    found = search(normal, target, [Condition()], Settings(200, 2))
    np.testing.assert_allclose(found.inputs["noise"], latent, atol=4 / 127.5)
    assert found.distance < 1e-5 < found.moments[0].distance
    assert [moment.step for moment in found.moments] == [0, 40, 80, 120, 160, 200]


def test_a_latent_of_a_uniform_prior_stays_inside_its_bounds_where_the_picture_asks_for_more():
    """White asks for z = 4."""
    space = LatentSpace(linear_generator([4, 2, 3], Uniform()).generator())
    found = search(space, np.full([4, 2, 3], 255, np.uint8), [Condition()], Settings(60, 2))
    assert found.inputs["noise"].max() <= 1
    assert found.inputs["noise"].min() > 0
    assert found.distance > (1 - 1 / 4) ** 2


def test_a_normal_latent_stays_near_the_shell_where_the_picture_asks_for_more(normal):
    """Pixels of 0.6 ask for z = 2.4 everywhere, a norm of 19.2, 16 standard deviations out."""
    found = search(normal, np.full([8, 8, 1], 204, np.uint8), [Condition()], Settings(200, 2))
    norm = np.linalg.norm(found.inputs["noise"])
    assert normal.norm["noise"] + 2 * normal.spread["noise"] < norm < normal.norm["noise"] + 5 * normal.spread["noise"]


def test_the_same_seed_gives_the_same_latent_and_another_one_another(normal):
    target = np.random.default_rng(0).integers(90, 160, [8, 8, 1]).astype(np.uint8)
    settings = Settings(9, 2, noise=0.1)
    one, two = (search(normal, target, [Condition()], settings).inputs["noise"] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    other = search(LatentSpace(normal.generator, 1000), target, [Condition()], settings).inputs["noise"]
    assert np.abs(one - other).max() > 1e-3


def test_a_search_that_is_stopped_keeps_what_it_has(normal):
    target = normal.generator.sample([9000])[0]
    found = search(normal, target, [Condition()], Settings(200, 2), lambda steps, title: list(steps)[:50])
    assert [moment.step for moment in found.moments] == [0, 40, 50]
    assert found.distance < found.moments[0].distance


def shipped(name):
    return Investigation(load_version(ROOT / "export" / name / "1"), tuple("0123456789"))


def test_a_shipped_generators_own_image_is_found_again():
    """A mean squared error of 0.01 is a tenth of the range of [-1, 1] wrong on every 16th pixel alone."""
    it = shipped("dcgan_mnist")
    target = it.generator.sample([1000])[0]
    found, lines, cells = it.find(target, settings=Settings(100))
    assert found.distance < 0.01
    assert found.distance < found.moments[0].distance / 10 < found.typical / 10
    assert f"{found.distance:.4f} after 100 steps" in lines[0]
    assert len(lines) == 1
    assert [lines[0] for _, lines in cells] == ["target", "best random", *(f"step {n}" for n in (20, 40, 60, 80, 100))]
    np.testing.assert_array_equal(it.image(found.inputs), found.moments[-1].image)


def test_a_conditional_generators_class_is_found_by_trying_each():
    it = shipped("acgan_mnist")
    target = it.generator.sample([1000], labels=7)[0]
    found, lines, _ = it.find(target, settings=Settings(60, 2))
    assert found.condition.label == 7
    assert found.inputs["labels"].tolist() == [7]
    assert (len(found.tried), found.tried[0][0]) == (10, found.condition)
    assert found.distance < 0.01 < 2 * found.tried[1][1]
    assert lines[-1].startswith("nearest: class 7. Tried for a quarter of the steps: class 7 (0.0")
    by_name = it.find(target, "3", settings=Settings(60, 2))[0]
    assert by_name.inputs["labels"].tolist() == [3]
    assert by_name.distance > found.distance


def test_infogans_category_is_found_by_trying_each_and_its_continuous_codes_by_their_gradient():
    it = shipped("infogan_mnist")
    target = it.generator.sample([1000], codes=[3, 0.5, -0.5])[0]
    found = it.find(target, settings=Settings(60, 2))[0]
    assert found.inputs["codes"][0, 0] == 3
    assert found.distance < 0.01
    assert np.abs(found.inputs["codes"][0, 1:]).max() <= 1
    fixed = it.find(target, codes=[3, NAN, -0.5], settings=Settings(20, 2))[0]
    assert (fixed.inputs["codes"][0, 0], fixed.inputs["codes"][0, 2]) == (3, -0.5)
    assert len(set(found.inputs["codes"][0, 1:]) & set(fixed.inputs["codes"][0, 1:])) == 0


def without_gradient(tmp_path, last):
    generator = load_version(write_version(linear_generator([8, 8, 1], last=last), tmp_path / "m", CARD))
    return LatentSpace(generator), np.zeros([8, 8, 1], np.uint8)


CARD = {"summary": "A test.", "scores": []}


class Rounded(keras.Layer):
    """Whole numbers, whose gradient TensorFlow says is none."""

    def call(self, x):
        return tf.cast(tf.cast(x * 9, tf.int32), tf.float32) / 9


class Area(keras.Layer):
    """The same size by the filter "area", for which TensorFlow has no gradient."""

    def call(self, x):
        return tf.image.resize(x, [8, 8], "area")


@pytest.mark.parametrize("last", [Rounded(), Area()], ids=["none", "unknown"])
def test_an_export_without_gradients_is_refused_in_a_sentence(tmp_path, last):
    space, target = without_gradient(tmp_path, last)
    with pytest.raises(ZooError, match=r"this export gives no gradient.*--run"):
        search(space, target, [Condition()], Settings(2))


def test_a_generator_of_points_is_refused():
    noise = keras.Input([2], name="noise")
    network = keras.Model({"noise": noise}, keras.layers.Dense(2)(noise), name="generator")
    with pytest.raises(ZooError, match="makes points in the plane, not images"):
        LatentSpace(ExportedGenerator(network, Prior(2)).generator())


def small_conditional(num_classes, codes=None):
    inputs = {"noise": keras.Input([2], name="noise"), "labels": keras.Input([], dtype="int32", name="labels")}
    parts = [inputs["noise"], keras.layers.Reshape((1,))(keras.ops.cast(inputs["labels"], "float32"))]
    if codes:
        inputs["codes"] = keras.Input([codes.size], name="codes")
        parts.append(inputs["codes"])
    h = keras.layers.Rescaling(1 / 8)(keras.layers.Reshape((1, -1, 1))(keras.layers.Concatenate()(parts)))
    return ExportedGenerator(
        keras.Model(inputs, h, name="generator"), Prior(2, num_classes=num_classes, codes=codes)
    ).generator()


def test_a_class_goes_by_its_name_then_by_its_number_and_the_nearest_names_are_told():
    generator, names = small_conditional(3), ("cat", "horse", "0")
    assert [class_number(generator, each, names) for each in ("horse", "1", 1, "0", None)] == [1, 1, 1, 2, None]
    with pytest.raises(ZooError, match=r"no class 'hors'\. Did you mean 'horse'"):
        class_number(generator, "hors", names)
    with pytest.raises(ZooError, match="no class '3'"):
        class_number(generator, "3", names)
    plain = linear_generator([1, 1, 1]).generator()
    with pytest.raises(ZooError, match="this generator takes no labels"):
        class_number(plain, "3")


def test_conditions_are_each_class_with_each_category_unless_they_are_given():
    generator = small_conditional(3, Codes((2,), 1))
    every = conditions(generator, names=("a", "b", "c"))
    assert [(c.label, c.codes[0]) for c in every] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert np.isnan([c.codes[1] for c in every]).all()
    assert every[3].name == "class b, code 0 = 1"
    (one,) = conditions(generator, 2, [1, 0.25])
    assert (one.label, one.codes) == (2, (1.0, 0.25))
    with pytest.raises(ZooError, match="code 0 is 5"):
        conditions(generator, 2, [5, 0])
    with pytest.raises(ZooError, match="takes none"):
        conditions(linear_generator([1, 1, 1]).generator(), None, [1])


def test_of_many_classes_those_with_the_nearest_random_images_are_tried():
    """The third pixel is the label / 8."""
    generator = small_conditional(40)
    target = generator.sample([FIRST_SEED + 5000], labels=6)[0]
    found, lines, _ = Investigation(generator).find(target, settings=Settings(20, 1))
    assert found.condition.label == 6
    assert len(found.tried) == 16
    assert lines[-1].endswith("24 others were not tried, as their random images were further away")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"restarts": 0}, "restarts=0"),
        ({"rate": 0.0}, "rate=0"),
        ({"noise": NAN}, "noise=nan"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ZooError, match=message):
        Settings(**change)


def test_a_picture_of_another_shape_is_refused(normal):
    with pytest.raises(ZooError, match=r"the picture is uint8 \[8, 8, 3\]; expected uint8 \[8, 8, 1\]"):
        search(normal, np.zeros([8, 8, 3], np.uint8), [Condition()], Settings(1))
