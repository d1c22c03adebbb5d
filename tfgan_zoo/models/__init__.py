"""One file per GAN: `build(image_shape, num_classes, ...)` returns its `Game`. The file is named after the model."""
