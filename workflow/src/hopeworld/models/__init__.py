"""Predictors of the next latent: ViT-AC and AC-HOPE-ViT behind one interface."""
