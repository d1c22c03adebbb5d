"""Published weights of other zoos, brought into the networks of this one."""
