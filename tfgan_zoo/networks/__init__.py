"""Builders of generators and discriminators, given an image shape, never a data set."""
