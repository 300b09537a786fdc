"""Figures: tables in, PDF, PNG and CSV out. Never reads checkpoints or features."""
