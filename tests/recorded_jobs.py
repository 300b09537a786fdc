"""Jobs without Snakemake, run as the scripts of rules run them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from hopeworld import jobs, trained
from hopeworld.figures import style
from hopeworld.parquet import write_table as write_parquet
from hopeworld.state_files import save_state
from tests.small_models import GRID, WIDTH, small
from tests.tiny_features import write_features, write_table
from tests.unit.figures.test_style import FIGURES, METRICS

EVERYTHING = {
    "pdf": "figures/x.pdf",
    "png": "figures/x.png",
    "csv": "figures/x.csv",
    "shard": "features/x.h5",
    "clips": "clips/x.h5",
    "table": "tables/x.parquet",
    "weights": "training/x.safetensors",
    "state": "states/x.safetensors",
}


class Named(list):
    """Paths or values with names, as Snakemake hands them to a script."""

    def __init__(self, **named):
        super().__init__(named.values())
        self.items = named.items


def snakemake_job(rule: str, inputs: list[str], outputs: dict[str, str], **params) -> Named:
    """What a script finds as `snakemake`: paths below `results/tiny` of the working folder."""
    made = {name: f"results/tiny/{path}" for name, path in outputs.items()}
    return SimpleNamespace(
        rule=rule,
        wildcards=Named(seed="0"),
        params=Named(code="c0de", **params),
        input=[path if path.startswith("/") else f"results/tiny/{path}" for path in inputs],
        output=Named(**made, record=f"results/tiny/records/{rule}.json"),
        log=[f"results/tiny/logs/{rule}.log"],
        config={"compute": {"device": "cpu"}},
        scriptdir="/clone/workflow/scripts",
    )


@contextlib.contextmanager
def job(rule: str, inputs: list[str], outputs: dict[str, str], **params) -> Iterator[jobs.Job]:
    """Run a block as a job; its outputs are paths below `results/tiny`."""
    with jobs.running(snakemake_job(rule, inputs, outputs, **params)) as this:
        yield this


def tiny_study() -> Path:
    """Two jobs in a row, one of another target, and a file that older settings have left."""
    with job("simulate", [], {"table": "clips/a.txt", "videos": "clips/a"}) as this:
        this.outputs["videos"].mkdir(parents=True)
        (this.outputs["videos"] / "0.mp4").write_text("video")
        this.outputs["table"].write_text("table")
    with job("report", ["clips/a", "/far/weights.pt"], {"html": "report.html"}) as this:
        this.outputs["html"].write_text("page")
    with job("tune", ["clips/a"], {"table": "tuning.csv"}) as this:
        this.outputs["table"].write_text("rates")
    study = Path("results/tiny")
    (study / "old.csv").write_text("left")
    return study


def run_everything(number: int = 1, **params) -> dict[str, Path]:
    """A job that writes a file of every kind that carries a record, with a number in each."""
    with job("everything", [], EVERYTHING, **params) as this:
        write_everything(this.outputs, number)
    return this.outputs


def write_everything(made: dict[str, Path], number: int = 1) -> None:
    """A file of every kind, with a number in each."""
    predictor = small("vit_ac", seed=number)
    with style.styled(FIGURES):
        figure = style.new_figure(FIGURES, 2.0, METRICS)
        figure.subplots().plot([0, number])
        paths = {name: made[name] for name in ("pdf", "png", "csv")}
        style.save(figure, pd.DataFrame({"y": [0, number]}), style.Paths(**paths))
    write_features(made["shard"], [0, number])
    write_table(made["clips"], [0, number])
    write_parquet(pd.DataFrame({"y": np.arange(3) + number, "name": "a"}), made["table"])
    about = trained.Metadata("vit_ac", predictor.settings, 0, 1, GRID, WIDTH, {"weights": "x"})
    trained.save_weights(made["weights"], predictor.state_dict(), about)
    save_state(made["state"], predictor.initial(1), predictor)
