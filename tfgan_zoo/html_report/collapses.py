"""The chapter of collapses: when the guard saw one, why, and what it did."""

from tfgan_zoo.html_report.html_page import Figure, Section

HEAD = ["step", "what was seen", "what was done"]


def done(record):
    """What came of a record of collapses.jsonl, in words."""
    if record["went_back_to"] is None:
        return "the run was ended"
    rate = "" if record["rate_scale"] == 1 else f", learning rates times {record['rate_scale']:g}"
    return f"back to step {record['went_back_to']:,}, on with seed {record['seed']}{rate}"


def collapses_section(records):
    """The `Section` of a run's collapses (`Run.collapses`), without figures where there were none."""
    rows = [[f"{record['step']:,}", record["why"], done(record)] for record in records]
    figures = [Figure("What the guard saw", table=(HEAD, rows), wide=True)] if rows else []
    text = "Where training went wrong for good, the run went back to a checkpoint from before, or was ended."
    return Section("collapses", "Collapses", text, figures)
