"""Training of both predictors on domain A: one objective, one loop, one gate."""
