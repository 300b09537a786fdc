"""A study is the committed one where its contents are, whatever code its records name."""

from __future__ import annotations

import pytest
from tests.recorded_jobs import EVERYTHING, job, run_everything
from tests.reproduce import comparison
from tests.reproduce.contents import digest


@pytest.fixture(autouse=True)
def committed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comparison, "HASHES", tmp_path / "committed/smoke.json")
    monkeypatch.setattr(comparison, "NUMBERS", tmp_path / "committed/numbers")


@pytest.fixture
def elsewhere(monkeypatch):
    """Call this, and the study was made on another machine."""
    return lambda: monkeypatch.setattr(comparison, "made_with", lambda _: {"system": "Other"})


def study(rows="mean\n1.5\n", **params):
    """A table and a report of a study in the working folder, returned."""
    with job("summarise", [], {"table": "tables/a.csv", "html": "report.html"}, **params) as this:
        for path, text in zip(this.outputs.values(), (rows, rows), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return this.outputs["html"].parent


def test_a_digest_is_of_the_content_and_not_of_the_record():
    digests, contents = [], []
    for number, words in ((1, "one"), (1, "another edit"), (2, "one")):
        made = run_everything(number, words=words)
        digests.append({name: digest(path, EVERYTHING[name]) for name, path in made.items()})
        contents.append({name: path.read_bytes() for name, path in made.items()})
    first, edited, other = digests
    assert [n for n in EVERYTHING if contents[0][n] == contents[1][n]] == ["csv"]
    assert first == edited
    assert [n for n in EVERYTHING if first[n] == other[n]] == []


def test_on_its_own_platform_contents_are_compared():
    comparison.update(study())
    found = comparison.compare(study(words="of other code"))
    assert "the contents of 1 files exactly" in found.how
    assert found.differences == []
    assert comparison.compare(study("mean\n1.50001\n")).differences == ["tables/a.csv: differs"]


def test_a_file_more_or_less_is_a_difference():
    results = study()
    comparison.update(results)
    with job("more", [], {"table": "tables/b.csv"}) as this:
        this.outputs["table"].touch()
    assert comparison.compare(results).differences == ["tables/b.csv: new"]
    comparison.update(results)
    (results / "records/more.json").unlink()
    assert comparison.compare(results).differences == ["tables/b.csv: missing"]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("mean\n1.50001\n", None),
        ("mean\n1.7\n", "tables/a.csv: 1 values, row 0, mean is 1.7, not 1.5"),
        ("mean\nnone\n", "tables/a.csv: 1 values, row 0, mean is none, not 1.5"),
        ("mean\n1.5\n1.5\n", "tables/a.csv: has other rows, columns or keys"),
    ],
)
def test_elsewhere_numbers_are(elsewhere, rows, line):
    comparison.update(study())
    elsewhere()
    found = comparison.compare(study(rows))
    assert "system is Other, not Linux" in found.how
    assert found.differences == ([line] if line else [])


def test_elsewhere_the_best_of_near_equals_may_be_another(elsewhere):
    comparison.update(study("mean,best\n1.5,True\n1.5,False\n"))
    elsewhere()
    assert comparison.compare(study("mean,best\n1.5,False\n1.5,True\n")).differences == []


def test_a_table_that_is_gone_is_named(elsewhere):
    results = study()
    comparison.update(results)
    elsewhere()
    (results / "tables/a.csv").unlink()
    assert comparison.compare(results).differences == ["tables/a.csv: missing"]
