"""The warnings of a study, from its results and the logs of its jobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hopeworld.cautions import Caution, block, collected, grouped
from hopeworld.files import write_json

DEAD = {"text": "CMS level cms_16 is dead", "about": ["main_hope_seed0_order0"]}


def write_log(results: Path, job: str, *lines: str) -> None:
    path = results / "logs" / f"{job}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_product(results: Path, *cautions: dict) -> Path:
    write_json(results / "cautions.json", {"cautions": list(cautions)})
    return results / "cautions.json"


def test_a_text_is_said_once_with_whom_it_is_about():
    pairs = [("dead", "one"), ("clipped", "two"), ("dead", "three"), ("dead", "one")]
    assert grouped(pairs) == [Caution("dead", ("one", "three")), Caution("clipped", ("two",))]


def test_few_names_are_shown():
    assert str(Caution("dead", tuple("abcdef"))) == "dead (6: a, b, c, d and 2 more)"


def test_warnings_of_jobs_are_joined_under_their_text(tmp_path):
    write_log(tmp_path, "encode_clips/a", "warning: no native bfloat16 here", "features: done")
    write_log(tmp_path, "encode_clips/b", "warning: no native bfloat16 here")
    write_log(tmp_path, "publish_dataset", "warning: not locked: [Errno 95] no [results/x/dataset]")
    assert collected(tmp_path) == [
        Caution("no native bfloat16 here", ("encode_clips/a", "encode_clips/b")),
        Caution("not locked: [Errno 95] no", ("results/x/dataset",)),
    ]


def test_only_the_logs_that_count_are_read(tmp_path):
    write_log(tmp_path, "encode_clips/old", "warning: of a job that the study no longer has")
    assert collected(tmp_path, [tmp_path / "logs" / "missing.log"]) == []


def test_results_are_asked_and_not_the_logs_that_a_kill_may_have_taken(tmp_path):
    write_log(tmp_path, "adapt_stream/main/hope_seed0", "resuming at step 3")
    write_product(tmp_path, DEAD)
    assert collected(tmp_path) == [Caution(DEAD["text"], tuple(DEAD["about"]))]


def test_what_the_results_say_is_not_said_twice(tmp_path):
    write_log(tmp_path, "hope_seed0", "caution: CMS level cms_16 is dead [main_hope_seed0_order0]")
    write_product(tmp_path, DEAD)
    assert len(collected(tmp_path)) == 1


@pytest.mark.parametrize(
    "source", ["training/hope_seed0/gate.json", "adaptation/a/b/stream.parquet"]
)
def test_before_the_summary_and_after_a_newer_result_the_jobs_are_asked(tmp_path, source):
    write_log(tmp_path, "train_predictor/hope_seed0", "caution: gate not passed [hope seed 0]")
    expected = [Caution("gate not passed", ("hope seed 0",))]
    assert collected(tmp_path) == expected
    product = write_product(tmp_path, DEAD)
    path = tmp_path / source
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    os.utime(path, ns=(0, product.stat().st_mtime_ns + 1))
    assert collected(tmp_path) == expected


def test_the_product_says_nothing_of_the_runs_of_a_sweep(tmp_path):
    write_log(tmp_path, "tune_method/hope_rate1_seed0", "caution: diverged [tuning_hope]")
    write_log(tmp_path, "adapt_stream/main/hope_seed0", "caution: diverged [main_hope]")
    write_product(tmp_path, DEAD)
    assert [one.about for one in collected(tmp_path)] == [tuple(DEAD["about"]), ("tuning_hope",)]


@pytest.mark.parametrize("content", ["", '{"cautions": [', "{}", '{"cautions": [1]}', "[]"])
def test_a_damaged_product_is_none(content, tmp_path):
    write_log(tmp_path, "train_predictor/hope_seed0", "caution: gate not passed [hope seed 0]")
    (tmp_path / "cautions.json").write_text(content)
    assert collected(tmp_path) == [Caution("gate not passed", ("hope seed 0",))]


def test_the_end_of_a_run_says_when_there_is_nothing():
    assert block([]) == "No warnings."


def test_the_end_of_a_run_is_one_block():
    cautions = [Caution("gate not passed", ("hope seed 0",)), Caution("dead", ("a", "b"))]
    assert block(cautions).splitlines() == [
        "2 warnings:",
        "  gate not passed (1: hope seed 0)",
        "  dead (2: a, b)",
    ]
