"""A file of settings that YAML forgives, and a person would not."""

from __future__ import annotations

import pytest
import yaml

from hopeworld.config_files import require_plain
from hopeworld.strict import FORM, SettingsError


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (b"", "own.yaml", "no settings in this file"),
        (b"- a\n- b\n", "own.yaml", "no mapping at its top"),
        (b"training: [1\nseeds: 2\n", "own.yaml", "'line 2'"),
        (b"a: !!python/object:os.system {}\nb: [\n", "own.yaml", "'line 3'"),
        (b"\xff\xfe\x00", "own.yaml", "not UTF-8 text"),
        (b"a: {b: 1, c: 2, b: 3}\n", "a.b", "'3': written twice in own.yaml, in the lines 1 and 1"),
        (b"a: [{b: 1}, {b: 1, 'b': 2}]\n", "a.b", "written twice"),
        (b"a: 1\nb: 2\na: {c: 1}\n", "a", "in the lines 1 and 3; remove one of the two"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path, text, key, words):
    path = tmp_path / "own.yaml"
    path.write_bytes(text)
    with pytest.raises(SettingsError) as caught:
        require_plain([path])
    found = FORM.fullmatch(str(caught.value))
    assert found, caught.value
    assert found["key"].endswith(key)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"missing\.yaml = None: No such file"):
        require_plain([tmp_path / "missing.yaml"])


def test_anchors_and_merges_are_plain(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("one: &one {a: 1, b: 2}\ntwo: {<<: *one, a: 3}\nthree: [*one, *one]\n")
    require_plain([path])
    assert yaml.safe_load(path.read_text())["two"] == {"a": 3, "b": 2}
