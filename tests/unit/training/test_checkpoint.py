"""Files of resumable state."""

import pytest
import torch

from hopeworld.training.checkpoint import (
    CheckpointError,
    load_state,
    remove_partial,
    save_state,
)


def test_state_comes_back_only_with_its_fingerprint(tmp_path):
    state = {"step": 4, "rows": [(1, "train", "loss", "all", 0.5)], "tensor": torch.ones(2)}
    assert load_state(tmp_path, "f") == (None, "starting: there is no checkpoint")
    save_state(tmp_path, "f", state)
    back, line = load_state(tmp_path, "f")
    assert line.startswith("resuming at step 4")
    assert back["rows"] == state["rows"]
    assert torch.equal(back["tensor"], state["tensor"])
    other, line = load_state(tmp_path, "g")
    assert other is None
    assert "changed" in line


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04 cut short"])
def test_unreadable_state_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"state\.pt: cannot be read; delete it"):
        load_state(tmp_path, "f")


def test_cut_state_is_an_error(tmp_path):
    path = save_state(tmp_path, "f", {"step": 1, "tensor": torch.ones(1000)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_state(tmp_path, "f")


class Unsafe:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return print, ("this must not run",)


def test_state_cannot_run_code(tmp_path, capsys):
    torch.save({"fingerprint": "f", "state": Unsafe()}, tmp_path / "state.pt")
    with pytest.raises(CheckpointError):
        load_state(tmp_path, "f")
    assert capsys.readouterr().out == ""


def test_half_written_files_are_removed_and_nothing_else(tmp_path):
    (tmp_path / "state.tmp.123.pt").touch()
    (tmp_path / "state.pt").touch()
    remove_partial(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]
    remove_partial(tmp_path / "not there")
