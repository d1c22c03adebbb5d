"""Everything about a run's folder: training into it, opening it, scoring it and exporting from it."""
