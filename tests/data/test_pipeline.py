"""Batches are a pure function of seed and number: each epoch a permutation, the same from any start and on any replicas."""

import gc
import itertools
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.pipeline import batches, example_numbers, gather

SIZE = 13
# Image i has the value i except in its left column, which is white: that shows its index and whether it is mirrored.
IMAGES = np.tile(np.arange(SIZE, dtype=np.uint8)[:, None, None, None], (1, 3, 4, 1))
IMAGES[:, :, 0] = 255
LABELS = np.arange(SIZE, dtype=np.int32) * 7 % 5


def take(count, *, images=IMAGES, labels=LABELS, batch_size=4, seed=0, **options):
    """The first `count` elements as dicts of arrays."""
    stream = batches(images, labels, batch_size, seed, **options)
    return [{name: tensor.numpy() for name, tensor in element.items()} for element in itertools.islice(stream, count)]


def numbers(elements):
    """The indices of the examples in the elements, in order."""
    middle = np.concatenate([element["images"][:, 0, 1, 0] for element in elements])
    return np.rint((middle + 1) * 127.5).astype(int)


def order(count, seed=0, size=SIZE, first=0):
    return example_numbers(np.arange(first, first + count), size, seed).numpy()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 5000])
def test_every_epoch_is_a_permutation(size):
    epochs = order(4 * size, size=size).reshape(4, size)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(size))


# Nine orders of 1,000 examples; the comment on each bound says what a random order gives.
ORDERS = {(seed, epoch): order(1000, seed, 1000, 1000 * epoch) for seed in (0, 1, 2) for epoch in (0, 1, 2)}


def test_epochs_differ_and_so_do_seeds():
    """TensorFlow's default of four rounds leaves 151 of 1,000 examples in their places."""
    for a, b in itertools.combinations(ORDERS.values(), 2):
        assert np.sum(a == b) < 10  # one, on average


def test_orders_are_not_shifts_of_the_files_or_of_each_other():
    for indices in (*ORDERS.values(), *(a - b for a, b in itertools.combinations(ORDERS.values(), 2))):
        assert np.bincount(np.diff(indices) % 1000).max() < 12  # each step about once, the most frequent six times


@pytest.mark.parametrize("size", [64, 1000, 5000])
def test_example_is_uncorrelated_with_its_position_and_its_neighbour(size):
    for epoch in range(3):
        indices = order(size, size=size, first=size * epoch)
        for references in (np.arange(size), np.roll(indices, 1)):
            assert abs(np.corrcoef(indices, references)[0, 1]) < 4 / np.sqrt(size)
        assert abs(np.mean(indices % 2 == np.arange(size) % 2) - 0.5) < 4 * 0.5 / np.sqrt(size)


def test_no_order_comes_again_in_600_epochs_nor_for_seeds_256_apart():
    """TensorFlow's shuffle alone gives epoch 256 the order of epoch 0; the first 256 epochs are its own."""
    for seed in (0, 1):
        orders = order(600 * 100, seed, size=100).reshape(600, 100)
        assert len({row.tobytes() for row in orders}) == 600
        alone = example_numbers(np.arange(60000), 100, seed, order="repeating").numpy().reshape(600, 100)
        np.testing.assert_array_equal(orders[:256], alone[:256])
        np.testing.assert_array_equal(alone[256:512], alone[:256])
    assert len({order(1000, seed, size=1000).tobytes() for seed in (3, 3 + 256, 3 + 2 * 256, 3 + 256**2)}) == 4


def test_orders_of_later_blocks_are_as_random_as_the_first():
    orders = [
        order(1000, seed, 1000, 1000 * epoch) for seed, epoch in ((0, 0), (0, 256), (0, 512), (256, 0), (256, 256))
    ]
    for indices in (*orders, *(a - b for a, b in itertools.combinations(orders, 2))):
        assert np.bincount(np.diff(indices) % 1000).max() < 12
    for a, b in itertools.combinations(orders, 2):
        assert np.sum(a == b) < 10


def test_any_position_in_the_stream_can_be_computed_by_itself():
    np.testing.assert_array_equal(order(20, first=100_000_000_000), order(40, first=99_999_999_980)[20:])


def test_batches_run_across_the_borders_of_epochs():
    elements = take(10)
    assert [element["images"].shape for element in elements] == [(4, 3, 4, 1)] * 10
    np.testing.assert_array_equal(numbers(elements), order(40))
    np.testing.assert_array_equal(np.sort(numbers(elements)[:SIZE]), np.arange(SIZE))


