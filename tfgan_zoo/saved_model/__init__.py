"""The exported generator: its signatures, its version folder, and whether a SavedModel can be trusted."""
