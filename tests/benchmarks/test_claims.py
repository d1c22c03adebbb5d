"""Claims of the papers: intervals, verdicts, which stored pairs count, and that the page states them."""

import argparse
import json

import numpy as np
import pytest

from benchmarks import claims, headlines, tables
from benchmarks.claims import Claim, bootstrap_interval, recipe_hash, usable_pairs, verdict
from benchmarks.zoo import Trial
from tfgan_zoo.metrics.score_registry import direction

CLAIM = Claim(
    "ring",
    "a penalty prevents collapse",
    "somewhere",
    Trial("dragan", "penalty", preset="ring8"),
    Trial("dragan", "none", ("arguments.penalty=0",), "ring8"),
    "modes_found",
    higher=True,
    seeds=3,
)


def pairs_of(*differences):
    return {seed: {"idea": {"score": 5.0 + d}, "baseline": {"score": 5.0}} for seed, d in enumerate(differences)}


def test_the_interval_of_a_mean_is_the_bootstraps():
    assert bootstrap_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert bootstrap_interval([-1.0, 0.0, 1.0]) == (-1.0, 1.0)
    low, high = bootstrap_interval([0.0, 1.0, 2.0, 3.0, 4.0])  # 3,125 resamples, of which 1 in 3,125 is 0
    assert 0 < low < 1
    assert low + high == 4
    many = np.random.default_rng(0).normal(3, 1, 400)
    low, high = bootstrap_interval(list(many))
    assert (high - low) / 2 == pytest.approx(1.96 * many.std() / 20, rel=0.1)


@pytest.mark.parametrize(
    ("differences", "higher", "expected"),
    [
        ([1, 2, 3], True, "**shown**"),
        ([1, 2, 3], False, "reversed"),
        ([-1, -2, -3], False, "**shown**"),
        ([-1, 2, 3], True, "not shown"),
        ([0, 0, 0], True, "not shown"),
        ([1, 2], True, "too few seeds (2)"),
        ([], True, "not run yet"),
    ],
)
def test_a_claim_is_shown_if_the_interval_leaves_zero_out_on_the_papers_side(differences, higher, expected):
    claim = Claim("a", "b", "c", CLAIM.idea, CLAIM.baseline, "score", higher)
    assert verdict(claim, pairs_of(*differences))[1] == expected


def test_pairs_are_stored_with_their_origin_and_those_of_other_recipes_do_not_count(tmp_path, monkeypatch):
    arguments = argparse.Namespace(results=tmp_path, to=tmp_path / "runs")
    trained = []

    def train(model, preset, folder, seed, changes):
        trained.append((model, preset, seed, *changes))

    def final_scores(folder):
        return {"modes_found": 8.0 if recipe_hash(CLAIM.idea) in folder.name else 6.0, "good_samples": 0.5}

    monkeypatch.setattr(claims, "train", train)
    monkeypatch.setattr(claims, "final_scores", final_scores)
    claims.run(CLAIM, arguments)
    assert trained[:2] == [("dragan", "ring8", 0), ("dragan", "ring8", 0, "--set=arguments.penalty=0")]
    assert len(trained) == 6
    claims.run(CLAIM, arguments)
    assert len(trained) == 6, "what is stored is not trained again"
    pairs = usable_pairs(CLAIM, tmp_path)
    assert list(pairs) == [0, 1, 2]
    assert all(pair["idea"] == {"modes_found": 8, "good_samples": 0.5} for pair in pairs.values())
    assert all(pair["commit"] and pair["date"] and pair["hardware"] for pair in pairs.values())
    assert verdict(CLAIM, pairs) == ("+2 (+2 to +2)", "**shown**")
    assert "| 3 | 8 | 6 | +2 (+2 to +2) | **shown** | `ring` |" in claims.page_table([CLAIM], tmp_path)

    path = tmp_path / "claims" / "ring.json"
    record = json.loads(path.read_text())
    record["figures"]["pairs"]["1"]["recipes"]["baseline"] = "another"
    path.write_text(json.dumps(record))
    assert sorted(usable_pairs(CLAIM, tmp_path)) == [0, 2]
    assert verdict(CLAIM, usable_pairs(CLAIM, tmp_path))[1] == "too few seeds (2)"


def test_every_claim_has_a_name_of_its_own_two_recipes_and_a_score_in_one_direction():
    names = [claim.name for claim in headlines.CLAIMS]
    assert len(set(names)) == len(names)
    for claim in headlines.CLAIMS:
        assert recipe_hash(claim.idea) != recipe_hash(claim.baseline), claim.name
        assert direction(claim.score) == ("higher" if claim.higher else "lower"), claim.name


def test_the_pages_state_the_verdicts_of_the_stored_results():
    for page, text in claims.pages(headlines.CLAIMS, claims.results.FOLDER).items():
        assert not tables.rewrite(page, "claims", text, dry=True), f"{page.name}: python -m benchmarks.claims --write"


def test_a_models_page_has_its_claims_that_have_been_run(tmp_path):
    assert list(claims.pages([CLAIM], tmp_path)) == [claims.DOCS / "claims.md"]
    scores = {side: {"modes_found": 8.0} for side in claims.SIDES}
    claims.store(CLAIM, 0, scores, {}, argparse.Namespace(results=tmp_path))
    assert "too few seeds (1)" in claims.pages([CLAIM], tmp_path)[claims.DOCS / "dragan.md"]
