"""The one training loop: it knows `Game` and `Recipe`, and no model, network, objective, data set or metric."""
