"""benchmarks.modern_speed: its table and ratios, and that the page states what is stored."""

from benchmarks import modern_speed, tables

RECORD = {
    "hardware": "2 cores of a processor",
    "date": "2026-01-02",
    "commit": "0123456789abcdef",
    "figures": {
        "rounds": 3,
        "contestants": {
            "ours": {"rates": [8.0, 2.0, 4.0], "cpu_rates": [1.0, 3.0, 2.0], "peak_mib": 512.4},
            "theirs": {"rates": [2.0, 2.0, 2.0], "cpu_rates": [1.0, 1.0, 1.0], "peak_mib": None},
        },
    },
}


def test_medians_and_ranges_stand_on_the_page():
    assert modern_speed.page_text({"r3gan-32": RECORD}).splitlines()[2:] == [
        "| ours | 32 | 4.0 | 2.0 | 512 |",
        "| theirs | 32 | 2.0 | 1.0 | unknown |",
        "",
        "Batches of 32, times theirs, median and range of 3 rounds in turn: ours 2.00 (1.00 to 4.00) "
        "(2 cores of a processor, 2026-01-02, commit 0123456).",
    ]


def test_the_page_states_the_results():
    page = modern_speed.PAGE.read_text(encoding="utf-8")
    tables.between_marks(page, "modern speed", "")  # the marks are there
    text = modern_speed.page_text(modern_speed.stored())
    assert tables.between_marks(page, "modern speed", text) == page, "run: python -m benchmarks.modern_speed"
