"""Settings that every test shares."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

# The machine may be busy, and a failure must be seen again.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files stay together when processes share the tests; those that take minutes come first."""
    for item in items:
        place = item.path.parent if item.path.parent.name == "conda" else item.path
        item.add_marker(pytest.mark.xdist_group(str(place)))
    items.sort(key=lambda item: "workflow" not in item.path.parts)


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """What a test draws without a generator of its own is the same in any order of tests."""
    torch.manual_seed(0)
