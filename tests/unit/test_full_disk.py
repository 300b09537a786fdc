"""A disk that is really full: one line, no half file, and what was there stays."""

import json

import pytest
from tests.small_disk import run_python_on_small_disk

FEATURES = """
import json, sys
from pathlib import Path
import numpy as np
from tests.tiny_features import HEADER, write_features
from hopeworld.features.store import FeatureShard, write_shard

folder = Path(sys.argv[1])
write_features(folder / "00000.h5", [0, 1])
latents = (np.full((8, 16, 600), i, np.float16) for i in range(7, 71))
try:
    write_shard(folder / "00001.h5", HEADER, np.arange(7, 71), latents)
except ValueError as error:
    whole = FeatureShard(folder / "00000.h5").gather([1])
    files = sorted(path.name for path in folder.iterdir())
    print(json.dumps([str(error), files, float(whole.max())]))
"""

CLIPS = """
import io, json, os, sys
from pathlib import Path
from tests.tiny_clips import shard_job
from hopeworld.simulation.repair import verify
from hopeworld.simulation.shards import simulate_shard

folder, blocks = Path(sys.argv[1]), BLOCKS
simulate_shard(shard_job(folder, "probe", "A", range(2)), io.StringIO())
disk = os.statvfs(folder)
(folder / "fill").write_bytes(bytes((disk.f_bavail - blocks) * disk.f_bsize))
try:
    simulate_shard(shard_job(folder, "train", "A", range(2)), io.StringIO())
except ValueError as error:
    half = [str(path) for path in folder.rglob("*.tmp.*")]
    (folder / "fill").unlink()
    others = [list(broken) for path, broken in verify(folder) if "probe" in str(path)]
    simulate_shard(shard_job(folder, "train", "A", range(2)), io.StringIO())
    after = [list(broken) for path, broken in verify(folder)]
    print(json.dumps([str(error), half, others, after]))
"""


def test_a_shard_that_does_not_fit_is_named_before_it_is_encoded(tmp_path):
    done = run_python_on_small_disk(tmp_path / "disk", "3m", FEATURES)
    line, files, largest = json.loads(done.stdout)
    assert "/00001.h5: no space left on the disk while writing clips 7 to 70; free some" in line
    assert "\n" not in line
    assert files == ["00000.h5"]
    assert largest == 1


@pytest.mark.parametrize(("blocks", "named"), [(3, "00000/000001.mp4"), (12, "00000.h5")])
def test_clips_that_do_not_fit_are_named_and_the_next_run_makes_them(tmp_path, blocks, named):
    code = CLIPS.replace("BLOCKS", str(blocks))
    done = run_python_on_small_disk(tmp_path / "disk", "3m", code)
    line, half, others, after = json.loads(done.stdout.splitlines()[-1])
    assert f"clips/train_A/{named}: no space left on the disk while writing" in line
    assert half == []
    assert others == [[]]
    assert after == [[], []]
