"""A run's whole story on one page: what it was asked, how it went, what came of it."""
