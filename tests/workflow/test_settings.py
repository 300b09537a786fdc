"""What Snakemake makes of settings: a plan, or one line and exit status 1, never a traceback."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.bad_combinations import BAD
from tests.good_configs import good_configs
from tests.snakemake_runs import ROOT, checkout, dry_run

from hopeworld.strict import FORM

COUNT = 20
DEFAULT = (ROOT / "config" / "config.yaml").read_text()
TWICE = "training: {steps: 7}\ntraining: {steps: 8}\n"
# What is wrong with config.yaml itself, and what the line says of it.
FILES = {
    "empty": ("", "no settings in this file"),
    "a list": ("- training\n", "no mapping at its top"),
    "text": ("training", "no mapping at its top"),
    "a syntax error": ("training: [1\nseeds: 2\n", "correct the YAML there"),
    "a tab": ("\ttraining: 3\n", "correct the YAML there"),
    "a section twice": (f"{DEFAULT}\n{TWICE}", "written twice in config.yaml, in the lines"),
    "a key twice": (DEFAULT.replace("  dpi: 200", "  dpi: 200\n  dpi: 100"), "figures.dpi = '100'"),
}


def drawn(strategy: st.SearchStrategy, count: int) -> list[Any]:
    """Some examples of a strategy, always the same."""
    found: list[Any] = []

    @settings(max_examples=count, phases=[Phase.generate], database=None)
    @given(strategy)
    def draw(one: Any) -> None:
        found.append(one)

    draw()
    return found[:count]


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> Callable[[list[str]], list[subprocess.CompletedProcess]]:
    """Dry runs with a config.yaml each, in a clone of its own, two at a time."""
    clone = checkout(tmp_path_factory.mktemp("clone") / "clone")

    def run(text: str) -> subprocess.CompletedProcess:
        own = shutil.copytree(clone, tmp_path_factory.mktemp("config") / "clone")
        (own / "config" / "config.yaml").write_text(text, encoding="utf-8")
        done = dry_run(own, "--quiet", "rules")
        shutil.rmtree(own)
        return done

    def run_all(texts: list[str]) -> list[subprocess.CompletedProcess]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(run, texts))

    return run_all


def assert_one_line(done: subprocess.CompletedProcess, words: str = "") -> None:
    """Exit status 1, one line that begins with `error:`, and no traceback."""
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    errors = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stdout
    assert done.stdout.splitlines()[-1] == errors[0]
    assert FORM.fullmatch(errors[0].removeprefix("error: ")), errors[0]
    assert words in errors[0]


@pytest.mark.slow
def test_wrong_configurations_end_in_one_line(planned):
    wrong = drawn(BAD, COUNT)
    texts = [yaml.safe_dump(bad.config, sort_keys=False, allow_unicode=True) for bad in wrong]
    for bad, done in zip(wrong, planned(texts), strict=True):
        assert_one_line(done, f"config: {bad.key}")


@pytest.mark.slow
def test_valid_configurations_are_planned(planned):
    texts = [yaml.safe_dump(config, sort_keys=False) for config in drawn(good_configs(), COUNT)]
    for text, done in zip(texts, planned(texts), strict=True):
        assert done.returncode == 0, f"{done.stdout}\n{text}"
        assert "write_report" in done.stdout


@pytest.mark.slow
def test_a_file_that_is_no_configuration_ends_in_one_line(planned):
    texts, words = zip(*FILES.values(), strict=True)
    for said, done in zip(words, planned(list(texts)), strict=True):
        assert_one_line(done, said)


def test_an_overlay_that_is_no_configuration_ends_without_a_traceback(tmp_path):
    """Snakemake reads overlays before it reads the workflow; what YAML forgives is found after."""
    clone = checkout(tmp_path / "clone")
    overlay = tmp_path / "overlay.yaml"
    for text in ("", "- training\n", "training: [1\n"):
        overlay.write_text(text)
        done = dry_run(clone, "--configfile", str(overlay))
        assert done.returncode == 1
        assert "Traceback" not in done.stdout
        assert "Config file " in done.stdout.splitlines()[-1]
    overlay.write_text(TWICE)
    done = dry_run(clone, "--configfile", str(overlay))
    assert_one_line(done, "training = 'a section': written twice in overlay.yaml, in the lines 1")


def test_a_configuration_that_is_missing_is_named(tmp_path):
    clone = checkout(tmp_path / "clone")
    (clone / "config" / "config.yaml").unlink()
    assert_one_line(dry_run(clone), "No such file or directory")
