"""What the discriminator sees instead of the images, real and generated alike: measurements and augmented images."""
