"""Looking into a generator: the latent of a picture, arithmetic with latents, mean images."""
