"""The fingerprint follows the code, and nothing but the code."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from hopeworld import provenance
from hopeworld.provenance import NoSuchModule, closure, config_hash, fingerprint

FILES = {
    "__init__.py": "",
    "settings.py": '''
        from math import inf

        LIMIT = 3
        OTHER = 4

        class Camera:
            """A camera."""
            width: int = key("width")

        def checked(value):
            return value < LIMIT < inf
        ''',
    "base.py": '''
        """Base."""
        def double(x):
            """Twice x."""
            # by adding
            return x + x
        ''',
    "stage/__init__.py": "",
    "stage/first.py": """
        from hopeworld.settings import Camera, checked
        from ..base import double
        import numpy

        def run(camera: Camera):
            return double(camera.width)
        """,
    "stage/second.py": "from hopeworld.stage import first, lonely\n",
    "stage/lonely.py": "VALUE = 1\n",
    "apart.py": "VALUE = 1\n",
}


@pytest.fixture
def source(tmp_path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def write(source: Path, name: str, text: str) -> None:
    path = source / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"))


def replaced(source: Path, name: str, old: str, new: str) -> bool:
    """Whether replacing `old` in a file changes the fingerprint of stage.first."""
    before = fingerprint("hopeworld.stage.first", source=source)
    path = source / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return fingerprint("hopeworld.stage.first", source=source) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("base.py", "# by adding", "# twice, by adding"),
        ("base.py", "Twice x.", "Two times x."),
        ("base.py", '"""Base."""', ""),
        ("base.py", "x + x", "(x  +  x)"),
        ("settings.py", "OTHER = 4", "OTHER = 5"),
        ("settings.py", "from math import inf", "from math import inf, pi"),
        ("settings.py", "OTHER = 4", "def unrelated():\n    return 1"),
        (
            "settings.py",
            'width: int = key("width")',
            'width: int = key("wide")\n    height: int = 1',
        ),
        ("apart.py", "1", "2"),
        ("stage/lonely.py", "1", "2"),
    ],
)
def test_what_is_not_code_of_the_job_leaves_it(source, name, old, new):
    assert not replaced(source, name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stage/first.py", "camera.width", "camera.height"),
        ("base.py", "x + x", "2 * x + 0"),
        ("stage/__init__.py", "", "FLAG = 1"),
        ("settings.py", "LIMIT = 3", "LIMIT = 4"),
        ("settings.py", "from math import inf", "from cmath import inf"),
        ("settings.py", "value < LIMIT", "value <= LIMIT"),
        ("settings.py", '"""A camera."""', "def area(self):\n        return 1"),
    ],
)
def test_an_edit_of_code_that_the_job_runs_changes_it(source, name, old, new):
    assert replaced(source, name, old, new)


def test_a_module_imported_by_name_is_followed(source):
    names = set(closure("hopeworld.stage.second", source=source))
    assert {"hopeworld.stage.first", "hopeworld.stage.lonely", "hopeworld.base"} <= names


def test_what_a_job_never_runs_is_left_out(source):
    names = closure("hopeworld.stage.second", without=["hopeworld.stage.first"], source=source)
    assert "hopeworld.stage.lonely" in names
    assert not {"hopeworld.stage.first", "hopeworld.base"} & set(names)


def test_a_script_is_hashed_with_what_it_imports_and_not_with_how_it_runs(source):
    write(source, "runlog.py", "VALUE = 1\n")
    script = source / "job.py"
    script.write_text("from hopeworld import runlog\nfrom hopeworld.stage import lonely\n")
    before = fingerprint(script, source=source)

    def edited(name: str, text: str) -> bool:
        (source / name).write_text(text)
        return fingerprint(script, source=source) != before

    assert not edited("runlog.py", "VALUE = 2\n")
    assert not edited("job.py", "# why\n" + script.read_text())
    assert edited("stage/lonely.py", "VALUE = 2\n")
    assert not edited("stage/lonely.py", "VALUE = 1\n")
    assert edited("job.py", script.read_text() + "print(runlog.VALUE)\n")


def test_an_unknown_module_is_named(source):
    with pytest.raises(NoSuchModule, match=r"hopeworld\.stage\.third"):
        fingerprint("hopeworld.stage.third", source=source)


def test_imports_of_the_real_package_resolve():
    assert "hopeworld.files" in closure("hopeworld.training.loop")
    assert "hopeworld.models.vit_ac" not in closure("hopeworld.simulation.shards")


@pytest.mark.parametrize("model", ["vit_ac", "hope.model"])
def test_neither_predictor_needs_the_other(model):
    assert not {"hopeworld.models.vit_ac", "hopeworld.models.hope.model"} - {
        f"hopeworld.models.{model}"
    } & set(closure(f"hopeworld.models.{model}"))


def test_config_hash_ignores_the_order_of_keys():
    assert config_hash({"a": 1, "b": [2]}) == config_hash({"b": [2], "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})


def test_manifest_says_what_is_not_there(tmp_path):
    manifest = provenance.run_manifest(tmp_path, {}, ["numpy", "no-such-package"])
    assert manifest["commit"] == "not a git checkout"
    assert manifest["versions"]["no-such-package"] == "not installed"
    assert manifest["versions"]["numpy"][0].isdigit()


@pytest.mark.parametrize("name", provenance.VOCABULARY)
def test_a_class_of_the_vocabulary_stands_at_the_top(name):
    """Where it did not, its fields would be part of every fingerprint."""
    tree = ast.parse((provenance.SOURCE / f"{name.split('.')[1]}.py").read_text())
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes if node not in tree.body] == []
