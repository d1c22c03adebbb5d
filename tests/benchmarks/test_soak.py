"""The soak's table, and that the documentation states the stored figures."""

from benchmarks import results, soak, tables


class FakeZoo:
    swaps, broken = 5, [3]


def test_the_table_states_what_came_of_each_kind_of_request():
    tally = soak.Tally()
    tally.good["gRPC"] = 1200
    for status in ("INTERNAL", "INTERNAL", "OK"):
        tally.bad("bytes", status, {"INTERNAL", "OK"})
    tally.bad("no model", "OK", {"INVALID_ARGUMENT"})
    tally.memory = [(0.0, 2**20), (30.0, 100 * 2**20), (100.0, 101 * 2**20)]
    figures = soak.figures_of(tally, FakeZoo(), known=1)
    assert figures["memory"] == {"maximum": 101 * 2**20, "growth": 1.01}
    lines = soak.table(figures)
    assert lines[2:5] == [
        "| valid, gRPC | 1,200 with the right images |",
        "| bytes | 2 times INTERNAL, 1 times OK |",
        "| no model | 1 times OK |",
    ]
    assert lines[-2].startswith(
        "1 answer was wrong. 5 versions were published, 1 of them broken. Memory peaked at 101 MiB;"
    )
    assert figures["wrong"] == {"no model: OK, expected INVALID_ARGUMENT": 1}


def test_the_page_states_the_results():
    page = soak.PAGE.read_text(encoding="utf-8")
    tables.between_marks(page, "soak", "")  # the marks are there
    stored = "\n".join(soak.table(results.load("soak")["figures"]))
    assert tables.between_marks(page, "soak", stored) == page, "run: python -m benchmarks.soak"
