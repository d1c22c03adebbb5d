"""Which recipes are valid, how they are overridden and compared, and that every shipped one is valid."""

import copy
import json
import re

import pytest

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.runs import building
from tfgan_zoo.runs.run_folder import Run

MINIMAL = {"model": "sngan", "steps": 10}


def parsed(**changes):
    return recipe.parse({**MINIMAL, **changes})


def refusal(**changes):
    """The error message for a recipe with these changes."""
    with pytest.raises(ZooError) as error:
        parsed(**changes)
    return str(error.value)


# ---------------------------------------------------------------------------------------------------- keys and values


def test_a_model_and_a_number_of_steps_make_a_recipe_with_defaults_for_the_rest():
    minimal = parsed()
    assert (minimal.model, minimal.steps) == ("sngan", 10)
    assert (minimal.seed, minimal.batch_size, minimal.generator_batch_size) == (0, 64, None)
    assert (minimal.discriminator_steps, minimal.accumulation, minimal.stages) == (1, 1, ())
    assert (minimal.precision, minimal.jit_compile, minimal.arguments) == ("float32", False, {})
    for optimizer in (minimal.generator_optimizer, minimal.discriminator_optimizer):
        assert (optimizer.name, optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2) == ("adam", 2e-4, 0.0, 0.9)
        assert (optimizer.epsilon, optimizer.schedule) == (1e-8, "constant")
    assert (minimal.data.source, minimal.data.split, minimal.data.flip) == ("mnist5k", "all", False)
    assert (minimal.data.resolution, minimal.data.channels, minimal.data.fit) == (None, None, "pad")
    assert (minimal.averaging.decay, minimal.averaging.start_step) == (0.999, 0)
    assert (minimal.evaluation.samples, minimal.evaluation.features) == (5000, "auto")
    assert (minimal.checkpoints.every_steps, minimal.checkpoints.keep) == (1000, 3)


STAGES = [
    {"steps": 3, "batch_size": 16, "resolution": 4},
    {"steps": 7, "batch_size": 8, "resolution": 8, "fade_steps": 2},
]


def test_steps_default_to_the_sum_over_the_stages_and_must_equal_it():
    table = {key: value for key, value in MINIMAL.items() if key != "steps"}
    assert recipe.parse({**table, "stages": STAGES}).steps == 10
    assert "steps=11, and the stages have 10 in all" in refusal(steps=11, stages=STAGES)
    assert "accumulation" in refusal(stages=STAGES, accumulation=16)


def test_a_checkpoint_between_two_stages_belongs_to_the_earlier_one():
    staged = parsed(stages=STAGES)
    assert [staged.stage_at(step).resolution for step in (0, 1, 3, 4, 10)] == [4, 4, 4, 8, 8]
    assert [staged.images_seen(step) for step in (0, 3, 4, 10)] == [0, 48, 56, 104]


def test_a_fade_longer_than_its_stage_is_refused():
    stages = [{"steps": 3, "batch_size": 4, "resolution": 8, "fade_steps": 4}]
    assert "fade_steps=4 is beyond the stage's steps=3" in refusal(steps=3, stages=stages)


@pytest.mark.parametrize("missing", ["model", "steps"])
def test_missing_key_without_a_default_is_named(missing):
    with pytest.raises(ZooError, match=rf"the recipe: {missing}: required, but missing\."):
        recipe.parse({key: value for key, value in MINIMAL.items() if key != missing})


@pytest.mark.parametrize(
    ("changes", "key", "nearest"),
    [
        ({"batchsize": 32}, "batchsize", "batch_size"),
        ({"discriminator_step": 5}, "discriminator_step", "discriminator_steps"),
        ({"data": {"sorce": "mnist5k"}}, "data.sorce", "source"),
        ({"generator_optimizer": {"learningrate": 1e-4}}, "generator_optimizer.learningrate", "learning_rate"),
        ({"stages": [{"steps": 1, "batch_size": 4, "resolutoin": 8}]}, "stages.0.resolutoin", "resolution"),
    ],
)
def test_unknown_key_is_refused_with_its_place_and_the_nearest_name(changes, key, nearest):
    message = refusal(**changes)
    assert message.startswith(f"the recipe: {key}: no key '{key.rpartition('.')[2]}'. Did you mean '{nearest}'")


