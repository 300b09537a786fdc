"""What the numbers were measured on."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

from hopeworld.provenance import commit

CPU_FILE = Path("/proc/cpuinfo")


def describe(root: Path, device: str, threads: int) -> dict[str, Any]:
    """Processor, threads, versions and the commit at `root`."""
    described = {
        "processor": torch.cuda.get_device_name() if device == "cuda" else cpu_name(),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": commit(root),
    }
    if device == "cpu":
        described["vector instructions"] = torch.backends.cpu.get_cpu_capability()
    return described


def cpu_name() -> str:
    """The processor's name as the system gives it, or its architecture."""
    lines = CPU_FILE.read_text().splitlines() if CPU_FILE.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
