"""What happens to images, real and generated alike, before the discriminator sees them: measurements and augmentation."""
