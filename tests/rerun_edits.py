"""Edit → jobs of the default study that rerun: the data of the test and of docs/reruns.md.

`python -m tests.rerun_edits` rewrites the tables of the document.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hopeworld.marks import between
from tests.rerun_jobs import (
    ADAPTED,
    ADAPTING,
    ANALYSED,
    CONFIG,
    DRAWN,
    ENCODED,
    EVERYTHING,
    HOPE,
    INDEXED,
    LAST,
    LEAKAGE,
    MEASURED,
    OF_METHODS,
    ONE_MORE_SEED,
    PUBLISHED,
    SEEDS,
    TRAINED,
    VIT_TTA,
    drawn,
    in_words,
)
from tests.snakemake_runs import ROOT

PAGE = ROOT / "docs" / "reruns.md"
PACKAGE = "workflow/src/hopeworld"
SCRIPTS = "workflow/scripts"
RULES = "workflow/rules"
FIRST_SHARD = "results/default/features/train_A/00000.h5"
TRACKED = ("Snakefile", "workflow", "config", "envs", "profiles", "resources", "LICENSE")
TTA = round(0.9 * CONFIG["adaptation"]["methods"]["vit_tta"]["learning_rate"], 6)


@dataclass(frozen=True)
class Edit:
    """What a user does to a finished study, and the jobs that run again.

    words: as the table says it. settings: an overlay. change: what is done to the clone.
    """

    words: str
    jobs: dict[str, int]
    settings: str = ""
    change: Callable[[Path], None] | None = None


def added(file: str, text: str) -> Callable[[Path], None]:
    """Add lines at the end of a file of the clone."""

    def change(clone: Path) -> None:
        with (clone / file).open("a") as opened:
            opened.write(text)

    return change


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Write `new` wherever a file of the clone has `old`."""

    def change(clone: Path) -> None:
        text = (clone / file).read_text()
        assert old in text, f"{file} has no {old!r}"
        (clone / file).write_text(text.replace(old, new))

    return change


def touched(*patterns: str) -> Callable[[Path], None]:
    """Give files of the clone the time of now."""

    def change(clone: Path) -> None:
        files = [path for pattern in patterns for path in clone.glob(pattern)]
        assert files, f"there is no {patterns}"
        for path in files:
            os.utime(path)

    return change


def removed(file: str) -> Callable[[Path], None]:
    """Remove a file of the clone."""
    return lambda clone: (clone / file).unlink()


def checked_out(clone: Path) -> None:
    """Commit the workflow, remove it, and check it out again: every file is new."""
    person = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("init",), ("add", *TRACKED), (*person, "commit", "-m", "all")):
        subprocess.run(["git", "-C", clone, *arguments], check=True, capture_output=True)
    for name in TRACKED:
        path = clone / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    subprocess.run(["git", "-C", clone, "checkout", "--", "."], check=True, capture_output=True)


def another_study(clone: Path) -> None:
    """Results of another study, newer than all."""
    folder = clone / "results" / "other" / "features" / "train_A"
    folder.mkdir(parents=True)
    (folder / "00000.h5").write_text("other")


def settings(key: str, text: str, jobs: dict[str, int]) -> Edit:
    """An edit of a setting by its dotted key; `text` is its new value in YAML."""
    *sections, name = key.split(".")
    opened = "".join(f"{section}: {{" for section in sections)
    return Edit(f"`{key}`", jobs, settings=f"{opened}{name}: {text}{'}' * len(sections)}")


def code(words: str, file: str, jobs: dict[str, int]) -> Edit:
    """An edit of code: one more definition in a file."""
    return Edit(words, jobs, change=added(file, "UNUSED = 1\n"))


