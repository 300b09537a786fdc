"""Frozen V-JEPA 2 features of the clips: encoding, storing, reading."""
