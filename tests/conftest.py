"""Settings that every test shares."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

# The machine may be busy, and a failure must be seen again.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes comes first, where processes share the files of tests."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """What a test draws without a generator of its own is the same in any order of tests."""
    torch.manual_seed(0)