def test_unknown_key_lists_the_keys_of_its_own_table():
    assert refusal(averaging={"rate": 0.9}).endswith(
        "Available: decay, half_life, rampup, standing_batches, start_step."
    )
    assert "learning_rate" not in refusal(data={"rate": 0.9})


@pytest.mark.parametrize(
    ("changes", "key", "bound", "value"),
    [
        ({"steps": 0}, "steps", "greater than or equal to 1", "0"),
        ({"steps": 2.5}, "steps", "integer", "2.5"),
        ({"seed": -1}, "seed", "greater than or equal to 0", "-1"),
        ({"batch_size": "many"}, "batch_size", "integer", "'many'"),
        ({"precision": "float16"}, "precision", "'float32', 'mixed_bfloat16', 'float64' or 'auto'", "'float16'"),
        ({"averaging": {"decay": 1.0}}, "averaging.decay", "less than 1", "1.0"),
        ({"generator_optimizer": {"learning_rate": 0}}, "generator_optimizer.learning_rate", "greater than 0", "0"),
        ({"discriminator_optimizer": {"beta_2": -0.1}}, "discriminator_optimizer.beta_2", "or equal to 0", "-0.1"),
        ({"generator_optimizer": {"epsilon": float("nan")}}, "generator_optimizer.epsilon", "finite", "nan"),
        ({"data": {"channels": 2}}, "data.channels", "1, 3 or 4", "2"),
        ({"data": {"fit": "stretch"}}, "data.fit", "'pad', 'crop' or 'refuse'", "'stretch'"),
        ({"data": 5}, "data", "dictionary", "5"),
        ({"checkpoints": {"keep": 0}}, "checkpoints.keep", "greater than or equal to 1", "0"),
        ({"stages": [{"steps": 0, "batch_size": 4}]}, "stages.0.steps", "greater than or equal to 1", "0"),
        ({"data": {"resolution": 0}}, "data.resolution", "greater than or equal to 1", "0"),
    ],
)
def test_value_out_of_range_is_refused_with_key_bound_and_value(changes, key, bound, value):
    lines = refusal(**changes).removeprefix("the recipe: ").splitlines()
    assert all(line.startswith(f"{key}: ") for line in lines)
    assert any(bound in line and line.endswith(f", and got {value}.") for line in lines)


def test_all_mistakes_are_reported_at_once():
    message = refusal(steps=0, batchsize=3, data={"sorce": "x", "channels": 2})
    for key in ("steps", "batchsize", "data.sorce", "data.channels"):
        assert f"{key}: " in message


@pytest.mark.parametrize("key", ["batch_size", "generator_batch_size"])
def test_batch_that_accumulation_cannot_split_is_refused(key):
    assert f"{key}=10 cannot be computed in 4 equal parts (accumulation)" in refusal(
        **{"batch_size": 8, key: 10, "accumulation": 4}
    )
    parsed(batch_size=8, generator_batch_size=16, accumulation=4)


def test_plateau_is_refused_with_nothing_to_watch_or_no_room_to_fall():
    plateau = {"schedule": "plateau", "watch": "began/convergence", "learning_rate": 1e-4}
    assert parsed(generator_optimizer=plateau).generator_optimizer.watch == "began/convergence"
    message = refusal(generator_optimizer={**plateau, "watch": ""})
    assert "generator_optimizer: Value error, schedule=plateau needs watch" in message
    assert "min_rate=0.001 is above learning_rate=0.0001" in refusal(generator_optimizer={**plateau, "min_rate": 1e-3})
    assert "factor: Input should be less than 1" in refusal(generator_optimizer={**plateau, "factor": 1.0})


def test_recipe_is_frozen_once_checked():
    with pytest.raises(ValueError, match="frozen"):
        parsed().steps = 5
    with pytest.raises(ValueError, match="frozen"):
        parsed().data.source = "other"


