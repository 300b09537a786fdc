"""The rule that fetches weights, run as `make weights` runs it, from a server on 127.0.0.1."""

import json
import re
import subprocess

import pytest
from tests.loopback_hub import publish, write_entries
from tests.snakemake_runs import ROOT, checkout, snakemake

CONTENT = bytes(range(256)) * 4096
RECORD = "resources/weights/tiny/manifest.json"


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def copy(tmp_path):
    return checkout(tmp_path / "clone")


def test_rule_fetches_past_a_broken_connection_and_says_so(copy):
    with publish(CONTENT) as hub:
        hub.cuts = [len(CONTENT) // 2]
        write_entries(copy / "resources", tiny=hub.entry())
        done = snakemake(copy, RECORD, "--cores", "1")
        assert done.returncode == 0, done.stdout
    assert hub.served == len(CONTENT)
    assert (copy / RECORD).with_name("model.safetensors").read_bytes() == CONTENT
    assert json.loads((copy / RECORD).read_text()) == hub.entry()
    log = (copy / "logs/fetch_weights/tiny.log").read_text()
    assert re.search(r"closed early; continuing at 0\.5 MB", log)
    assert re.search(r"1\.0/1\.0 MB, [\d.]+ MB/s, took 0:00:\d\d\n", log)
    assert "\r" not in log


def test_rule_without_a_network_ends_in_one_line_and_keeps_nothing_false(copy):
    with publish(CONTENT) as hub:
        write_entries(copy / "resources", tiny=hub.entry())
    done = snakemake(copy, RECORD, "--cores", "1")
    assert done.returncode == 1
    path = copy / RECORD.replace("manifest.json", "model.safetensors")
    assert re.search(rf"error: weights .* or copy \S+ to {path}, or use random \(log:", done.stdout)
    assert "Traceback" not in (copy / "logs/fetch_weights/tiny.log").read_text()
    assert not (copy / RECORD).exists()
    assert not path.exists()


def test_make_weights_asks_for_the_record_of_the_name():
    command = ["make", "--dry-run", "weights", "NAME=tiny"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    assert re.search(rf"snakemake {RECORD} --cores 1", done.stdout)
