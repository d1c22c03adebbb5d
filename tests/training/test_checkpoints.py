"""Checkpoints are complete or absent; the average, the learning rate and the guards follow their formulas."""

import errno
import math
import os
import signal
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.atomic_files import write_atomically
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import OptimizerSettings
from tfgan_zoo.layers import BatchNorm
from tfgan_zoo.training.averaging import MovingAverage
from tfgan_zoo.training.checkpoints import Checkpoints, read, snapshot
from tfgan_zoo.training.optimizers import LinearDecay, make_optimizer
from tfgan_zoo.training.stopping import StopRequest, check_finite

# Values that would not survive a detour through text or another precision.
TRICKY = np.array([0.1, -0.0, np.nan, np.inf, 1e-45, 3.4e38, 1 / 3], np.float32)


def variables(step=0):
    return {
        "step": tf.Variable(2**53 + 1 + step, dtype=tf.int64),
        "generator/dense/kernel": tf.Variable(np.arange(6.0, dtype=np.float32).reshape(2, 3) + step),
        "generator/tricky": tf.Variable(TRICKY),
        "double": tf.Variable(np.float64(1 / 3) + step),
        "seed": keras.Variable(np.array([1, 2**32 - 1], np.uint32), dtype="uint32", trainable=False),
        "empty": tf.Variable(np.zeros((0, 3), np.float32)),
    }


def zeroed(state):
    for variable in state.values():
        variable.assign(np.zeros(variable.shape, np.asarray(variable.numpy()).dtype))
    return state


def bits(state):
    return {name: (str(v.numpy().dtype), v.shape, np.asarray(v.numpy()).tobytes()) for name, v in state.items()}


def with_steps(folder, *steps, keep=3):
    """Checkpoints of these steps, whose kernel is arange + step, and the variables."""
    state = variables()
    checkpoints = Checkpoints(folder, state, keep)
    for step in steps:
        for name, variable in variables(step).items():
            state[name].assign(variable)
        checkpoints.save(step)
    return checkpoints, state


def test_checkpoint_is_restored_bit_for_bit_in_every_dtype(tmp_path):
    checkpoints, state = with_steps(tmp_path, 5)
    before = bits(state)
    zeroed(state)
    assert checkpoints.restore_latest(pytest.fail) == 5
    assert bits(state) == before
    assert int(state["step"].numpy()) == 2**53 + 6  # which float64 could not hold


def test_checkpoint_can_be_read_with_numpy_alone(tmp_path):
    checkpoints, state = with_steps(tmp_path, 5)
    assert checkpoints.path(5).name == "checkpoint-000000005.npz"
    with np.load(tmp_path / "checkpoint-000000005.npz") as archive:
        assert set(archive.files) == set(state)
        np.testing.assert_array_equal(archive["generator/dense/kernel"], np.arange(6).reshape(2, 3) + 5)


def test_folder_without_checkpoints_restores_nothing(tmp_path):
    state = variables()
    before = bits(state)
    assert Checkpoints(tmp_path / "nowhere", state).restore_latest(pytest.fail) is None
    assert Checkpoints(tmp_path / "nowhere").steps() == []
    assert bits(state) == before


@pytest.mark.parametrize("fail", ["write", "rename"])
def test_failed_write_leaves_the_old_file_and_no_partial_one(tmp_path, monkeypatch, fail):
    path = tmp_path / "recipe.json"
    write_atomically(path, lambda file: file.write(b"old"))

    def raise_no_space(*arguments):
        raise OSError("no space left on device")

    def write_half(file):
        file.write(b"ne")
        if fail == "write":
            raise_no_space()

    with monkeypatch.context() as patch:
        if fail == "rename":
            patch.setattr(os, "replace", raise_no_space)
        with pytest.raises(OSError, match="no space"):
            write_atomically(path, write_half)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == ["recipe.json"]
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.json"]


