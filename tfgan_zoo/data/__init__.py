"""Where real images come from (`sources`), and, in `pipeline`, the order and the batches in which they are shown."""
