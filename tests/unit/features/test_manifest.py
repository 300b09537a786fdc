"""Named weights: fetched once, recorded, and compared from then on. Nothing here uses a network."""

import json

import huggingface_hub.constants
import pytest
import yaml
from tests.tiny_features import RESOURCES

from hopeworld.features import manifest
from hopeworld.features.manifest import WeightsError, fetch_weights, locate

COMMIT = "0123abc"
FILES = {"config.json": b"{}", "model.safetensors": b"weights"}


@pytest.fixture
def resources(tmp_path):
    entry = {"repository": "someone/something", "licence": "MIT", "revision": None}
    entry["files"] = dict.fromkeys(FILES)
    (tmp_path / "weights.yaml").write_text(yaml.safe_dump({"something": entry}))
    return tmp_path


@pytest.fixture
def hub(monkeypatch):
    """A hub that hands out FILES in the layout of its cache: links into a folder of blobs."""

    def download(repository, *, revision, allow_patterns, cache_dir):
        assert (repository, revision, allow_patterns) == ("someone/something", None, list(FILES))
        snapshot = cache_dir / "models" / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        for number, (name, content) in enumerate(FILES.items()):
            (cache_dir / f"blob{number}").write_bytes(content)
            (snapshot / name).symlink_to(cache_dir / f"blob{number}")
        return str(snapshot)

    monkeypatch.setattr(manifest, "snapshot_download", download)


@pytest.mark.usefixtures("hub")
def test_first_fetch_records_commit_and_digests(resources):
    folder = fetch_weights("something", resources)
    assert {path.name for path in folder.iterdir()} == {*FILES, "manifest.json"}
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert not (folder / "model.safetensors").is_symlink()
    record = json.loads((folder / "manifest.json").read_text())
    assert (record["repository"], record["revision"]) == ("someone/something", COMMIT)
    assert set(record["sha256"]) == set(FILES)
    assert locate("something", resources) == folder


@pytest.mark.usefixtures("hub")
def test_changed_file_is_refused(resources):
    folder = fetch_weights("something", resources)
    (folder / "model.safetensors").write_bytes(b"weightz")
    with pytest.raises(WeightsError, match=r"model\.safetensors: sha256 differs .* delete it"):
        locate("something", resources)


@pytest.mark.usefixtures("hub")
def test_pinned_digest_comes_before_the_record(resources):
    fetch_weights("something", resources)
    entries = yaml.safe_load((resources / "weights.yaml").read_text())
    entries["something"]["files"]["config.json"] = "0" * 64
    (resources / "weights.yaml").write_text(yaml.safe_dump(entries))
    with pytest.raises(WeightsError, match=r"config\.json: sha256 differs"):
        locate("something", resources)


def test_weights_that_were_not_fetched_say_how(resources):
    with pytest.raises(WeightsError, match=r"not there; run: snakemake .*something/manifest\.json"):
        locate("something", resources)


def test_fetch_without_network_is_one_line(resources, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        WeightsError, match=r"cannot be fetched .* connect to the network"
    ) as caught:
        fetch_weights("something", resources)
    assert "\n" not in str(caught.value)


def test_files_copied_by_hand_need_no_network(resources, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    folder = resources / "weights" / "something"
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    fetch_weights("something", resources)
    assert json.loads((folder / "manifest.json").read_text())["revision"] == "copied by hand"
    assert locate("something", resources) == folder


def test_unknown_name_is_refused(resources):
    with pytest.raises(WeightsError, match="use one of something"):
        fetch_weights("nothing", resources)


def test_manifest_of_the_project_is_whole():
    for entry in manifest.read_manifest(RESOURCES).values():
        assert set(entry) == {"repository", "licence", "revision", "files"}
        assert "model.safetensors" in entry["files"]