@pytest.mark.parametrize("options", [{}, {"flip": True}, {"flip": True, "replicas": 2}])
def test_starting_at_a_batch_equals_skipping_to_it(options):
    shares = options.get("replicas", 1)
    skipped = take(9 * shares, **options)[5 * shares :]
    for expected, actual in zip(skipped, take(4 * shares, start=5, **options), strict=True):
        for name in ("images", "labels"):
            np.testing.assert_array_equal(actual[name], expected[name])


@pytest.mark.parametrize("replicas", [2, 4])
def test_shares_of_replicas_make_up_the_batch_of_one(replicas):
    single = take(6, flip=True)
    shares = take(6 * replicas, flip=True, replicas=replicas)
    for i, batch in enumerate(single):
        for name in ("images", "labels"):
            parts = [share[name] for share in shares[i * replicas : (i + 1) * replicas]]
            assert [len(part) for part in parts] == [4 // replicas] * replicas
            np.testing.assert_array_equal(np.concatenate(parts), batch[name])


def test_labels_follow_their_images():
    elements = take(10, flip=True)
    labels = np.concatenate([element["labels"] for element in elements])
    middle = np.concatenate(
        [element["images"][:, 0, 1, 0] for element in elements]
    )  # also when mirrored not the border
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, LABELS[np.rint((middle + 1) * 127.5).astype(int)])


def test_data_without_labels_gives_none():
    assert list(take(1, labels=None)[0]) == ["images"]
    np.testing.assert_array_equal(take(1, labels=None)[0]["images"], take(1)[0]["images"])


def test_black_is_minus_one_and_white_is_one():
    images = np.array([0, 255, 51, 204], np.uint8).reshape(4, 1, 1, 1)
    (element,) = take(1, images=images, labels=None)
    assert element["images"].dtype == np.float32
    values = sorted(element["images"].ravel())
    assert (values[0], values[3]) == (-1.0, 1.0)
    np.testing.assert_allclose(values[1:3], [-0.6, 0.6], atol=1e-6)


def test_points_are_unchanged():
    points = np.random.default_rng(0).normal(0, 3, (SIZE, 2)).astype(np.float32)
    elements = take(4, images=points)
    batched = np.concatenate([element["images"] for element in elements])
    np.testing.assert_array_equal(batched, points[order(16)])


def test_flip_mirrors_about_half_the_images_and_redraws_in_every_epoch():
    plain, flipped = take(250), take(250, flip=True)
    mirrored = []
    for before, after in zip(plain, flipped, strict=True):
        for image, other in zip(before["images"], after["images"], strict=True):
            is_mirrored = bool(other[0, -1, 0] == 1)
            np.testing.assert_array_equal(other, image[:, ::-1] if is_mirrored else image)
            mirrored.append(is_mirrored)
    assert abs(np.mean(mirrored) - 0.5) < 4 * 0.5 / np.sqrt(1000)
    share = [np.mean(np.array(mirrored)[numbers(plain) == example]) for example in range(SIZE)]
    assert 0.2 < min(share) < max(share) < 0.8  # no image is always mirrored, or never
    within = np.mean(np.reshape(mirrored, (250, 4)), axis=0)
    assert 0.3 < within.min() < within.max() < 0.7  # nor is any position in the batch


def test_flip_is_reproduced_by_its_seed_and_differs_with_another():
    first, again, other = (np.stack([e["images"] for e in take(30, flip=True, seed=s)]) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    mirrored, otherwise = (images[:, :, 0, -1, 0] == 1 for images in (first, other))
    assert 0.3 < np.mean(mirrored != otherwise) < 0.7


def test_flip_does_not_change_the_order():
    np.testing.assert_array_equal(numbers(take(10, flip=True)), numbers(take(10)))


def test_points_are_not_mirrored():
    with pytest.raises(
        ZooError, match=r"data\.flip applies to images, but the data has shape \[13, 2\]; leave it out\."
    ):
        batches(np.zeros((SIZE, 2), np.float32), None, 4, 0, flip=True)


def test_memory_mapped_images_give_the_same_batches_as_in_memory(tmp_path):
    IMAGES.tofile(tmp_path / "images.bin")
    mapped = np.memmap(tmp_path / "images.bin", np.uint8, "r", shape=IMAGES.shape)
    for options in ({}, {"flip": True, "replicas": 2, "start": 3}):
        for expected, actual in zip(take(8, **options), take(8, images=mapped, **options), strict=True):
            for name in ("images", "labels"):
                np.testing.assert_array_equal(actual[name], expected[name])


def test_shapes_are_known_before_the_first_batch():
    spec = batches(IMAGES, LABELS, 4, 0, flip=True, replicas=2).element_spec
    assert spec["images"].shape == (2, 3, 4, 1)
    assert spec["labels"].shape == (2,)


def test_order_does_not_depend_on_the_batch_size():
    np.testing.assert_array_equal(numbers(take(6, batch_size=4)), numbers(take(3, batch_size=8)))
    np.testing.assert_array_equal(numbers(take(2, batch_size=20)), order(40))  # larger than the data


# --- labelled examples beside the main stream

FEW = np.array([1, 2, 5, 8, 12])


def labelled_numbers(elements):
    return numbers([{"images": element["labelled_images"]} for element in elements])


def test_labelled_batches_come_beside_images_without_labels():
    (element,) = take(1, labelled=FEW)
    assert sorted(element) == ["images", "labelled_images", "labelled_labels"]
    assert element["labelled_images"].shape == element["images"].shape == (4, 3, 4, 1)
    assert element["labelled_labels"].dtype == np.int32
    np.testing.assert_array_equal(numbers(take(10, labelled=FEW)), order(40))  # as without `labelled`


def test_labelled_examples_are_shown_equally_often_each_with_its_label():
    elements = take(15, labelled=FEW)
    epochs = labelled_numbers(elements).reshape(12, 5)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(FEW, (12, 1)))
    assert len({tuple(epoch) for epoch in epochs}) > 6  # of 120 orders
    labels = np.concatenate([element["labelled_labels"] for element in elements])
    np.testing.assert_array_equal(labels, LABELS[epochs.ravel()])


