"""A process that claims one of some GPUs which are not there, and holds it until its input ends.

    python gpu_holder.py <GPUs> <lock folder> [<user id>]

Prints the device that it got; nothing of PyTorch is loaded.
"""

import contextlib
import os
import sys
import types
from pathlib import Path

count, folder, *user = sys.argv[1:]
cuda = types.SimpleNamespace(
    device_count=lambda: int(count), device=lambda number: contextlib.nullcontext()
)
sys.modules["torch"] = types.SimpleNamespace(cuda=cuda)

from hopeworld import device, progress  # noqa: E402

device.LOCKS, device.RETRY_S = Path(folder), 0.01
progress.SECONDS_BETWEEN_LINES = 0.1
if user:
    os.setgid(int(user[0]))
    os.setuid(int(user[0]))
with device.claimed({"device": "cuda"}) as name:
    print(name, flush=True)
    sys.stdin.read()
