"""Sources of real images (`sources`), and the order and batches in which training sees them (`pipeline`)."""
