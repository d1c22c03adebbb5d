"""A local page to play with a zoo's generators: what it draws, in functions that need no browser, and its controls."""