def test_save_that_fails_halfway_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    checkpoints, state = with_steps(tmp_path, 5)
    before = bits(state)

    def write_half(file, **arrays):
        file.write(b"PK")
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", write_half)
        for step in (5, 6):  # over the old one, and as a new one
            with pytest.raises(OSError, match="no space"):
                checkpoints.save(step)
    assert checkpoints.steps() == [5]
    zeroed(state)
    assert checkpoints.restore_latest(pytest.fail) == 5
    assert bits(state) == before


def test_an_error_of_the_disk_names_the_file_and_leaves_nothing_of_it(tmp_path):
    def write_half(file):
        file.write(b"ne")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left on device") as error:
        write_atomically(tmp_path / "recipe.json", write_half)
    assert error.value.filename == str(tmp_path / "recipe.json")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------------- in the background


def test_in_the_background_the_state_at_the_call_is_written_while_training_goes_on(tmp_path, monkeypatch):
    state, go_on, savez = variables(), threading.Event(), np.savez

    def slow(file, **arrays):
        assert go_on.wait(60)
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", slow)
    checkpoints, before = Checkpoints(tmp_path, state, background=True), bits(state)
    checkpoints.save(5)
    assert Checkpoints(tmp_path).steps() == []
    state["step"].assign_add(1)  # as optimisers do, in place
    zeroed(state)
    go_on.set()
    assert checkpoints.steps() == [5]  # waits for it
    checkpoints.restore(5)
    assert bits(state) == before


@pytest.mark.parametrize("kind", [tf.Variable, keras.Variable])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_snapshot_copies_nothing_and_keeps_its_value_through_every_kind_of_update(kind, jit_compile):
    variable = kind(tf.range(6, dtype=tf.float32))
    inner = variable if kind is tf.Variable else variable.value
    updates = {
        "Adam": lambda: tf.raw_ops.ResourceApplyAdam(
            var=inner.handle, m=m.handle, v=v.handle, beta1_power=0.5, beta2_power=0.5, lr=0.1, beta1=0.5, beta2=0.5,
            epsilon=1e-8, grad=tf.ones([6]),
        ),
        "assign": lambda: inner.assign(tf.zeros([6])),
        "assign_add": lambda: inner.assign_add(tf.ones([6])),
        "rows": lambda: inner.scatter_update(tf.IndexedSlices(tf.constant([8.0, 9]), tf.constant([1, 4]))),
    }  # fmt: skip
    m, v = tf.Variable(tf.zeros([6])), tf.Variable(tf.zeros([6]))
    for name, update in updates.items():
        held = [snapshot(x) for x in (variable, m, v)]
        assert all(isinstance(value, tf.Tensor) for value in held), name
        before = [value.numpy().copy() for value in held]
        tf.function(lambda update=update: (update(), None)[1], jit_compile=jit_compile)()
        assert not np.array_equal(inner.numpy(), before[0]), name
        for value, expected in zip(held, before, strict=True):
            np.testing.assert_array_equal(value.numpy(), expected, err_msg=name)


def test_scalars_of_bfloat16_are_saved(tmp_path):
    variable = tf.Variable(tf.constant(1.5, tf.bfloat16))
    checkpoints = Checkpoints(tmp_path, {"a": variable}, background=True)
    checkpoints.save(1)
    assert checkpoints.steps() == [1]
    assert snapshot(variable) == 1.5


def test_a_snapshot_of_replicated_variables_is_a_copy():
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        variables = [tf.Variable([1.0, 2.0]), keras.Variable([1.0, 2.0])]
    for variable in variables:
        held = snapshot(variable)
        variable.assign([3.0, 4.0])
        assert isinstance(held, np.ndarray)
        assert held.tolist() == [1.0, 2.0]


