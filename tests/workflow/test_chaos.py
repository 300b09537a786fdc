"""Five kills in CI; `make chaos` kills sixty times, from an empty folder."""

from __future__ import annotations

import shutil

import pytest
from tests.chaos.comparison import Comparison
from tests.chaos.rounds import Log, kill_rounds
from tests.chaos.study import Study
from tests.chaos.victims import Killer, usual_durations_s

pytestmark = [pytest.mark.slow, pytest.mark.chaos]

STREAM = "adaptation/placebo/hope_seed0"
TARGETS = ("training", "leakage", "dataset", f"results/smoke/{STREAM}/stream.parquet")
FORGOTTEN = ("clips/leakage_A", "leakage/tubelet/A", "training/hope_seed0", STREAM)


def test_five_kills_of_a_shortened_study_change_no_byte(smoke, run, tmp_path):
    """Clips, features, a training, a stream and the data set are made again, under fire."""

    def begin(number: int) -> Study:
        for name in FORGOTTEN:
            shutil.rmtree(run.results / name)
        (run.results / "tables" / "leakage.csv").unlink()
        return Study(run.clone, run.folder, TARGETS)

    killer = Killer(0, usual_durations_s(smoke.results), mean_delay_s=5.0)
    log = Log(tmp_path / "chaos.log")
    assert kill_rounds(5, begin, killer, Comparison(smoke.results), log) == []