NOTHING: dict[str, int] = {}
SETTINGS = [
    settings("figures.text_width_in", "5.0", DRAWN | PUBLISHED),
    settings("figures.font_pt", "7.0", DRAWN | PUBLISHED),
    settings("figures.methods", "[hope]", drawn(*OF_METHODS)),
    settings("dataset.preview_clips", "5", PUBLISHED),
    settings("dataset.severities", "[mild]", PUBLISHED | {"validate_clips": 1}),
    settings("verdict.alpha", "0.01", drawn("contrasts") | {"decide_verdict": 1}),
    settings("verdict.collapse_ratio", "1.5", MEASURED),
    settings("evaluation.rolling_clips", "5", drawn("online_loss", "paired_gain")),
    settings("evaluation.final_share", "0.5", MEASURED),
    settings("evaluation.confidence", "0.9", MEASURED | ANALYSED | LEAKAGE),
    settings("leakage.folds", "4", LEAKAGE),
    settings("leakage.modes", "[clip]", LEAKAGE | INDEXED),
    settings("adaptation.runs", "[main]", MEASURED | INDEXED),
    settings("adaptation.contestants", "[vit_tta, hope]", MEASURED),
    settings("adaptation.methods.vit_tta.learning_rate", f"{TTA}", VIT_TTA),
    settings("adaptation.clip_norm", "0.5", ADAPTING),
    settings("adaptation.probe_every", "8", ADAPTED),
    settings("models.hope.depth", "3", HOPE),
    settings("training.learning_rate", "1.0e-3", TRAINED),
    settings("training.gate_skill", "0.3", TRAINED),
    settings("encoder.seed", "1", ENCODED),
    settings("simulation.domain_b.mass_scale", "0.75", EVERYTHING),
    settings("appearance.checker_m", "0.5", EVERYTHING),
    settings("simulation.out_of_range_force_n", "[14.0, 18.0]", EVERYTHING),
    settings("appearance.held_out_shapes", "[box]", EVERYTHING),
    settings("seeds", f"{[*SEEDS, 77]}", ONE_MORE_SEED),
    settings("orders", f"{[*CONFIG['orders'], 77]}", ADAPTED),
    settings("splits.tuning_1.a", "12", PUBLISHED | {"simulate_clips": 1, "validate_clips": 1}),
]
IDLE_SETTINGS = [
    settings("compute.device", "cuda", NOTHING),
    settings("adaptation.checkpoint_clips", "8", NOTHING),
    settings("adaptation.reset_every", "8", NOTHING),
    settings("adaptation.recovery_ratio", "1.2", NOTHING),
    settings("adaptation.methods.vit_full.learning_rate", "1.0e-5", NOTHING),
    settings("adaptation.streams.return.clips", "[24, 24, 24, 24]", NOTHING),
    settings("adaptation.tuning.hope", "[1.0, 10.0, 30.0, 100.0, 200.0]", NOTHING),
    settings("adaptation.tuning_seeds", "[0]", NOTHING),
    settings("simulation.severities.mass2", "{friction_scale: 1.0, mass_scale: 0.9}", NOTHING),
    settings("variants.hope_on_b.training", "{domains: [B], steps: 7}", NOTHING),
]
CODE = [
    code("a metric, `evaluation/metrics.py`", f"{PACKAGE}/evaluation/metrics.py", MEASURED),
    code("what is warned of, `health.py`", f"{PACKAGE}/health.py", MEASURED),
    code("a figure, `figures/protocol.py`", f"{PACKAGE}/figures/protocol.py", drawn("protocol")),
    code("the style of figures", f"{PACKAGE}/figures/style.py", DRAWN | PUBLISHED),
    code("what captions say of figures", f"{PACKAGE}/figures/claims.py", LAST),
    code("the data card, `dataset/card.py`", f"{PACKAGE}/dataset/card.py", PUBLISHED),
    code("the memory of HOPE, `models/hope/model.py`", f"{PACKAGE}/models/hope/model.py", HOPE),
    code("the streams, `adaptation/protocol.py`", f"{PACKAGE}/adaptation/protocol.py", ADAPTED),
    code("the training loop, `training/loop.py`", f"{PACKAGE}/training/loop.py", TRAINED),
    code("a script, `train_predictor.py`", f"{SCRIPTS}/train_predictor.py", TRAINED),
    code("a script, `draw_horizon.py`", f"{SCRIPTS}/draw_horizon.py", drawn("horizon")),
]
FILES = [
    Edit("a caption, `report/gate.rst`", LAST, change=added("workflow/report/gate.rst", "More.\n")),
    Edit(
        "what captions say, `captions.smk`",
        LAST,
        change=added("workflow/rules/captions.smk", "# Why.\n"),
    ),
    Edit("`LICENSE`", PUBLISHED, change=added("LICENSE", "More.\n")),
    Edit(
        "a figure removed", drawn("horizon"), change=removed("results/default/figures/horizon.pdf")
    ),
]
IDLE_FILES = [
    Edit("a comment", NOTHING, change=added(f"{PACKAGE}/training/loop.py", "# Why.\n")),
    Edit("a comment in a script", NOTHING, change=added(f"{SCRIPTS}/adapt_stream.py", "# Why.\n")),
    Edit("a docstring", NOTHING, change=added(f"{PACKAGE}/models/vit_ac.py", '"""More."""\n')),
    Edit(
        "line breaks", NOTHING, change=replaced(f"{PACKAGE}/features/encoder.py", "\n\n", "\n\n\n")
    ),
    code("a new setting, `settings.py`", f"{PACKAGE}/settings.py", NOTHING),
    code("a new check of settings, `checks.py`", f"{PACKAGE}/checks.py", NOTHING),
    code("the progress line, `progress.py`", f"{PACKAGE}/progress.py", NOTHING),
    code("the log of a job, `runlog.py`", f"{PACKAGE}/runlog.py", NOTHING),
    code("the choice of a GPU, `device.py`", f"{PACKAGE}/device.py", NOTHING),
    Edit("a rule's message", NOTHING, change=replaced(f"{RULES}/training.smk", '"Train ', '"Fit ')),
    Edit(
        "a rule's threads",
        NOTHING,
        change=replaced(f"{RULES}/features.smk", "threads: 2", "threads: 1"),
    ),
    Edit(
        "a rule's resources",
        NOTHING,
        change=replaced(f"{RULES}/figures.smk", "**DRAWING", "**DRAWING | {'mem_mb': 1}"),
    ),
    Edit("a profile", NOTHING, change=replaced("profiles/default/config.yaml", "gpu=1", "gpu=2")),
    Edit(
        "an environment, without `--use-conda`",
        NOTHING,
        change=added("envs/predictor.yaml", "  - pip\n"),
    ),
    Edit("a file of features touched", NOTHING, change=touched(FIRST_SHARD)),
    Edit("a table of clips touched", NOTHING, change=touched("results/default/clips/*/*.h5")),
    Edit(
        "weights touched", NOTHING, change=touched("results/default/training/*/weights.safetensors")
    ),
    Edit(
        "scripts and package touched",
        NOTHING,
        change=touched(f"{SCRIPTS}/*.py", f"{PACKAGE}/**/*.py"),
    ),
    Edit("a git checkout of all files", NOTHING, change=checked_out),
    Edit("results of another study", NOTHING, change=another_study),
]
ENVIRONMENTS = [
    Edit("`envs/figures.yaml`", DRAWN | PUBLISHED, change=added("envs/figures.yaml", "  - pip\n")),
    Edit("`envs/evaluation.yaml`", MEASURED, change=added("envs/evaluation.yaml", "  - pip\n")),
    Edit("`envs/encoder.yaml`", ENCODED, change=added("envs/encoder.yaml", "  - pip\n")),
    Edit("`envs/driver.yaml`", LAST, change=added("envs/driver.yaml", "  - pip\n")),
]
TABLES = {
    "settings": [*SETTINGS, *IDLE_SETTINGS],
    "code": CODE,
    "files": [*FILES, *IDLE_FILES],
    "environments": ENVIRONMENTS,
}


def with_tables(document: str) -> str:
    """The document with its tables as the data says."""
    for name, edits in TABLES.items():
        rows = [f"| {edit.words} | {in_words(edit.jobs)} |" for edit in edits]
        table = "\n".join(["| edit | runs again |", "|---|---|", *rows])
        marks = (f"<!-- {name}: start -->", f"<!-- {name}: end -->")
        document = between(document, marks, table, PAGE.name)
    return document


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
