"""What each switch does: one row per contestant, from metrics.json and the settings.

A contestant is described by what differs from the base: its predictor from the one that it is a
variant of, and its method from the first contestant of that predictor that learns online. Losses
are L1 on object patches in LayerNorm space, lower is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hopeworld import files, settings
from hopeworld.evaluation.ablation_text import latex

QUANTITIES = {
    "skill": "object skill on validation clips of A",
    "skill_difference": "the same minus that of the base predictor of the same seed",
    "lost_share": "share of the skill that is lost without the true actions",
    "passed": "1 where the training passed the gate",
    "frozen_loss_B": "loss in B of the frozen twin",
    "loss_B": "loss in B",
    "gain_B": "their difference: what the stream taught",
    "forgetting_rate": "share of the skill on A that B destroyed",
    "carry_benefit": "loss over the stream, reset at every clip, minus that with carried state",
}
COMPARED = ("adapt", "learning_rate", "reset", "look_back_rate")


@dataclass(frozen=True)
class AblationJob:
    """The settings that the table depends on; `methods` has the contestants and their twins."""

    seeds: tuple[int, ...]
    models: settings.Models
    training: settings.Training
    variants: Mapping[str, settings.Variant]
    methods: Mapping[str, settings.Method]


def write(job: AblationJob, metrics: Mapping[str, Any], csv: Path, tex: Path) -> None:
    """Write the table as CSV and as LaTeX, atomically."""
    compared = table(job, metrics)
    with files.atomic(csv) as part:
        compared.to_csv(part, index=False, lineterminator="\n")
    with files.atomic(tex) as part:
        part.write_text(latex(compared, metrics))


def table(job: AblationJob, metrics: Mapping[str, Any]) -> pd.DataFrame:
    """One row per contestant: method, model, change, parameters, `QUANTITIES`.

    Each quantity has its mean over seeds under its name and a column `<name>_seed<n>` per seed. NA,
    or a run that diverged, is empty, and so is then the mean: one of the seeds would mislead. A
    frozen twin is in the row of its contestant.
    """
    twins = {m.twin for name, m in job.methods.items() if m.twin != name}
    return pd.DataFrame([_row(job, metrics, n) for n in job.methods if n not in twins])


def _row(job: AblationJob, metrics: Mapping[str, Any], name: str) -> dict[str, Any]:
    model = job.methods[name].model
    gates = {(gate["model"], gate["seed"]): gate for gate in metrics["gate"]["runs"]}
    row = {"method": name, "model": model, "change": change(job, name)}
    row["parameters"] = gates.get((model, job.seeds[0]), {}).get("parameters", np.nan)
    values = [_trained(job, gates, model, s) | _streamed(job, metrics, name, s) for s in job.seeds]
    for quantity in QUANTITIES:
        by_seed = np.array([value[quantity] for value in values], dtype=float)
        row[quantity] = float(by_seed.mean())
        row |= {f"{quantity}_seed{s}": v for s, v in zip(job.seeds, by_seed, strict=True)}
    return row


def _trained(job: AblationJob, gates: Mapping, model: str, seed: int) -> dict[str, float]:
    """What the training of one seed reached; NA for a predictor that is a formula."""
    if (model, seed) not in gates:
        return dict.fromkeys(("skill", "skill_difference", "lost_share", "passed"), float("nan"))
    gate = gates[model, seed]
    base = gates.get((kind(job, model), seed))
    difference = gate["skill"] - base["skill"] if base else float("nan")
    return {
        "skill": gate["skill"],
        "skill_difference": difference,
        "lost_share": gate["lost_share"],
        "passed": float(gate["passed"]),
    }


def _streamed(
    job: AblationJob, metrics: Mapping[str, Any], name: str, seed: int
) -> dict[str, float]:
    """What the stream of one seed showed, the mean over its orders."""
    partner = reset_partner(job.methods, name)
    carried = _run_mean(metrics, name, seed, "loss_stream")
    reset = _run_mean(metrics, partner, seed, "loss_stream") if partner else float("nan")
    return {
        "frozen_loss_B": _run_mean(metrics, job.methods[name].twin, seed, "loss_B"),
        "loss_B": _run_mean(metrics, name, seed, "loss_B"),
        "gain_B": _run_mean(metrics, name, seed, "adaptation_gain"),
        "forgetting_rate": _run_mean(metrics, name, seed, "forgetting_rate"),
        "carry_benefit": reset - carried,
    }


def _run_mean(metrics: Mapping[str, Any], method: str, seed: int, name: str) -> float:
    runs = [r for r in metrics["runs"].values() if (r["method"], r["seed"]) == (method, seed)]
    values = [float("nan") if run[name] is None else run[name] for run in runs]
    return float(np.mean(values))


def reset_partner(methods: Mapping[str, settings.Method], name: str) -> str | None:
    """The method that differs from a carrying one by its reset at every clip; None without one."""
    method = methods[name]
    if method.reset != "never":
        return None
    wanted = replace(method, reset="per_clip")
    found = (other for other, m in methods.items() if replace(m, twin=method.twin) == wanted)
    return next(found, None)


def kind(job: AblationJob, model: str) -> str:
    """The base predictor of a model."""
    return job.variants[model].of if model in job.variants else model


def change(job: AblationJob, name: str) -> str:
    """What differs from the base, `key: value` with commas; empty for the base itself."""
    method = job.methods[name]
    differing = _method_changes(job, method)
    if method.model in job.variants:
        variant = job.variants[method.model]
        model = _differing(variant.model, asdict(getattr(job.models, variant.of)))
        differing = model | _differing(variant.training, asdict(job.training)) | differing
    return ", ".join(f"{key}: {_words(value)}" for key, value in differing.items())


def _method_changes(job: AblationJob, method: settings.Method) -> dict[str, Any]:
    base = kind(job, method.model)
    learning = (m for n, m in job.methods.items() if m.model == base and m.twin != n)
    reference = asdict(next(learning, method))
    return _differing({key: asdict(method)[key] for key in COMPARED}, reference)


def _differing(changes: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if _words(value) != _words(base[key])}


def _words(value: Any) -> str:
    """A value as it stands in a configuration."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_words, value))}]"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