def test_an_error_in_the_background_is_raised_by_the_next_call_once(tmp_path, monkeypatch):
    checkpoints, _ = with_steps(tmp_path, 5)
    checkpoints.background = True
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", lambda file, **arrays: os.write(os.open("/dev/full", os.O_WRONLY), b"x"))
        checkpoints.save(6)
        with pytest.raises(OSError, match="No space left"):
            checkpoints.save(7)
    assert checkpoints.steps() == [5]
    checkpoints.save(7)
    assert checkpoints.steps() == [5, 7]


# ---------------------------------------------------------------------------------------------------------------- in parts


def in_parts(folder, count, keep=3):
    """The `Checkpoints` of `count` workers, each with its own copy of the same variables."""
    return [Checkpoints(folder, variables(), keep, part=(i, count)) for i in range(count)]


@pytest.mark.parametrize("count", [2, 3, 9])
def test_parts_are_disjoint_and_together_the_whole_in_its_order(tmp_path, count):
    workers = in_parts(tmp_path / "parts", count)
    for i, worker in enumerate(workers):
        assert worker.steps() == []  # incomplete until the last part is there
        worker.save(5)
        assert len(list(worker.folder.iterdir())) == i + 1
    reader = Checkpoints(tmp_path / "parts", zeroed(variables()))
    assert list(reader.read(5)) == list(variables())
    assert reader.restore_latest(pytest.fail) == 5
    assert bits(reader.variables) == bits(variables())
    parts = [np.load(path).files for path in reader.files()[5]]
    assert sum(map(len, parts)) == len(variables())


def test_the_first_worker_removes_old_parts_and_incomplete_ones_are_never_used(tmp_path):
    first, second = in_parts(tmp_path, 2, keep=1)
    for step in (1, 2):
        for worker in (second, first):
            worker.save(step)
    first.save(3)
    assert first.steps() == [2]
    assert Checkpoints(tmp_path, variables()).restore_latest(pytest.fail) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"checkpoint-000000002.part-{i}-of-2.npz" for i in range(2)]


def test_a_whole_checkpoint_takes_the_place_of_parts_of_its_step(tmp_path):
    """As after a rollback, which the chief saves alone."""
    first, second = in_parts(tmp_path, 2)
    for worker in (first, second):
        worker.save(1)
    first.variables["step"].assign(7)
    first.save(1, whole=True)
    assert Checkpoints(tmp_path).read(1)["step"] == 7
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000001.npz"]
    second.save(1)
    first.remove(1)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_part_is_renamed_and_the_previous_checkpoint_used(tmp_path):
    first, second = in_parts(tmp_path, 2)
    for step in (1, 2):
        for worker in (first, second):
            worker.save(step)
    second.path(2).write_bytes(second.path(2).read_bytes()[:-9])
    reports = []
    assert first.restore_latest(reports.append) == 1
    assert reports[0].startswith(f"{second.path(2)}: damaged checkpoint (")
    assert first.steps() == [1]
    assert not first.path(2).exists()  # else a new part of worker 1 would make it complete
    with pytest.raises(ZooError, match="has no checkpoint of step 2; of 1"):
        first.restore(2)


# ------------------------------------------------------------------------------------------------------ which ones stay


def test_the_latest_ones_stay(tmp_path):
    checkpoints, _ = with_steps(tmp_path, 1, 2, 3, 10, keep=2)
    assert checkpoints.steps() == [3, 10]


def test_the_best_one_stays_with_the_latest_ones_until_another_is_the_best(tmp_path):
    checkpoints = Checkpoints(tmp_path, variables(), keep=2)
    remaining = []
    for step, best in ((1, 1), (2, 2), (3, 2), (4, 2), (5, 2), (6, 6), (7, 6), (8, 6), (9, 6)):
        checkpoints.save(step, best)
        remaining.append(checkpoints.steps())
    assert remaining == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [5, 6], [6, 7], [6, 7, 8], [6, 8, 9]]


def test_other_files_in_the_folder_are_ignored(tmp_path):
    checkpoints, _ = with_steps(tmp_path, 4)
    for name in ("checkpoint-9.npz.tmp", ".checkpoint-000000009.npz.tmp", "checkpoint-last.npz", "other-000000009.npz"):
        (tmp_path / name).write_bytes(b"")
    assert checkpoints.steps() == [4]


