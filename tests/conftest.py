"""Settings that every test shares."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# The machine may be busy, and a failure must be seen again.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")

CLUSTER = "test_slurm.py"
FIGURES = "tests/unit/figures"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files for processes that take one after the other: first the one that runs the
    smoke study, then what is long and need not wait for it, then what does, the cluster first."""
    files = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    items.sort(key=lambda item: _place(item.path, files[item.path]))


def _place(path: Path, items: list[pytest.Item]) -> int:
    is_long = "workflow" in path.parts or any(item.get_closest_marker("slow") for item in items)
    if any("smoke" in item.fixturenames for item in items):
        return {"test_smoke.py": 0, CLUSTER: 2}.get(path.name, 3)
    return 1 if is_long else 4


class ClusterApart(LoadFileScheduling):
    """Files in their order to whoever is free; those of figures share studies, so they go together.
    Of three processes or more, the last has the tests of the cluster, which mostly wait."""

    def _split_scope(self, nodeid: str) -> str:
        return FIGURES if nodeid.startswith(FIGURES) else super()._split_scope(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        last = f"gw{self.numnodes - 1}"
        has_last = self.numnodes > 2 and last in {one.gateway.id for one in self.nodes}
        for scope in self.workqueue:
            if not has_last or (Path(scope).name == CLUSTER) == (node.gateway.id == last):
                self.workqueue.move_to_end(scope, last=False)
                super()._assign_work_unit(node)
                return
        node.shutdown()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log) -> ClusterApart | None:
    """Only where files are what is distributed."""
    return ClusterApart(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """What a test draws without a generator of its own is the same in any order of tests."""
    torch.manual_seed(0)
