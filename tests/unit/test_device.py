"""Jobs of one machine never share a GPU, and a GPU that is not there is said in words."""

from __future__ import annotations

import contextlib
import threading

import pytest
import torch

from hopeworld import device
from hopeworld.device import NoDevice, claimed

CUDA = {"device": "cuda"}


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(device, "RETRY_S", 0.01)
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    for name in device.CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)


def test_the_cpu_is_shared():
    with claimed({"device": "cpu"}) as first, claimed({"device": "cpu"}) as second:
        assert first == second == "cpu"


def test_two_jobs_get_two_gpus_and_give_them_back(two_gpus):
    with claimed(CUDA) as first:
        with claimed(CUDA) as second:
            assert (first, second) == ("cuda:0", "cuda:1")
        with claimed(CUDA) as third:
            assert third == "cuda:1"


def test_a_failed_job_gives_its_gpu_back(two_gpus):
    with contextlib.suppress(RuntimeError), claimed(CUDA):
        raise RuntimeError
    with claimed(CUDA) as again:
        assert again == "cuda:0"


def test_a_third_job_waits_for_a_free_gpu(two_gpus):
    got = []

    def run() -> None:
        with claimed(CUDA) as name:
            got.append(name)

    third = threading.Thread(target=run)
    with claimed(CUDA):
        with claimed(CUDA):
            third.start()
            third.join(0.1)
            assert got == []
        third.join(10)
    assert got == ["cuda:1"]


@pytest.mark.parametrize("name", device.CHOSEN_BY)
def test_a_choice_of_the_cluster_is_kept(two_gpus, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with claimed(CUDA) as first, claimed(CUDA) as second:
        assert first == second == "cuda"


def test_a_missing_gpu_is_said_with_the_remedy(two_gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(NoDevice, match=r"compute\.device = 'cuda'.*set compute\.device: cpu"):
        claimed(CUDA).__enter__()