# ----------------------------------------------------------------------------------------------------- damaged, foreign


def flipped(data, position, bit=0x40):
    damaged = bytearray(data)
    damaged[position] ^= bit
    return bytes(damaged)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: flipped(data, data.index(np.float32(12.0).tobytes()) + 2),  # one bit of a weight
    ],
    ids=["half", "all but a byte", "nothing", "a flipped bit"],
)
def test_a_damaged_newest_checkpoint_is_reported_and_renamed_and_the_previous_one_used(tmp_path, damage):
    checkpoints, state = with_steps(tmp_path, 5, 6, 7)
    path = checkpoints.path(7)
    path.write_bytes(damage(path.read_bytes()))
    reports = []
    assert checkpoints.restore_latest(reports.append) == 6
    assert bits(state) == bits(variables(6))
    assert len(reports) == 1
    assert reports[0].startswith(f"{path}: damaged checkpoint (")
    assert reports[0].endswith("It was renamed checkpoint-000000007.damaged, and the previous checkpoint is used.")
    assert checkpoints.steps() == [5, 6]
    assert (tmp_path / "checkpoint-000000007.damaged").exists()


def test_all_damaged_checkpoints_are_reported(tmp_path):
    checkpoints, state = with_steps(tmp_path, 5, 6)
    before = bits(state)
    for step in (5, 6):
        checkpoints.path(step).write_bytes(b"no archive")
    reports = []
    assert checkpoints.restore_latest(reports.append) is None
    assert [sentence.partition(":")[0][-13:] for sentence in reports] == ["000000006.npz", "000000005.npz"]
    assert bits(state) == before


def test_no_flipped_bit_anywhere_in_the_file_gives_other_values(tmp_path):
    """Either the file is refused, or the bit carries nothing, such as one of a date."""
    state = {"a/kernel": tf.Variable([1.0, 2.0]), "step": tf.Variable(7, dtype=tf.int64)}
    expected = bits(state)
    checkpoints = Checkpoints(tmp_path, state)
    checkpoints.save(1)
    data = checkpoints.path(1).read_bytes()
    refused = 0
    for position in range(len(data)):
        checkpoints.path(1).write_bytes(flipped(data, position, 1 << position % 8))
        zeroed(state)
        zeros = bits(state)
        try:
            checkpoints.restore(1)
        except ZooError:
            refused += 1
            assert bits(state) == zeros
        else:
            assert bits(state) == expected
    assert refused > len(data) // 2


def other_network(state):
    state.pop("double")
    state["generator/dense/kernel"] = tf.Variable(np.zeros((3, 2), np.float32))
    state["generator/more"] = tf.Variable(0.0)
    return state


def test_checkpoint_of_another_network_is_refused_by_names_and_nothing_is_assigned(tmp_path):
    with_steps(tmp_path, 5)
    state = other_network(variables())
    before = bits(state)
    with pytest.raises(ZooError) as error:
        Checkpoints(tmp_path, state).restore_latest(pytest.fail)
    assert str(error.value) == (
        f"{tmp_path / 'checkpoint-000000005.npz'}: of another network: double is () but should be absent; "
        "generator/dense/kernel is (2, 3) but should be (3, 2); generator/more is missing but should be ()."
    )
    assert bits(state) == before
    assert Checkpoints(tmp_path).steps() == [5]  # it is intact, and stays


def test_refusal_names_three_variables_and_counts_the_rest(tmp_path):
    with_steps(tmp_path, 5)
    with pytest.raises(ZooError, match=r"double is .*empty is .*generator/dense/kernel is .* and 3 more\.$"):
        Checkpoints(tmp_path, {}).restore(5)


