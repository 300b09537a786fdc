"""Whether a fresh smoke study gives the committed results: `python -m tests.reproduce`."""
