"""Action-conditioned world models on frozen video features, and how they adapt."""
