"""Named weights: fetched once, compared ever after. The only network is a server on 127.0.0.1."""

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tests.loopback_hub import COMMIT, publish, write_entries
from tests.tiny_features import RESOURCES

from hopeworld import progress
from hopeworld.features import download, manifest
from hopeworld.features.manifest import WeightsError, fetch_weights, locate
from hopeworld.files import DiskFull, InUse, exclusive

SIZE = 3_000_000
CONTENT = np.random.default_rng(0).bytes(SIZE)
HALF = SIZE // 2
PART = f"model.safetensors.{hashlib.sha256(CONTENT).hexdigest()[:12]}.part"
FETCH = (
    "from hopeworld.features.manifest import fetch_weights; from pathlib import Path; import sys\n"
)
FETCH += "fetch_weights('something', Path(sys.argv[1]))"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE_S", 0.0)


@pytest.fixture
def hub():
    with publish(CONTENT) as running:
        yield running


@pytest.fixture
def resources(hub, tmp_path):
    return write_entries(tmp_path, something=hub.entry())


@pytest.fixture
def offline(tmp_path):
    """An entry whose server has gone."""
    with publish(CONTENT) as gone:
        entry = gone.entry()
    return write_entries(tmp_path, something=entry)


def path_in(resources, name="model.safetensors"):
    return resources / "weights" / "something" / name


def put(resources, content, name="model.safetensors"):
    path_in(resources).parent.mkdir(parents=True, exist_ok=True)
    path_in(resources, name).write_bytes(content)


def test_fetch_leaves_the_file_and_a_record_of_its_pins(hub, resources):
    folder = fetch_weights("something", resources)
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "manifest.json"}
    assert path_in(resources).read_bytes() == CONTENT
    assert json.loads((folder / "manifest.json").read_text()) == hub.entry()
    assert locate("something", resources) == (folder, hub.entry()["sha256"])


def test_fetch_of_what_is_there_asks_nobody(hub, resources):
    fetch_weights("something", resources)
    fetch_weights("something", resources)
    assert hub.ranges == [None]


def test_metas_checkpoint_is_located_as_a_file(hub, tmp_path):
    entry = hub.entry(file="original/model.pth")
    resources = write_entries(tmp_path, something=entry)
    fetch_weights("something", resources)
    path = path_in(resources, "model.pth")
    assert locate("something", resources) == (path, entry["sha256"])


def test_broken_connection_is_continued_in_the_same_call(hub, resources, capsys):
    hub.cuts = [HALF]
    fetch_weights("something", resources)
    assert hub.ranges == [None, f"bytes={HALF}-"]
    assert hub.served == SIZE
    assert re.search(r"closed early; continuing at 1\.5 MB", capsys.readouterr().err)


def test_connection_that_brings_nothing_more_is_given_up(hub, resources):
    hub.cuts = [HALF] + [0] * 20
    with pytest.raises(WeightsError, match=r"cannot be fetched \(the connection was closed early"):
        fetch_weights("something", resources)
    assert len(hub.ranges) == 1 + download.ATTEMPTS
    assert path_in(resources, PART).stat().st_size == HALF


def test_killed_fetch_is_continued(hub, resources):
    hub.stalls_at = HALF
    environment = os.environ | {"PYTHONPATH": str(RESOURCES.parent / "workflow" / "src")}
    process = subprocess.Popen([sys.executable, "-c", FETCH, str(resources)], env=environment)
    part = path_in(resources, PART)
    deadline = time.monotonic() + 30
    while download.length(part) < HALF and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    have = part.stat().st_size
    assert HALF <= have < SIZE
    assert not path_in(resources).exists()
    assert not path_in(resources, "manifest.json").exists()
    hub.stalls_at = None
    hub.served = 0
    fetch_weights("something", resources)
    assert hub.ranges == [None, f"bytes={have}-"]
    assert hub.served == SIZE - have
    assert path_in(resources).read_bytes() == CONTENT


def test_part_of_another_revision_is_not_continued(hub, resources):
    put(resources, b"x" * HALF, f"model.safetensors.{'0' * 12}.part")
    fetch_weights("something", resources)
    assert hub.ranges == [None]
    assert {path.name for path in path_in(resources).parent.iterdir()} == {
        "model.safetensors",
        "manifest.json",
    }


def test_second_fetch_at_once_is_refused(hub, resources):
    with exclusive(path_in(resources)), pytest.raises(InUse, match=r"model\.safetensors: process"):
        fetch_weights("something", resources)
    assert hub.ranges == []


def test_server_without_ranges_sends_all_again(hub, resources):
    hub.has_ranges = False
    put(resources, CONTENT[:HALF], PART)
    fetch_weights("something", resources)
    assert hub.ranges == [f"bytes={HALF}-"]
    assert path_in(resources).read_bytes() == CONTENT


