"""Fingerprints of an earlier start are used while the code is the same, and never afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from hopeworld.found_before import FoundBefore


def refuse() -> str:
    raise AssertionError("it was found before")


@pytest.fixture
def code(tmp_path) -> Path:
    """A folder of code."""
    folder = tmp_path / "workflow"
    (folder / "rules").mkdir(parents=True)
    (folder / "one.py").write_text("x = 1\n")
    (folder / "rules" / "two.smk").write_text("rule two:\n")
    return folder


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / ".snakemake" / "found.json"


def test_a_later_start_knows_what_an_earlier_one_found(file, code):
    first = FoundBefore(file, code)
    assert first.get("a", lambda: "1") == "1"
    assert first.get("b", lambda: "2") == "2"
    later = FoundBefore(file, code)
    assert (later.get("a", refuse), later.get("b", refuse)) == ("1", "2")
    assert [path.name for path in file.parent.iterdir()] == ["found.json"]


def edit(folder: Path) -> None:
    """Change a byte, and neither size nor time."""
    path = folder / "one.py"
    path.write_text("x = 2\n")


def add(folder: Path) -> None:
    (folder / "three.py").touch()


def remove(folder: Path) -> None:
    (folder / "rules" / "two.smk").unlink()


def rename(folder: Path) -> None:
    (folder / "one.py").rename(folder / "other.py")


@pytest.mark.parametrize("change", [edit, add, remove, rename], ids=lambda f: f.__name__)
def test_after_any_change_of_the_code_it_is_found_anew(file, code, change):
    FoundBefore(file, code).get("a", lambda: "old")
    change(code)
    assert FoundBefore(file, code).get("a", lambda: "new") == "new"


def test_another_python_finds_it_anew(file, code, monkeypatch):
    FoundBefore(file, code).get("a", lambda: "old")
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    assert FoundBefore(file, code).get("a", lambda: "new") == "new"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"found": {"a": "old"}}'])
def test_what_is_no_such_file_is_done_without(file, code, text):
    file.parent.mkdir()
    file.write_text(text)
    assert FoundBefore(file, code).get("a", lambda: "new") == "new"
    assert FoundBefore(file, code).get("a", refuse) == "new"


def test_a_folder_that_takes_no_file_is_done_without(tmp_path, code):
    (tmp_path / "taken").touch()
    found = FoundBefore(tmp_path / "taken" / "found.json", code)
    assert found.get("a", lambda: "1") == "1"
    assert found.get("a", refuse) == "1"