def test_resolution_is_a_side_or_height_and_width():
    assert parsed(data={"resolution": 32}).data.resolution == 32
    assert parsed(data={"resolution": [32, 48]}).data.resolution == (32, 48)
    assert "data.resolution" in refusal(data={"resolution": [32, 48, 3]})


def test_recipe_without_stages_has_a_single_stage_with_its_own_numbers():
    (stage,) = parsed(batch_size=16, data={"resolution": 32}).schedule
    assert (stage.steps, stage.batch_size, stage.resolution) == (10, 16, 32)


def test_stages_are_kept_in_their_order():
    stages = parsed(stages=[{"steps": 3, "batch_size": 16, "resolution": 4}, {"steps": 7, "batch_size": 8}]).schedule
    assert [(s.steps, s.batch_size, s.resolution) for s in stages] == [(3, 16, 4), (7, 8, None)]


FULL = {
    **MINIMAL,
    "arguments": {"noise_size": 64, "weights": "none", "widths": [1, 2]},
    "data": {"source": "folder:/pictures", "resolution": [32, 48], "channels": 3},
    "generator_optimizer": {"name": "sgd", "learning_rate": 0.1, "schedule": "linear"},
    "stages": [{"steps": 3, "batch_size": 16, "resolution": 4}, {"steps": 7, "batch_size": 8, "resolution": [8, 16]}],
}


def test_recipe_is_restored_from_its_plain_values_and_from_json():
    first = recipe.parse(FULL)
    for again in (recipe.parse(first.as_dict()), recipe.parse(json.loads(json.dumps(first.as_dict())))):
        assert again == first
        assert again.as_dict() == first.as_dict()
        assert recipe.differences(first, again) == {}
    assert first.as_dict()["generator_optimizer"]["learning_rate"] == 0.1
    assert recipe.parse(parsed().as_dict()) == parsed()


# ---------------------------------------------------------------------------------------------------------- overriding


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("x=3", 3), ("x=-3", -3), ("x=1e-4", 1e-4), ("x=0.5", 0.5), ("x=true", True), ("x=false", False),
        ('x="3"', "3"), ("x=mnist5k", "mnist5k"), ("x=folder:/my pictures", "folder:/my pictures"), ("x=a=b", "a=b"),
        ("x=[1, 2]", [1, 2]), ("x=[32, 48]", [32, 48]), ("x=", ""), ("x={a = 1}", {"a": 1}), (" x = 3", 3),
        ('x=["a", "b"]', ["a", "b"]), ("x=True", "True"), ("x=[1,", "[1,"),
    ],
)  # fmt: skip
def test_override_reads_a_value_as_toml_or_else_as_text(assignment, value):
    overridden = recipe.override({}, [assignment])
    assert overridden == {"x": value}
    assert type(overridden["x"]) is type(value)


def test_override_reaches_into_tables_and_creates_missing_ones():
    table = {"steps": 1, "data": {"source": "mnist5k", "channels": 1}}
    changed = recipe.override(table, ["data.source=toy:ring8", "arguments.codes.size=3", "steps=5", "steps=7"])
    assert changed == {
        "steps": 7,
        "data": {"source": "toy:ring8", "channels": 1},
        "arguments": {"codes": {"size": 3}},
    }


def test_override_leaves_its_input_unchanged_at_any_depth():
    table = {"steps": 1, "data": {"channels": 1}, "arguments": {"codes": {"sizes": [1]}}}
    before = copy.deepcopy(table)
    recipe.override(table, ["steps=2", "data.channels=3", "arguments.codes.size=3", "arguments.codes.sizes=[2]"])
    assert table == before


@pytest.mark.parametrize("assignment", ["steps", "=5", " =5"])
def test_override_without_key_or_value_is_refused_with_an_example(assignment):
    message = f"--set {assignment}: expected key=value, such as --set batch_size=32."
    with pytest.raises(ZooError, match=re.escape(message)):
        recipe.override(MINIMAL, [assignment])


def test_override_inside_a_value_that_is_not_a_table_is_refused():
    with pytest.raises(ZooError, match=r"--set steps\.more=5: steps is not a table"):
        recipe.override(MINIMAL, ["steps.more=5"])


