"""One file a GAN: `build(image_shape, num_classes, ...)` returns its `Game`. The file's name is the model's."""
