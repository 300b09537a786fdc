"""AC-HOPE-ViT: self-modifying Titan memory and continuum memory system (Behrouz et al. 2025)."""