def test_progress_is_whole_lines_with_rate_and_time_left(hub, resources, capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    fetch_weights("something", resources)
    said = capsys.readouterr().err
    line = r"weights: model\.safetensors: [\d.]+/3\.0 MB, [\d.]+ MB/s, (took )?0:00:\d\d( left)?\n"
    assert len(re.findall(line, said)) > 2
    assert "\r" not in said


def test_lines_are_seconds_apart(hub, resources, capsys):
    fetch_weights("something", resources)
    assert capsys.readouterr().err.count("MB/s") == 1


def test_file_of_another_size_is_refused_before_it_is_read(hub, tmp_path):
    resources = write_entries(tmp_path, something=hub.entry(bytes=SIZE + 1))
    with pytest.raises(WeightsError, match=rf"{SIZE} bytes at .*, {SIZE + 1} expected"):
        fetch_weights("something", resources)
    assert list(path_in(resources).parent.iterdir()) == []


def test_file_of_another_content_is_refused_and_deleted(hub, tmp_path):
    resources = write_entries(tmp_path, something=hub.entry(sha256="0" * 64))
    with pytest.raises(WeightsError, match=r"sha256 is .*, not 0000.* it was deleted"):
        fetch_weights("something", resources)
    assert list(path_in(resources).parent.iterdir()) == []


def test_damaged_beginning_is_not_kept_for_ever(hub, resources):
    put(resources, b"x" * HALF, PART)
    with pytest.raises(WeightsError, match="it was deleted; run this again"):
        fetch_weights("something", resources)
    fetch_weights("something", resources)
    assert hub.served == SIZE + HALF


def test_full_disk_is_refused_before_the_first_byte(hub, resources, monkeypatch):
    usage = shutil.disk_usage(resources)._replace(free=SIZE - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(
        WeightsError, match=r"0\.003 GB are missing, 0\.003 GB of disk are free; make"
    ):
        fetch_weights("something", resources)
    assert hub.ranges == []


def test_disk_that_fills_up_is_named_at_once_and_the_rest_kept(hub, resources, monkeypatch):
    def count(progress, received):
        progress.done += received
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.Progress, "count", count)
    with pytest.raises(DiskFull, match=r"model\.safetensors: no space left .* the weights"):
        fetch_weights("something", resources)
    assert hub.ranges == [None]
    assert path_in(resources, PART).exists()


@pytest.mark.parametrize("status", [404, 503])
def test_refusal_of_the_server_is_one_line_at_once(hub, resources, status):
    hub.status = status
    with pytest.raises(WeightsError, match=rf"cannot be fetched \(HTTP Error {status}"):
        fetch_weights("something", resources)


def test_without_a_network_one_line_says_what_to_do(offline):
    with pytest.raises(WeightsError) as caught:
        fetch_weights("something", offline)
    line = str(caught.value)
    assert "\n" not in line
    assert re.search(
        rf"or copy http://\S+/resolve/{COMMIT}/model\.safetensors to \S+, or use", line
    )
    assert str(path_in(offline)) in line
    assert line.endswith("use random")


def test_file_copied_by_hand_needs_no_network(offline):
    put(offline, CONTENT)
    folder = fetch_weights("something", offline)
    assert (folder / "manifest.json").exists()
    assert locate("something", offline)[0] == folder


def test_wrong_file_copied_by_hand_is_refused(offline):
    put(offline, CONTENT[:-1])
    with pytest.raises(WeightsError, match=rf"has {SIZE - 1} bytes, not {SIZE}; delete it"):
        fetch_weights("something", offline)
    assert not path_in(offline, "manifest.json").exists()


def test_file_changed_after_the_fetch_is_refused(resources):
    fetch_weights("something", resources)
    put(resources, CONTENT[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"sha256 is .* delete it and run: snakemake .* --force"):
        locate("something", resources)


def test_weights_that_were_not_fetched_say_how(resources):
    with pytest.raises(WeightsError, match="not there; run: snakemake ") as caught:
        locate("something", resources)
    target = f"{resources.name}/weights/something/manifest.json"
    assert str(caught.value).endswith(f" --force {target}")


def test_unknown_name_is_refused(resources):
    with pytest.raises(WeightsError, match="use one of something"):
        fetch_weights("nothing", resources)


def test_every_entry_of_the_project_is_pinned():
    entries = manifest.read_manifest(RESOURCES)
    assert len(entries) == 2
    for entry in entries.values():
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert re.fullmatch(r"[0-9a-f]{40}", entry.revision)
        assert entry.licence == "MIT"
        assert entry.bytes > 10**9
        assert entry.url.startswith("https://huggingface.co/facebook/vjepa2-vitl-fpc64-256/resolve")
