"""A failed job's cause, from its log."""

from __future__ import annotations

from hopeworld.failures import block, cause


def test_the_last_word_of_a_log_is_the_cause(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("features: 1/2 clips\nTraceback\nerror: KeyError: 'name' (loop.py:7)\n\n")
    assert cause(log) == "KeyError: 'name' (loop.py:7)"


def test_a_log_that_ends_without_a_word_is_of_a_killed_job(tmp_path):
    log = tmp_path / "job.log"
    for text in ("", "hope seed 0: 3/40 steps, 1 steps/s, 0:00:37 left\n"):
        log.write_text(text)
        assert cause(log).startswith("it ended without a word: killed from outside")


def test_without_a_log_the_job_did_not_begin(tmp_path):
    assert cause(tmp_path / "job.log") == "it ended before it began; Snakemake says why above"


def test_every_failed_job_has_its_cause_and_its_log(tmp_path):
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    for log in logs:
        log.write_text(f"error: reason {log.stem}\n")
    assert block([("train (Train b)", logs[1]), ("encode (Encode a)", logs[0])]).splitlines() == [
        "2 jobs failed:",
        "  encode (Encode a): reason a",
        f"    log: {logs[0]}",
        "  train (Train b): reason b",
        f"    log: {logs[1]}",
    ]