def test_read_refuses_a_missing_file(tmp_path):
    with pytest.raises(ZooError, match=r"checkpoint-000000005\.npz: damaged checkpoint"):
        read(Checkpoints(tmp_path).path(5))


# ---------------------------------------------------------------------------------------------------------- the average


@keras.saving.register_keras_serializable(package="tests")
class Counted(keras.layers.Layer):
    """Counts its calls in an integer."""

    def build(self, input_shape):
        self.count = self.add_weight(name="count", shape=(), dtype="int64", initializer="zeros", trainable=False)

    def call(self, inputs):
        self.count.assign_add(1)
        return inputs


def network():
    noise = keras.Input([2], name="noise")
    h = BatchNorm(name="norm")(keras.layers.Dense(3, name="dense")(noise))
    return keras.Model({"noise": noise}, Counted(name="counted")(h), name="generator")


def set_all(network, value):
    for variable in network.variables:
        variable.assign(np.full(variable.shape, value))


def only_value(network):
    """The single value that all floating-point variables have."""
    values = np.concatenate([v.numpy().ravel() for v in network.variables if v.dtype == "float32"])
    assert values.min() == values.max()
    return values[0]


def test_average_starts_as_a_separate_copy_of_the_network(tmp_path):
    source = network()
    average = MovingAverage(source, 0.9)
    for averaged, original in zip(average.network.variables, source.variables, strict=True):
        assert averaged is not original
        assert averaged.path == original.path
        np.testing.assert_array_equal(averaged, original)


def test_average_of_every_float_by_hand():
    """Decays min(0.3, (1 + t) / (10 + t)): 2/11 and 3/12 in the first two steps, then 0.3."""
    source = network()
    set_all(source, 11)
    average = MovingAverage(source, 0.3)
    set_all(source, 0)
    average.update(source, tf.constant(1, tf.int64))
    assert only_value(average.network) == pytest.approx(2)
    set_all(source, 6)
    average.update(source, tf.constant(2, tf.int64))
    assert only_value(average.network) == pytest.approx(2 / 4 + 6 * 3 / 4)  # 5
    set_all(source, 15)
    average.update(source, tf.constant(3, tf.int64))  # 4/13 is over 0.3
    assert only_value(average.network) == pytest.approx(5 * 0.3 + 15 * 0.7)
    assert "moving_mean" in {v.name for v in average.network.variables}  # statistics are averaged like any float


def test_average_at_a_constant_value_stays_there():
    source = network()
    set_all(source, 0.1)
    average = MovingAverage(source, 0.999)
    for step in range(1, 30):
        average.update(source, tf.constant(step, tf.int64))
        assert only_value(average.network) == np.float32(0.1)


def test_average_is_a_bit_equal_copy_until_its_first_step():
    source = network()
    average = MovingAverage(source, 0.9, start_step=3)
    for step, value in ((1, 1e-10), (2, 0.1)):
        set_all(average.network, 12345.678)
        set_all(source, value)
        average.update(source, tf.constant(step, tf.int64))
        assert only_value(average.network) == np.float32(value)
    set_all(average.network, 1)
    set_all(source, 11)
    average.update(source, tf.constant(3, tf.int64))  # t = 0: decay 1/10
    assert only_value(average.network) == pytest.approx(10)


def test_average_without_decay_equals_the_last_weights():
    source = network()
    average = MovingAverage(source, 0.0)
    for step, value in ((1, 1e-10), (100_000, 0.1)):
        set_all(average.network, 12345.678)
        set_all(source, value)
        average.update(source, tf.constant(step, tf.int64))
        assert only_value(average.network) == np.float32(value)


def test_average_copies_integers():
    source = network()
    average = MovingAverage(source, 0.999)
    source.get_layer("counted").count.assign(2**53 + 1)
    average.update(source, tf.constant(1000, tf.int64))
    assert average.network.get_layer("counted").count.numpy() == 2**53 + 1