def test_labelled_examples_have_their_own_order_which_changes_with_the_seed():
    everything = np.arange(SIZE)
    first, other = (labelled_numbers(take(13, labelled=everything, seed=seed)) for seed in (0, 1))
    for different in (order(52), other):
        assert np.sum(first == different) < 16  # 4 of 52 on average


@pytest.mark.parametrize("replicas", [1, 2])
def test_labelled_batches_depend_on_their_number_alone(replicas):
    single = take(9, flip=True, labelled=FEW)
    shares = take(4 * replicas, flip=True, labelled=FEW, start=5, replicas=replicas)
    for i, batch in enumerate(single[5:]):
        for name, expected in batch.items():
            parts = [share[name] for share in shares[i * replicas : (i + 1) * replicas]]
            np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_labelled_images_are_mirrored_independently():
    elements = take(100, labelled=np.arange(SIZE), flip=True)
    kinds = [np.concatenate([e[k] for e in elements])[:, 0, -1, 0] == 1 for k in ("images", "labelled_images")]
    assert [0.4 < np.mean(mirrored) < 0.6 for mirrored in kinds] == [True, True]
    assert 0.4 < np.mean(kinds[0] != kinds[1]) < 0.6


def contiguous(shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: contiguous([300, 9, 7, 3]),
        lambda path: np.asfortranarray(contiguous([300, 9, 7, 3])),
        lambda path: contiguous([300, 4])[:, 1:3],
        lambda path: np.random.default_rng(0).normal(size=[300, 2]).astype(np.float32),
        lambda path: np.load(path, mmap_mode="r"),
        lambda path: np.load(path, mmap_mode="r")[7:307],  # not aligned
    ],
    ids=["aligned or not", "columns first", "part", "points", "file", "part of a file"],
)
def test_tensors_of_arrays_hold_their_values_after_everything_else_has_let_go(make, tmp_path):
    np.save(tmp_path / "images.npy", contiguous([400, 9, 7, 3]))

    def iterated():
        array = make(tmp_path / "images.npy")
        rows = gather(array)
        return np.array(array), iter(tf.data.Dataset.range(300).map(lambda number: rows([number])))

    expected, iterator = iterated()
    gc.collect()
    others = [np.zeros_like(expected) for _ in range(20)]  # would take the place of memory that was freed
    for number, row in enumerate(iterator):
        np.testing.assert_array_equal(row[0], expected[number])
    assert len(others) == 20


MEMORY = """
import sys
import numpy as np
from tfgan_zoo.data.pipeline import batches

def anonymous():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon")) / 1024

next(iter(batches(np.zeros([64, 8, 8, 3], np.uint8), None, 8, seed=0)))  # what TensorFlow takes for a first pipeline
images = np.load(sys.argv[1], mmap_mode=sys.argv[2] or None)
before = anonymous()
iterator = iter(batches(images, None, 8, seed=0))
next(iterator)
print(anonymous() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_pipeline_takes_the_images_memory_once_and_that_of_a_file_not_at_all(tmp_path):
    np.save(tmp_path / "images.npy", np.ones([25600, 64, 64, 2], np.uint8))  # 200 MiB
    for mode, most in (("", 240), ("r", 40)):
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "images.npy"), mode]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert float(done.stdout) < most
