"""Builders of generators and discriminators: functions of an image shape, never of a data set."""