def test_overridden_recipe_is_checked_like_any_other():
    assert recipe.parse(recipe.override(MINIMAL, ["data.resolution=[32, 48]", "jit_compile=true"])).jit_compile
    named = recipe.parse(recipe.override(MINIMAL, ["augmentation=color, bgc", "evaluation.scores=modes"]))
    assert (named.augmentation, named.evaluation.scores) == (("color", "blit", "geometry", "color_matrix"), ("modes",))
    with pytest.raises(ZooError, match=r"data\.rezolution: no key 'rezolution'\. Did you mean 'resolution'"):
        recipe.parse(recipe.override(MINIMAL, ["data.rezolution=32"]))


# --------------------------------------------------------------------------------------------------------- differences


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "another"},
        {"steps_per_call": 7},
        {"checkpoints": {"every_steps": 5, "keep": 9}},
        {"log": {"grid": 3}},
        {"evaluation": {"samples": 0, "every_steps": 4, "seed": 5}},
        {"data": {"data_dir": "/else", "download": True, "cache_dir": "/tmp", "memory_limit_mb": 1, "classes": 10}},
    ],
)
def test_what_never_changes_the_weights_may_differ(changes):
    assert parsed(**changes) != parsed()
    assert recipe.differences(parsed(), parsed(**changes)) == {}


def test_auto_is_whatever_the_run_has():
    for precision in ("float32", "mixed_bfloat16"):
        assert recipe.differences(parsed(precision=precision), parsed(precision="auto")) == {}
    guarded = {"guard": {"on_collapse": "rollback"}, "checkpoints": {"every_steps": 5}}
    stored = parsed(**guarded, evaluation={"features": "mnist_cnn"})
    assert recipe.differences(stored, parsed(**guarded, evaluation={"features": "auto"})) == {}
    assert recipe.differences(stored, parsed(**guarded, evaluation={"features": "points"})) != {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seed": 1}, {"seed": (0, 1)}),
        ({"batch_size": 32, "precision": "float64"}, {"batch_size": (64, 32), "precision": ("float32", "float64")}),
        ({"data": {"flip": True}}, {"data.flip": (False, True)}),
        ({"data": {"labels_per_class": 10}}, {"data.labels_per_class": (None, 10)}),
        ({"generator_optimizer": {"beta_1": 0.5}}, {"generator_optimizer.beta_1": (0.0, 0.5)}),
        ({"averaging": {"decay": 0.5}}, {"averaging.decay": (0.999, 0.5)}),
        ({"arguments": {"noise_size": 3}}, {"arguments.noise_size": (None, 3)}),
        ({"arguments": {"codes": {"size": 3}}}, {"arguments.codes.size": (None, 3)}),
    ],
)
def test_what_changes_the_weights_is_reported_with_both_values(changes, expected):
    assert recipe.differences(parsed(), parsed(**changes)) == expected


def test_steps_may_change_unless_a_learning_rate_depends_on_them():
    assert recipe.differences(parsed(), parsed(steps=20)) == {}
    for player in ("generator_optimizer", "discriminator_optimizer"):
        falling = {player: {"schedule": "linear"}}
        assert recipe.differences(parsed(**falling), parsed(steps=20, **falling)) == {"steps": (10, 20)}
        different = recipe.differences(parsed(), parsed(steps=20, **falling))
        assert different == {f"{player}.schedule": ("constant", "linear")}
        stalling = {player: {"schedule": "plateau", "watch": "began/convergence"}}
        assert recipe.differences(parsed(**stalling), parsed(steps=20, **stalling)) == {}


def test_a_schedule_without_over_lasts_for_the_whole_run_however_long_that_is():
    falling = {
        "weights": {"r1": {"start": 2, "end": 1}},
        "averaging": {"half_life": {"start": 0, "end": 9, "shape": "cosine"}},
    }
    short, long = parsed(steps=10, **falling), parsed(steps="6400 images", **falling)
    assert [r.weights["r1"].over for r in (short, long)] == [10, 100]
    assert short.averaging.half_life.over == 10
    stages = [{"steps": 3, "batch_size": 4}, {"steps": 7, "batch_size": 4}]
    grown = recipe.parse({"model": "pggan", "stages": stages, **falling})
    assert grown.weights["r1"].over == 10
    assert set(recipe.differences(short, parsed(steps=11, **falling))) == {
        "weights.r1.over",
        "averaging.half_life.over",
    }
    with pytest.raises(ZooError, match="expected start and end, or points"):
        parsed(weights={"r1": {"start": 2}})
    assert refusal(steps="many", **falling).count("\n") == 0  # of steps alone


