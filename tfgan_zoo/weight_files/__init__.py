"""Readers of weights that other libraries published, for the networks of this one."""
