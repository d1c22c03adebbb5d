"""benchmarks.speed and two_commits: code of two checkouts in turn, and the page that states what was measured."""

import pytest

from benchmarks import results, speed, tables, two_commits


def test_sessions_take_turns_and_tell_what_went_wrong():
    code = "def turn():\n    pass\n"
    clock, cpu = two_commits.in_turn(results.ROOT, 3, code)
    assert [len(times) for times in (clock, cpu)] == [3, 3]
    assert all(0 <= seconds < 1 for pair in (*clock, *cpu) for seconds in pair)
    with pytest.raises(SystemExit, match=r"(?s)some arguments in .* ended:.*ZeroDivisionError"):
        two_commits.Session(results.ROOT, "def turn():\n    1 / 0\n", "some", "arguments")


def test_ratios_are_of_the_rounds():
    assert two_commits.ratio([(2, 1), (9, 3), (4, 4)]) == (2, 1, 3)


def test_commits_are_stored_by_their_hash():
    assert len(two_commits.full_hash("HEAD")) == 40
    with pytest.raises(SystemExit, match="nowhere is no commit here"):
        two_commits.full_hash("nowhere")


def test_the_page_states_what_is_stored():
    figures = results.load("speed")["figures"]
    assert not tables.rewrite(speed.PAGE, "speed", speed.table(figures), dry=True), "python -m benchmarks.speed --write"
