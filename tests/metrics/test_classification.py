"""The classification accuracy score: on images that are easy to tell apart, and on digits."""

import random

import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data import mnist5k
from tfgan_zoo.metrics.classification import classification_accuracy, network, predictions, train


def squares(count, seed, channels=1, size=8):
    """(uint8 images, labels 0, 1, 2, 0, ...): noise, with a bright half on the left, on the right, or at the bottom."""
    images = np.random.default_rng(seed).integers(0, 100, [count, size, size, channels])
    labels, half = np.arange(count) % 3, size // 2
    images[labels == 0, :, :half] += 150
    images[labels == 1, :, half:] += 150
    images[labels == 2, half:] += 150
    return images.astype(np.uint8), labels


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 20)])
def test_clearly_different_classes_are_distinguished(channels, size):
    hits = classification_accuracy(*squares(150, 1, channels, size), *squares(61, 2, channels, size), 3)
    assert hits.dtype == bool
    assert hits.shape == (61,)
    assert hits.all()


def test_images_of_wrong_labels_teach_wrong_labels():
    images, labels = squares(150, 1)
    test_images, test_labels = squares(61, 2)
    hits = classification_accuracy(images, np.array([1, 0, 2])[labels], test_images, test_labels, 3)
    np.testing.assert_array_equal(hits, test_labels == 2)


def test_class_that_was_never_generated_is_never_predicted():
    images, labels = squares(150, 1)
    known, (test_images, test_labels) = labels < 2, squares(60, 2)
    hits = classification_accuracy(images[known], labels[known], test_images, test_labels, 3)
    assert not hits[test_labels == 2].any()
    assert hits[test_labels < 2].all()


def trained():
    images, labels = squares(120, 1)
    return train(images, labels.astype(np.int32), 3, seed=0, epochs=1)


@pytest.fixture(scope="module")
def classifier():
    return trained()


def test_same_arguments_train_the_same_classifier(classifier):
    for one, two in zip(classifier.get_weights(), trained().get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_each_seed_has_its_own_initial_weights():
    kernels = [network([8, 8, 1], 3, seed).get_layer("convolution_2").get_weights()[0] for seed in (0, 1, 0)]
    np.testing.assert_array_equal(kernels[0], kernels[2])
    assert not np.allclose(kernels[0], kernels[1])
    assert abs(np.corrcoef(kernels[0].ravel(), kernels[1].ravel())[0, 1]) < 0.05  # 18,432 weights


def test_global_random_states_are_not_changed():
    def after(act):
        random.seed(7)
        np.random.seed(7)
        tf.random.set_seed(7)
        act()
        return random.random(), np.random.rand(), float(tf.random.uniform([]))

    images, labels = squares(120, 1)
    assert after(lambda: None) == after(lambda: classification_accuracy(images, labels, images, labels, 3, epochs=1))


def test_every_image_is_predicted_whatever_the_batches(classifier):
    images = squares(61, 2)[0]
    together = predictions(classifier, images)
    assert together.shape == (61,)
    np.testing.assert_array_equal(predictions(classifier, images, batch_size=7), together)


@pytest.mark.parametrize(
    ("shape", "first", "last"),
    [([8, 8, 1], (8, 8), (1, 1)), ([32, 32, 3], (32, 32), (4, 4)), ([63, 63, 1], (63, 63), (7, 7)), ([128, 96, 3], (43, 32), (5, 4))],
)  # fmt: skip
def test_larger_images_are_read_with_a_stride(shape, first, last):
    model = network(shape, 5, seed=0)
    assert model.get_layer("convolution_0").output.shape[1:3] == first
    assert model.get_layer("pool_2").output.shape[1:3] == last
    assert model(np.zeros([2, *shape], np.float32)).shape == (2, 5)


IMAGES, LABELS = squares(6, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_labels": np.full(6, 2)},
            "all 6 training labels are 2; a classifier needs images of at least two classes",
        ),
        ({"num_classes": 1}, "num_classes=1, epochs=12; expected at least 2 classes and 1 epoch"),
        ({"epochs": 0}, "num_classes=3, epochs=0"),
        ({"num_classes": 2}, r"training labels lie in 0\.\.2; expected 0\.\.1"),
        ({"test_labels": LABELS - 1}, r"test labels lie in -1\.\.1; expected 0\.\.2"),
        ({"test_labels": LABELS[:5]}, r"test labels are int64 of shape \(5,\); expected integers \[6\]"),
        ({"train_labels": LABELS / 1}, "training labels are float64"),
        ({"train_images": IMAGES / 1}, r"training images are float64 of shape \(6, 8, 8, 1\); expected uint8"),
        ({"train_images": IMAGES[..., 0]}, r"shape \(6, 8, 8\)"),
        ({"test_images": IMAGES[:, :7]}, r"test images are uint8 of shape \(6, 7, 8, 1\).*W at least 8"),
        ({"test_images": IMAGES[..., [0, 0]]}, "1 or 3 channels"),
        ({"test_images": IMAGES[:0], "test_labels": LABELS[:0]}, "N at least 1"),
        ({"test_images": IMAGES[..., [0, 0, 0]]}, r"the shape \[8, 8, 1\], test images \[8, 8, 3\]; expected the same"),
    ],
)
def test_invalid_images_and_labels_are_refused(changes, message):
    arguments = {"train_images": IMAGES, "train_labels": LABELS, "test_images": IMAGES, "test_labels": LABELS}
    with pytest.raises(ZooError, match=message):
        classification_accuracy(**arguments | {"num_classes": 3} | changes)


@pytest.mark.slow
def test_real_digits_teach_95_percent_of_the_held_out_ones():
    with np.load(mnist5k.FILE) as file:
        images, labels = np.pad(file["images"], [(0, 0), (2, 2), (2, 2)])[..., None], file["labels"]
    known, held_out = mnist5k.SPLITS["train"], mnist5k.SPLITS["test"]
    hits = classification_accuracy(images[known], labels[known], images[held_out], labels[held_out], 10)
    assert hits.mean() >= 0.95
