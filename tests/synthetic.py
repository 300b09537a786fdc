"""Tables of a study that never ran, with known gain, half-life, forgetting and recovery."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from hopeworld import files, schema, settings
from hopeworld.evaluation.summary import Outputs, Sources, SummaryJob
from tests import synthetic_analysis, synthetic_training
from tests.synthetic_truth import ABLATION as ABLATION
from tests.synthetic_truth import (
    CLIPS,
    ENCODER,
    EVALUATION,
    FROZEN,
    KINDS,
    PERSISTENCE,
    REGION_SCALE,
    RUN_RULES,
    STREAMS,
    TRUTHS,
    Truth,
    gain_of,
    method,
    methods,
)
from tests.synthetic_truth import VERDICT as VERDICT

PROBE_EVERY = 16
DIAGNOSE_EVERY = 4
TRANSITIONS = 7


def identity(stream: str, name: str, seed: int, order: int) -> dict[str, object]:
    """The columns that all rows of a run share."""
    run = f"{stream}_{name}_seed{seed}_order{order}"
    return {"run": run, "stream": stream, "seed": seed, "order": order, "method": name}


def stream(
    name: str,
    truth: Truth,
    seed: int = 0,
    order: int = 0,
    clips: dict[str, int] = CLIPS,
    plan: str = "main",
) -> pd.DataFrame:
    """The stream table of one run, without `loss_frozen`; `plan` is a name of `STREAMS`."""
    phase = np.repeat(list(clips), list(clips.values()))
    domains = np.repeat([*STREAMS[plan], "B"][: len(clips)], list(clips.values()))
    count, truth = len(phase), truth.within(plan)
    shared = np.random.default_rng([order, 1]).uniform(0.7, 1.3, count)
    own = np.random.default_rng([seed, order, len(name)])
    frozen = shared * np.array([FROZEN[d] for d in domains]) + truth.base + 0.004 * seed
    clip_loss = frozen - gain_of(truth, clips) + truth.noise * own.standard_normal(count)
    copy = shared * np.array([PERSISTENCE[d] for d in domains])
    parts = [
        _rows(kind, t, region, phase, clip_loss, copy)
        for kind in ("online", "rollout")
        for t in (range(TRANSITIONS) if kind == "online" else range(1, TRANSITIONS + 1))
        for region in schema.REGIONS
    ]
    rows = pd.concat(parts, ignore_index=True)
    adapts = truth.gain > 0
    rows = rows.assign(
        **identity(plan, name, seed, order),
        grad_norm_pre=0.3 if adapts else np.nan,
        clipped=False,
        drift=0.001 * rows["k"] if adapts else 0.0,
        time_ms=12.0 if truth.model == "vit_ac" else 15.0,
    )
    columns = [c for c in schema.STREAM if c != "loss_frozen"]
    return rows.sort_values(["k", "kind", "t", "region"])[columns].reset_index(drop=True)


def _rows(kind, t, region, phase, clip_loss, copy) -> pd.DataFrame:
    profile = 1.0 if kind == "online" else 0.9 + 0.15 * t
    spread = 0.2 * (t - 3) / 3 if kind == "online" else 0.0
    scale = REGION_SCALE[region] * (profile + spread)
    k = np.arange(len(phase))
    return pd.DataFrame(
        {
            "k": k,
            "phase": phase,
            "clip": k,
            "t": t,
            "kind": kind,
            "region": region,
            "loss": clip_loss * scale,
            "persistence": copy * scale,
        }
    )


def probes(
    name: str,
    truth: Truth,
    seed: int = 0,
    order: int = 0,
    clips: dict[str, int] = CLIPS,
    plan: str = "main",
) -> pd.DataFrame:
    """The probe table of one run: A forgets `excess` by the end of B, B gains `gain`."""
    truth, ends = truth.within(plan), np.cumsum(list(clips.values())).tolist()
    n1, n2, *_, end = ends
    rows = []
    for k in sorted({0, *ends, *range(0, end, PROBE_EVERY)}):
        seen = min(max(k - n1, 0), clips["B"])
        learnt = 1 - 2.0 ** (-seen / truth.half_life)
        back = 2.0 ** (-max(k - n2, 0) / truth.recovery_half_life)
        scale = (1 - 2.0 ** (-clips["B"] / truth.half_life)) if truth.excess else 1.0
        on_a = FROZEN["A"] + truth.base + truth.excess * learnt / scale * back
        on_b = FROZEN["B"] + truth.base - truth.gain * learnt * (0.5 + 0.5 * back)
        phase = list(clips)[np.searchsorted(ends, k)] if k else "start"
        for domain, loss in (("A", on_a), ("B", on_b)):
            for region, factor in REGION_SCALE.items():
                value = (loss + 0.004 * seed) * factor
                rows.append((k, phase, domain, region, value, PERSISTENCE[domain] * factor))
    table = pd.DataFrame(rows, columns=["k", "phase", "domain", "region", "loss", "persistence"])
    return table.assign(**identity(plan, name, seed, order))[list(schema.PROBES)]


def memory(
    name: str,
    truth: Truth,
    seed: int = 0,
    order: int = 0,
    clips: dict[str, int] = CLIPS,
    plan: str = "main",
) -> pd.DataFrame:
    """The memory table of one run: surprise rises at the change and falls, deltas grow."""
    columns = list(schema.MEMORY)
    if KINDS[truth.model] != "hope":
        return pd.DataFrame(columns=columns)
    phase = np.repeat(list(clips), list(clips.values()))
    domain = np.repeat([*STREAMS[plan], "B"][: len(clips)], list(clips.values()))
    noise = np.random.default_rng([seed, len(name)])
    carried = name != truth.twin
    rows = []
    for k in range(0, len(phase), DIAGNOSE_EVERY):
        since = k - clips["A1"]
        jump = 0.3 * 2.0 ** (-since / 10) if domain[k] == "B" and carried else 0.0
        jump += 0.3 if domain[k] == "B" and not carried else 0.0
        for t in (0, 3, 6):
            for layer in range(2):
                wobble = 1 + 0.05 * noise.standard_normal()
                before = (0.8 + jump - 0.05 * t) * wobble
                grown = (0.05 + 0.15 * (1 - 2.0 ** (-k / 20))) if carried else 0.02 + 0.005 * t
                values = [("memory", "surprise_before", before), ("memory", "drift", grown)]
                values += [("memory", "surprise_after", 0.6 * before)]
                values += [("memory", "grad_norm", 0.2 * before), ("memory", "gate", 0.6)]
                values += [(m, "grad_norm", 0.02 * before) for m in ("k", "v")]
                values += [(m, "drift", 0.3 * grown) for m in ("k", "v")]
                for head in range(2):
                    rows += [(k, phase[k], t, layer, head, *value) for value in values]
                for index, period in enumerate((1, 4, 16)):
                    size = 0.02 * (1 - 2.0 ** (-k / (5 * 4**index))) if carried else 0.0
                    rows.append((k, phase[k], t, layer, -1, f"cms_{period}", "delta", size))
    table = pd.DataFrame(
        rows, columns=["k", "phase", "t", "layer", "head", "memory", "name", "value"]
    )
    return table.assign(**identity(plan, name, seed, order))[columns]


def job(
    seeds: tuple[int, ...] = (0, 1),
    orders: tuple[int, ...] = (0, 1),
    truths: dict[str, Truth] = TRUTHS,
    clips: dict[str, int] = CLIPS,
    streams: Collection[str] = tuple(STREAMS),
) -> SummaryJob:
    """The summary job of the synthetic study."""
    models = sorted({truth.model for truth in truths.values()})
    return SummaryJob(
        study="synthetic",
        seeds=seeds,
        orders=orders,
        methods=methods(truths),
        streams={
            name: settings.StreamPlan(STREAMS[name], tuple(clips.values()), tuple(truths))
            for name in streams
        },
        kinds={model: KINDS[model] for model in models},
        oracles=(),
        clip_norms=dict.fromkeys(models, 1.0),
        encoder=ENCODER,
        evaluation=EVALUATION,
        verdict=RUN_RULES,
        episode_clips=4,
    )


def write_study(
    folder: Path,
    seeds: tuple[int, ...] = (0, 1),
    passed: bool = True,
    clips: dict[str, int] = CLIPS,
    truths: dict[str, Truth] = TRUTHS,
    orders: tuple[int, ...] = (0, 1),
    streams: Collection[str] = tuple(STREAMS),
) -> Sources:
    """Write the files of every run of the synthetic study, and the tables of its analysis."""
    found: dict[str, list[Path]] = {n: [] for n in ("streams", "probes", "memories", "centres")}
    found["costs"] = []
    for plan in streams:
        for name, truth in truths.items():
            for seed in seeds:
                at = folder / "adaptation" / plan / f"{name}_seed{seed}"
                written = write_run(at, plan, name, truth, seed, orders, clips)
                for key, path in written.items():
                    found[key].append(path)
    trained = [m for m in dict.fromkeys(t.model for t in truths.values()) if m != "mean_map"]
    for key in ("histories", "gates"):
        found[key] = []
    for model in trained:
        for seed in seeds:
            at = folder / "training" / f"{model}_seed{seed}"
            at.mkdir(parents=True)
            synthetic_training.history(model, seed).to_parquet(at / "history.parquet", index=False)
            files.write_json(at / "gate.json", synthetic_training.gate(model, seed, passed))
            found["histories"].append(at / "history.parquet")
            found["gates"].append(at / "gate.json")
    synthetic_analysis.write(folder, methods(truths), seeds, orders)
    return Sources(**{name: tuple(paths) for name, paths in found.items()})


def write_run(
    at: Path,
    plan: str,
    name: str,
    truth: Truth,
    seed: int,
    orders: tuple[int, ...],
    clips: dict[str, int],
) -> dict[str, Path]:
    """Write the files of one stream, method and seed, all orders in each."""
    at.mkdir(parents=True)
    paths = {}
    for key, file, rows in (
        ("streams", "stream", stream),
        ("probes", "probes", probes),
        ("memories", "memory", memory),
        ("centres", "centres", centres),
    ):
        paths[key] = at / f"{file}.parquet"
        parts = [rows(name, truth, seed, order, clips, plan) for order in orders]
        pd.concat(parts, ignore_index=True).to_parquet(paths[key], index=False)
    paths["costs"] = at / "cost.json"
    files.write_json(paths["costs"], synthetic_analysis.cost(name, method(truth, name), seed))
    return paths


def centres(
    name: str,
    truth: Truth,
    seed: int = 0,
    order: int = 0,
    clips: dict[str, int] = CLIPS,
    plan: str = "main",
) -> pd.DataFrame:
    """The centre table of one run: predictions stop short in B, less so after learning."""
    gain = gain_of(truth.within(plan), clips)
    domains = np.repeat([*STREAMS[plan], "B"][: len(clips)], list(clips.values()))
    short = np.where(domains == "B", 0.25, 0.05) + truth.base - 4.0 * gain
    phase = np.repeat(list(clips), list(clips.values()))
    table = synthetic_analysis.centres(phase, domains, short, order)
    return table.assign(**identity(plan, name, seed, order))[list(schema.CENTRES)]


def outputs(folder: Path) -> Outputs:
    """Where the summary of the synthetic study goes."""
    tables = folder / "tables"
    return Outputs(
        stream=tables / "stream.parquet",
        probes=tables / "probes.parquet",
        memory=tables / "memory.parquet",
        centres=tables / "centres.parquet",
        history=tables / "history.parquet",
        final_losses_csv=tables / "final_losses.csv",
        final_losses_tex=tables / "final_losses.tex",
        metrics_csv=tables / "metrics.csv",
        metrics_tex=tables / "metrics.tex",
        costs_csv=tables / "costs.csv",
        costs_tex=tables / "costs.tex",
        gate=tables / "gate.csv",
        metrics=folder / "metrics.json",
        cautions=folder / "cautions.json",
    )