# --------------------------------------------------------------------------------------------------------------- files


def test_read_table_gives_plain_values(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('model = "sngan"\nsteps = 3\n[data]\nresolution = [32, 48]\n', encoding="utf-8")
    assert recipe.read_table(path) == {"model": "sngan", "steps": 3, "data": {"resolution": [32, 48]}}
    assert recipe.parse(recipe.read_table(str(path)), path).data.resolution == (32, 48)


def test_read_table_distinguishes_a_missing_file_from_a_broken_one(tmp_path):
    with pytest.raises(ZooError, match=r"nowhere\.toml: no such file; give the path of a recipe"):
        recipe.read_table(tmp_path / "nowhere.toml")
    path = tmp_path / "broken.toml"
    for broken in (b"steps = \n", b"steps = 1\nsteps = 2\n", b"\xff\xfe"):
        path.write_bytes(broken)
        with pytest.raises(ZooError, match=r"broken\.toml: not a TOML file: "):
            recipe.read_table(path)


def test_a_runs_recipe_json_is_read_like_a_toml_file(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text('{"model": "sngan", "data": {"resolution": [32, 48]}}', encoding="utf-8")
    assert recipe.read_table(path) == {"model": "sngan", "data": {"resolution": [32, 48]}}
    for broken, message in (
        ("{", "not a JSON file: "),
        ('{"steps": 1, "steps": 2}', "not a JSON file: the key 'steps' stands twice"),
        ("[1]", "expected an object of settings.* it holds a list"),
    ):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(ZooError, match=rf"recipe\.json: {message}"):
            recipe.read_table(path)


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(ZooError, match="is a directory; give the path of a recipe"):
        recipe.read_table(tmp_path)


def test_refusals_name_the_file_that_they_are_about():
    with pytest.raises(ZooError, match=r"^sngan/mine: steps: required"):
        recipe.parse({"model": "sngan"}, "sngan/mine")


# ------------------------------------------------------------------------------------------------------------- catalog

PRESETS = [(model, preset) for model in catalog.model_names() for preset in catalog.preset_files(model)]


@pytest.mark.parametrize(("model", "preset"), PRESETS)
def test_every_shipped_recipe_parses_and_has_valid_arguments_for_its_model(model, preset):
    table = catalog.preset_table(model, preset)
    shipped = recipe.parse({"model": model, **table}, f"{model}/{preset}")
    assert shipped.model == model
    assert 10 < len(shipped.summary) <= 120
    checked = catalog.checked_arguments(model, shipped.arguments)
    plain = json.loads(json.dumps(checked))  # tuples are lists in a file
    assert {**plain, **shipped.arguments} == plain
    assert recipe.parse({**shipped.as_dict(), "arguments": checked}).arguments == checked


def test_every_model_has_a_quickstart_and_every_folder_of_recipes_a_model():
    assert [model for model in catalog.model_names() if "quickstart" not in catalog.preset_files(model)] == []
    assert {path.name for path in catalog.recipes_folder().iterdir() if path.is_dir()} <= set(catalog.model_names())
    assert "sngan" in catalog.model_names()


def test_listing_has_every_preset_with_its_summary():
    assert [(model, preset) for model, preset, _ in catalog.listing()] == PRESETS
    assert all(summary for *_, summary in catalog.listing())


@pytest.mark.parametrize("look_up", [catalog.model_module, lambda name: catalog.preset_table(name, "quickstart")])
def test_unknown_model_is_refused_with_the_nearest(look_up):
    with pytest.raises(ZooError, match=r"no model 'sngann'\. Did you mean 'sngan'"):
        look_up("sngann")


def test_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(ZooError, match=r"no preset of sngan 'quikstart'\. Did you mean 'quickstart'"):
        catalog.preset_table("sngan", "quikstart")


@pytest.mark.parametrize("key", ["noise", "image_shape", "num_classes"])
def test_unknown_arguments_and_those_set_by_the_data_are_refused(key):
    with pytest.raises(ZooError, match=rf"arguments\.{key}: no argument of sngan '{key}'\..* Available: .*noise_size"):
        catalog.checked_arguments("sngan", {key: 3})


def test_unknown_argument_names_the_nearest():
    with pytest.raises(ZooError, match="Did you mean 'noise_size'"):
        catalog.checked_arguments("sngan", {"noise_sise": 3})


def test_argument_of_a_wrong_type_is_refused_with_its_value_and_what_is_expected():
    with pytest.raises(ZooError, match=r"arguments\.noise_size: .*integer.*, and got 'many'\."):
        catalog.checked_arguments("sngan", {"noise_size": "many"})
    with pytest.raises(ZooError, match=r"arguments\.weights: .*'spectral_norm', 'none'.*, and got 'spectral'\."):
        catalog.checked_arguments("sngan", {"weights": "spectral"})
    with pytest.raises(ZooError, match=r"(?s)arguments\.loss: .*arguments\.noise_size: "):
        catalog.checked_arguments("sngan", {"noise_size": "many", "loss": "other"})


def test_a_run_older_than_an_argument_of_its_model_gets_its_default(tmp_path):
    now = catalog.completed(recipe.parse({"model": "sngan", "steps": 3}))
    data = {"image_shape": [32, 32, 1], "num_classes": 10, "sha256": "0" * 64}
    older = now.model_copy(update={"arguments": {"noise_size": 128}})
    assert Run.start(tmp_path / "run", older, data).recipe == now
    assert Run.start(tmp_path / "run", now, data).recipe == now
    with pytest.raises(ZooError, match="noise_size: 128 there, 64 now"):
        Run.start(tmp_path / "run", now.model_copy(update={"arguments": {**now.arguments, "noise_size": 64}}), data)


def test_checked_arguments_include_the_defaults():
    checked = catalog.checked_arguments("sngan", {"noise_size": 8})
    assert checked["noise_size"] == 8
    assert (checked["network"], checked["weights"], checked["loss"]) == ("resnet", "spectral_norm", "hinge")
    assert checked["generator_channels"] is None
    assert not {"image_shape", "num_classes"} & set(checked)


def test_game_builder_checks_at_once_and_builds_when_called():
    build = building.game_builder(
        parsed(arguments={"noise_size": 8, "generator_channels": 4, "discriminator_channels": 4}), [16, 16, 1], 10
    )
    game = build()
    assert game.prior.noise_size == 8
    assert game.generator.output_shape == (None, 16, 16, 1)
    with pytest.raises(ZooError, match=r"arguments\.noise_sise"):
        building.game_builder(parsed(arguments={"noise_sise": 8}), [16, 16, 1], 10)


def test_a_failed_look_up_names_the_nearest_first_and_then_everything():
    error = no_such("model", "sgan", ["wgan", "sngan", "biggan"])
    assert str(error) == (
        "no model 'sgan'. Did you mean 'sngan' or 'wgan' or 'biggan'? Available: biggan, sngan, wgan."
    )
    assert str(no_such("model", "xyz", ["wgan", "sngan"])) == "no model 'xyz'. Available: sngan, wgan."
    assert str(no_such("run", "x", [])) == "no run 'x'. Available: none."


def test_a_run_from_before_the_order_of_examples_was_a_setting_keeps_its_order(tmp_path):
    settings, data = recipe.parse(MINIMAL), {"image_shape": [8, 8, 1], "num_classes": 10, "sha256": "0"}
    run = Run.start(tmp_path / "run", settings, data)
    assert run.recipe.data.order == "blocks"
    table = json.loads((run.folder / "recipe.json").read_text())
    del table["data"]["order"]
    (run.folder / "recipe.json").write_text(json.dumps(table))
    assert Run(run.folder).recipe.data.order == "repeating"
    assert Run.start(run.folder, settings, data).recipe.data.order == "repeating"
    assert Run(run.folder).recipe.data.order == "repeating"
