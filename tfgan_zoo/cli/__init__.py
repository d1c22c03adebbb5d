"""What the command lines share, and the entry point `tfgan-zoo`."""
