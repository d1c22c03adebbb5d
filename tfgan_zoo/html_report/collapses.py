"""The chapter on collapses: when the guard detected one, why, and what it did."""

from collections.abc import Sequence
from typing import Any

from tfgan_zoo.html_report.html_page import Figure, Section

HEAD = ["step", "cause", "action"]


def action(record: dict[str, Any]) -> str:
    """What the guard did, in words; `record` is a line of collapses.jsonl."""
    if record["went_back_to"] is None:
        return "ended the run"
    rate = "" if record["rate_scale"] == 1 else f", learning rates multiplied by {record['rate_scale']:g}"
    return f"rolled back to step {record['went_back_to']:,}, resumed with seed {record['seed']}{rate}"


def collapses_section(records: Sequence[dict[str, Any]]) -> Section:
    """The `Section` of a run's collapses (`Run.collapses`), without figures if there were none."""
    rows = [[f"{record['step']:,}", record["why"], action(record)] for record in records]
    figures = [Figure("What the guard detected", table=(HEAD, rows), wide=True)] if rows else []
    text = "When training diverged or collapsed, the guard rolled the run back to an earlier checkpoint or ended it."
    return Section("collapses", "Collapses", text, figures)
