"""precision=auto: by the device, and the run's own once it has begun."""

import json

import pytest

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.runs import preparation
from tfgan_zoo.runs.training_run import TrainingRun
from tfgan_zoo.training import native_precision
from tfgan_zoo.training.native_precision import has_bfloat16

NEW, OLD = "mixed_bfloat16", "float32"


@pytest.mark.parametrize(
    ("flags", "gpus", "tpus", "expected"),
    [
        ("avx2 fma", [], 0, False),
        ("avx2 avx512_bf16", [], 0, True),
        ("amx_bf16", [], 0, True),
        ("asimd bf16", [], 0, True),  # ARM
        ("avx2", [(8, 0)], 0, True),
        ("amx_bf16", [(7, 5)], 0, False),  # the GPU computes
        ("avx2", [(8, 0), (7, 0)], 0, False),
        ("avx2", [()], 0, False),
        ("avx2", [], 4, True),
    ],
)
def test_bfloat16_is_native_where_the_device_that_computes_multiplies_in_it(flags, gpus, tpus, expected):
    assert has_bfloat16(flags.split(), gpus, tpus) == expected


def settings(**changes):
    table = {
        "model": "dcgan", "steps": 1, "batch_size": 2, "precision": "auto",
        "arguments": {"noise_size": 4, "generator_channels": 2, "discriminator_channels": 2},
        "data": {"resolution": 16}, "evaluation": {"samples": 0}, "log": {"grid": 1},
    }  # fmt: skip
    return catalog.completed(recipe.parse({**table, **changes}))


def test_a_run_keeps_the_precision_that_it_began_with_on_any_machine(tmp_path, monkeypatch):
    def begin(native, **changes):
        monkeypatch.setattr(preparation, "native_precision", lambda: native)
        return TrainingRun(settings(**changes), tmp_path / "run", report=lambda message: None)

    run = begin(NEW)
    assert run.recipe.precision == NEW
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["precision"] == NEW
    assert any(layer.compute_dtype == "bfloat16" for layer in run.trainer.game.generator.layers)
    run.lock.close()
    moved = begin(OLD)
    assert moved.recipe.precision == NEW
    moved.lock.close()
    with pytest.raises(ZooError, match="precision"):
        begin(OLD, precision=OLD)


def test_layers_are_built_in_the_native_precision(monkeypatch):
    import keras

    for native in (NEW, OLD):
        monkeypatch.setattr(native_precision, "native_precision", lambda native=native: native)
        with native_precision.precision("auto"):
            assert keras.config.dtype_policy().name == native
