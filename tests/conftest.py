"""Settings that every test shares."""

from __future__ import annotations

from hypothesis import settings

# The machine may be busy, and a failure must be seen again.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
