"""What world-model algorithms share: networks, latent states, an ensemble model, losses."""
