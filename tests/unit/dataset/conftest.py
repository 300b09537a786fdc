"""One data set, published once for all tests that look at it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.tiny_dataset import publication, simulated

from hopeworld.dataset.publish import Publication, publish


@dataclass(frozen=True)
class Published:
    """The job, its folder and its log."""

    job: Publication
    folder: Path
    log: str


@pytest.fixture(scope="session")
def published(tmp_path_factory) -> Published:
    """The tiny data set."""
    root = tmp_path_factory.mktemp("study")
    job, log = publication(simulated(root)), io.StringIO()
    publish(job, root / "dataset", log)
    return Published(job, root / "dataset", log.getvalue())
