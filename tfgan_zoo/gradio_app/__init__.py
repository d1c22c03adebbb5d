"""The playground, a local page to sample from a zoo's generators: its controls, and what it draws without a browser."""