def test_average_leaves_its_source_alone():
    source = network()
    average = MovingAverage(source, 0.5)
    set_all(source, 3)
    average.update(source, tf.constant(5, tf.int64))
    assert only_value(source) == 3


# ------------------------------------------------------------------------------------------------------- learning rates


def test_linear_decay_is_flat_and_then_linear_to_zero():
    rate = LinearDecay(0.2, first=4, last=8)
    rates = [float(rate(step)) for step in (0, 3, 4, 5, 6, 7, 8, 9)]
    assert rates == pytest.approx([0.2, 0.2, 0.2, 0.15, 0.1, 0.05, 0, 0], abs=1e-8)
    assert [float(LinearDecay(1.0, 0, 4)(step)) for step in range(5)] == [1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("first", [8, 100])
def test_decay_that_would_begin_after_the_last_update_never_does(first):
    """A preset whose steps were cut short by --set still trains."""
    rate = LinearDecay(0.2, first, last=8)
    assert [float(rate(step)) for step in range(8)] == pytest.approx([0.2] * 8)


def test_linear_decay_counts_the_updates_of_its_player():
    """With five discriminator updates per step, decay from step 2 to step 4 goes from update 10 to update 20."""
    settings = OptimizerSettings(learning_rate=0.4, schedule="linear", decay_from=2)
    optimizer = make_optimizer(settings, steps=4, updates_per_step=5, name="optimizer")
    rates = []
    for update in (0, 10, 15, 19, 20):
        optimizer.iterations.assign(update)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0.4, 0.4, 0.2, 0.04, 0.0])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # One step from 1 with gradient 3, then one with gradient 0.
        ({"name": "sgd", "learning_rate": 0.1}, [1 - 0.3, 0.7]),
        ({"name": "sgd", "learning_rate": 0.1, "momentum": 0.5}, [1 - 0.3, 0.7 - 0.15]),
        # m = 1.5, v = 0.9, both over 1 - decay: 3 and 9; then m = 0.75 / 0.75 = 1, v = 0.81 / 0.19.
        ({"name": "adam", "learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.0},
         [1 - 0.1, 0.9 - 0.1 / math.sqrt(0.81 / 0.19)]),
        # v = 0.5 * 9
        ({"name": "rmsprop", "learning_rate": 0.1, "rho": 0.5, "epsilon": 0.0}, [1 - 0.1 / math.sqrt(0.5)] * 2),
    ],
)  # fmt: skip
def test_optimizers_use_the_recipes_settings(settings, expected):
    variable = keras.Variable(1.0)
    optimizer = make_optimizer(OptimizerSettings(**settings), 10, 1, "optimizer")
    weights = []
    for gradient in (3.0, 0.0):
        optimizer.apply([tf.constant(gradient)], [variable])
        weights.append(float(variable.numpy()))
    assert weights == pytest.approx(expected, rel=1e-5)


# --------------------------------------------------------------------------------------------------------------- guards


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_loss_that_is_not_finite_stops_with_its_step_and_its_name(value):
    with pytest.raises(ZooError) as error:
        check_finite(123, {"generator/hinge": 1.0, "discriminator/gradient_penalty": value, "discriminator/hinge": 0.0})
    assert str(error.value).startswith(f"step 123: discriminator/gradient_penalty = {value}. ")
    assert "generator/hinge" not in str(error.value)


def test_every_loss_that_is_not_finite_is_named():
    with pytest.raises(ZooError, match=r"step 1: a = nan, c = inf\."):
        check_finite(1, {"a": math.nan, "b": 3.0, "c": math.inf})


def test_finite_losses_pass_however_large():
    check_finite(1, {"a": 1e38, "b": -1e38, "c": 0.0})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_requests_a_stop_and_the_second_interrupts(number):
    before = signal.getsignal(number)
    told = []
    with StopRequest(told.append) as request:
        assert request.received == 0
        signal.raise_signal(number)
        assert request.received == number
        assert len(told) == 1
        assert "once more stops at once" in told[0]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before
