"""A run as one HTML page: its settings, how training went, and what the generator makes."""
