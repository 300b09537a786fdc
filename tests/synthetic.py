"""Tables of a study that never ran, with known gain, half-life, forgetting and recovery."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hopeworld import files, schema, settings
from hopeworld.evaluation.summary import Outputs, Sources, SummaryJob

CLIPS = {"A1": 32, "B": 64, "A2": 48}
PROBE_EVERY = 16
DIAGNOSE_EVERY = 4
FROZEN = {"A1": 0.195, "B": 0.344, "A2": 0.195}
PERSISTENCE = {"A1": 0.30, "B": 0.46, "A2": 0.30}
REGION_SCALE = {"object": 1.0, "background": 0.05, "all": 0.09}
TRANSITIONS = 7

EVALUATION = settings.Evaluation(
    final_share=0.25, recovery_clips=10, recovery_margin=0.01, rolling_clips=8, confidence=0.95
)
ENCODER = settings.Encoder(weights="random", seed=0, mode="tubelet", dtype="bfloat16", batch=16)


@dataclass(frozen=True)
class Truth:
    """What the metrics of a method must find; gain and excess in loss units, times in clips."""

    model: str = "vit_ac"
    twin: str = "vit_frozen"
    base: float = 0.0
    gain: float = 0.0
    half_life: float = 8.0
    excess: float = 0.0
    recovery_half_life: float = 6.0
    noise: float = 0.0


TRUTHS = {
    "vit_frozen": Truth(),
    "vit_tta": Truth(gain=0.032, half_life=12.0, excess=0.029, noise=0.004),
    "vit_tta_literal": Truth(gain=0.0, noise=0.004),
    "hope_frozen": Truth("hope", "hope_frozen", base=-0.012),
    "hope": Truth("hope", "hope_frozen", -0.012, 0.040, 5.0, 0.008, 3.0, 0.004),
}
# An ablation: HOPE alone, and a variant of it.
ABLATION = {
    "hope_frozen": TRUTHS["hope_frozen"],
    "hope": TRUTHS["hope"],
    "static_frozen": Truth("static", "static_frozen", base=-0.004),
    "static": Truth("static", "static_frozen", -0.004, 0.020, 5.0, 0.008, 3.0, 0.004),
}


def method(truth: Truth, name: str) -> settings.Method:
    """The settings of a contestant whose truth is given."""
    frozen, is_vit = name == truth.twin, truth.model == "vit_ac"
    adapts = is_vit and not frozen
    return settings.Method(
        model=truth.model,
        adapt="layer_norm" if adapts else "none",
        learning_rate=1e-2 if adapts else 0.0,
        scope="per_clip" if frozen and not is_vit else "carry",
        look_back_rate=0.0 if is_vit or frozen else 1.0,
        twin=truth.twin,
    )


def methods(truths: dict[str, Truth] = TRUTHS) -> dict[str, settings.Method]:
    """The contestants of the synthetic study."""
    return {name: method(truth, name) for name, truth in truths.items()}


def gain_of(truth: Truth, clips: dict[str, int]) -> np.ndarray:
    """The true gain g of every clip of the stream."""
    exposure = np.arange(1, clips["B"] + 1)
    since = np.arange(clips["A2"])
    rise = truth.gain * (1 - 2.0 ** (-exposure / truth.half_life))
    decay = -truth.excess * 2.0 ** (-since / truth.recovery_half_life)
    return np.concatenate([np.zeros(clips["A1"]), rise, decay])


def stream(
    name: str, truth: Truth, seed: int = 0, order: int = 0, clips: dict[str, int] = CLIPS
) -> pd.DataFrame:
    """The stream table of one run, without `loss_frozen`."""
    phase = np.repeat(list(clips), list(clips.values()))
    count = len(phase)
    shared = np.random.default_rng([order, 1]).uniform(0.7, 1.3, count)
    own = np.random.default_rng([seed, order, len(name)])
    frozen = shared * np.array([FROZEN[p] for p in phase]) + truth.base + 0.004 * seed
    clip_loss = frozen - gain_of(truth, clips) + truth.noise * own.standard_normal(count)
    copy = shared * np.array([PERSISTENCE[p] for p in phase])
    parts = [
        _rows(kind, t, region, phase, clip_loss, copy)
        for kind in ("online", "rollout")
        for t in (range(TRANSITIONS) if kind == "online" else range(1, TRANSITIONS + 1))
        for region in schema.REGIONS
    ]
    rows = pd.concat(parts, ignore_index=True)
    adapts = truth.gain > 0
    rows = rows.assign(
        run=f"{name}_seed{seed}_order{order}",
        seed=seed,
        order=order,
        method=name,
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
    name: str, truth: Truth, seed: int = 0, order: int = 0, clips: dict[str, int] = CLIPS
) -> pd.DataFrame:
    """The probe table of one run: A forgets `excess` by the end of B, B gains `gain`."""
    n1, n2 = clips["A1"], clips["A1"] + clips["B"]
    end = sum(clips.values())
    points = sorted({0, n1, n2, end, *range(0, end, PROBE_EVERY)})
    rows = []
    for k in points:
        seen = min(max(k - n1, 0), clips["B"])
        learnt = 1 - 2.0 ** (-seen / truth.half_life)
        back = 2.0 ** (-max(k - n2, 0) / truth.recovery_half_life)
        scale = (1 - 2.0 ** (-clips["B"] / truth.half_life)) if truth.excess else 1.0
        on_a = FROZEN["A1"] + truth.base + truth.excess * learnt / scale * back
        on_b = FROZEN["B"] + truth.base - truth.gain * learnt * (0.5 + 0.5 * back)
        phase = "start" if k == 0 else "A1" if k <= n1 else "B" if k <= n2 else "A2"
        for domain, loss, copy in (("A", on_a, 0.30), ("B", on_b, 0.46)):
            for region, factor in REGION_SCALE.items():
                value = (loss + 0.004 * seed) * factor
                rows.append((k, phase, domain, region, value, copy * factor))
    table = pd.DataFrame(rows, columns=["k", "phase", "domain", "region", "loss", "persistence"])
    run = f"{name}_seed{seed}_order{order}"
    table = table.assign(run=run, seed=seed, order=order, method=name)
    return table[list(schema.PROBES)]


def memory(
    name: str, truth: Truth, seed: int = 0, order: int = 0, clips: dict[str, int] = CLIPS
) -> pd.DataFrame:
    """The memory table of one run: surprise rises at the change and falls, deltas grow."""
    columns = list(schema.MEMORY)
    if truth.model == "vit_ac":
        return pd.DataFrame(columns=columns)
    phase = np.repeat(list(clips), list(clips.values()))
    noise = np.random.default_rng([seed, len(name)])
    carried = name != truth.twin
    rows = []
    for k in range(0, len(phase), DIAGNOSE_EVERY):
        since = k - clips["A1"]
        jump = 0.3 * 2.0 ** (-since / 10) if phase[k] == "B" and carried else 0.0
        jump += 0.3 if phase[k] == "B" and not carried else 0.0
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
    run = f"{name}_seed{seed}_order{order}"
    return table.assign(run=run, seed=seed, order=order, method=name)[columns]


def history(model: str, seed: int = 0, steps: int = 800) -> pd.DataFrame:
    """The training history of one run: losses fall, the object skill passes the gate late."""
    noise = np.random.default_rng([seed, len(model)])
    rows = []
    for step in range(0, steps + 1, 100):
        progress = 1 - 2.0 ** (-step / (180 if model == "hope" else 240))
        loss = 0.30 - 0.11 * progress + 0.003 * noise.standard_normal()
        for name, value in (
            ("teacher_forcing", loss),
            ("persistence", 0.28),
            ("mean_map", 0.40),
            ("zero_action", 0.30 - 0.03 * progress),
            ("shuffled_action", 0.30 - 0.02 * progress),
        ):
            rows += [(step, "validation", name, r, value * f) for r, f in REGION_SCALE.items()]
        rows.append((step, "validation", "skill", "object", 1 - loss / 0.28))
        without = 1 - (0.30 - 0.03 * progress) / 0.28
        rows.append((step, "validation", "skill_zero_action", "object", without))
        rows.append((step, "train", "loss", "all", loss * 0.09))
        rows.append((step, "train", "learning_rate", "all", 1e-3))
    table = pd.DataFrame(rows, columns=["step", "split", "name", "region", "value"])
    return table.assign(model=model, seed=seed)[list(schema.HISTORY)]


def gate(model: str, seed: int = 0, passed: bool = True) -> dict:
    """The gate of one training run."""
    return {
        "model": model,
        "seed": seed,
        "step": 800,
        "parameters": 1_220_000 if model == "vit_ac" else 1_230_000,
        "skill": (0.31 if passed else 0.05) - (0.02 + 0.01 * seed) * (model == "static"),
        "skill_zero_action": 0.02,
        "lost_share": 0.9,
        "passed": passed,
        "thresholds": {"gate_skill": 0.2, "gate_action_share": 0.25},
    }


def job(
    seeds: tuple[int, ...] = (0, 1),
    orders: tuple[int, ...] = (0,),
    truths: dict[str, Truth] = TRUTHS,
) -> SummaryJob:
    """The summary job of the synthetic study."""
    models = {truth.model for truth in truths.values()}
    return SummaryJob(
        study="synthetic",
        seeds=seeds,
        orders=orders,
        methods=methods(truths),
        kinds={model: "vit_ac" if model == "vit_ac" else "hope" for model in sorted(models)},
        encoder=ENCODER,
        evaluation=EVALUATION,
        episode_clips=4,
    )


def write_study(
    folder: Path,
    seeds: tuple[int, ...] = (0, 1),
    passed: bool = True,
    clips: dict[str, int] = CLIPS,
    truths: dict[str, Truth] = TRUTHS,
) -> Sources:
    """Write the files of every run of the synthetic study."""
    found: dict[str, list[Path]] = {n: [] for n in ("streams", "probes", "memories")}
    for name, truth in truths.items():
        for seed in seeds:
            at = folder / "adaptation" / f"{name}_seed{seed}_order0"
            at.mkdir(parents=True)
            for key, table in (
                ("streams", stream(name, truth, seed, clips=clips)),
                ("probes", probes(name, truth, seed, clips=clips)),
                ("memories", memory(name, truth, seed, clips=clips)),
            ):
                path = at / {"streams": "stream", "memories": "memory"}.get(key, key)
                table.to_parquet(path.with_suffix(".parquet"), index=False)
                found[key].append(path.with_suffix(".parquet"))
    histories, gates = [], []
    for model in dict.fromkeys(truth.model for truth in truths.values()):
        for seed in seeds:
            at = folder / "training" / f"{model}_seed{seed}"
            at.mkdir(parents=True)
            history(model, seed).to_parquet(at / "history.parquet", index=False)
            files.write_json(at / "gate.json", gate(model, seed, passed))
            histories.append(at / "history.parquet")
            gates.append(at / "gate.json")
    lists = {name: tuple(paths) for name, paths in found.items()}
    return Sources(**lists, histories=tuple(histories), gates=tuple(gates))


def outputs(folder: Path) -> Outputs:
    """Where the summary of the synthetic study goes."""
    tables = folder / "tables"
    return Outputs(
        stream=tables / "stream.parquet",
        probes=tables / "probes.parquet",
        memory=tables / "memory.parquet",
        history=tables / "history.parquet",
        final_losses_csv=tables / "final_losses.csv",
        final_losses_tex=tables / "final_losses.tex",
        gate=tables / "gate.csv",
        metrics=folder / "metrics.json",
    )
