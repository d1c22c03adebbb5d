"""benchmarks.modern_speed: its table and ratios, and that the page states what is stored."""

import pytest

from benchmarks import modern_speed, results, tables

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
        "ratios": {"ours / theirs": [4.0, 1.0, 2.0]},
    },
}


def test_medians_and_ranges_stand_on_the_page():
    assert modern_speed.page_text(RECORD).splitlines()[2:] == [
        "| ours | 4.0 | 2.0 | 512 |",
        "| theirs | 2.0 | 1.0 | unknown |",
        "",
        "3 rounds in turn on 2 cores of a processor, 2026-01-02, commit 0123456. "
        "Ratios of images/s, median and range: ours beside theirs: 2.00 (1.00 to 4.00).",
    ]


def test_the_page_states_the_results():
    page = modern_speed.PAGE.read_text(encoding="utf-8")
    tables.between_marks(page, "modern speed", "")  # the marks are there
    record = results.load("modern_speed")
    if record is None:
        pytest.skip("no run is stored yet")
    text = modern_speed.page_text(record)
    assert tables.between_marks(page, "modern speed", text) == page, "run: python -m benchmarks.modern_speed"
