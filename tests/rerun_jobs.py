"""The jobs of the default study in groups, counted from its settings, and in words."""

from __future__ import annotations

from tests.snakemake_runs import (
    FIGURES,
    feature_parts,
    leakage_jobs,
    learning,
    read_config,
    running,
    shard_count,
    stream_jobs,
)

CONFIG = read_config()
SEEDS = CONFIG["seeds"]
RUNS = CONFIG["adaptation"]["runs"]
LAST = {"write_report": 1, "write_manifest": 1}
DRAWN = LAST | dict.fromkeys(FIGURES, 1)
MEASURED = DRAWN | dict.fromkeys(("summarise_study", "join_memory", "decide_verdict"), 1)
PUBLISHED = LAST | {"publish_dataset": 1}
INDEXED = LAST | {"index_features": 1}
LEAKAGE = LAST | {"measure_leakage": 1, "draw_leakage": 1}
ANALYSED = {"analyse_memory": len(learning(CONFIG)) * len(SEEDS)}
ADAPTED = MEASURED | ANALYSED | {"predict_example": 2, "adapt_stream": stream_jobs(CONFIG)}
TRAINED = ADAPTED | {"train_predictor": 2 * len(SEEDS)}
HOPE = MEASURED | {
    "train_predictor": len(SEEDS),
    "adapt_stream": stream_jobs(CONFIG, "hope"),
    "analyse_memory": len(SEEDS),
    "predict_example": 1,
}
# A method on every stream that runs it, analysed once per seed.
VIT_TTA = MEASURED | {
    "adapt_stream": sum("vit_tta" in running(CONFIG, stream) for stream in RUNS) * len(SEEDS),
    "analyse_memory": len(SEEDS),
    "predict_example": 1,
}
# The methods that adapt parameters: vit_tta on every stream, vit_force_scale on main.
ADAPTING = VIT_TTA | {
    "adapt_stream": VIT_TTA["adapt_stream"] + len(SEEDS),
    "analyse_memory": 2 * len(SEEDS),
}
DECODED = {"fit_decoder": 1}
ENCODED = (
    TRAINED
    | DECODED
    | INDEXED
    | leakage_jobs(CONFIG)
    | {"encode_clips": shard_count(CONFIG, feature_parts(CONFIG))}
)
EVERYTHING = ENCODED | PUBLISHED | {"simulate_clips": shard_count(CONFIG), "validate_clips": 1}
ONE_MORE_SEED = MEASURED | {
    "train_predictor": 2,
    "adapt_stream": stream_jobs(CONFIG) // len(SEEDS),
    "analyse_memory": len(learning(CONFIG)),
}
# Figures that show the methods of `figures.methods`.
OF_METHODS = (
    "protocol",
    "online_loss",
    "probe_curves",
    "horizon",
    "physics_probe",
    "paired_gain",
    "forgetting_recovery",
    "recovery",
    "memory_geometry",
    "titan_diagnostics",
    "cms_levels",
)
ORDER = (
    "simulate_clips",
    "validate_clips",
    "publish_dataset",
    "encode_clips",
    "encode_leakage",
    "measure_leakage",
    "index_features",
    "fit_decoder",
    "train_predictor",
    "adapt_stream",
    "analyse_memory",
    "predict_example",
    "summarise_study",
    "join_memory",
    "decide_verdict",
    "compare_variants",
)


def drawn(*figures: str) -> dict[str, int]:
    """The jobs that draw some figures, and the report with them."""
    return LAST | {f"draw_{figure}": 1 for figure in figures}


def in_words(jobs: dict[str, int]) -> str:
    """The jobs as the document says them, in the order that they run.

    Report and manifest are left out beside others: whatever runs, they come last.
    """
    if not jobs:
        return "nothing"
    if jobs == EVERYTHING:
        return "everything"
    if jobs == LAST:
        return "the report"
    times = {rule: f" × {jobs[rule]}" if jobs[rule] > 1 else "" for rule in jobs}
    words = [f"`{rule}`{times[rule]}" for rule in ORDER if rule in jobs]
    figures = [rule for rule in jobs if rule.startswith("draw_")]
    if len(figures) == len(FIGURES):
        words.append(f"all {len(FIGURES)} figures")
    else:
        words += [f"`{rule}`" for rule in figures]
    return ", ".join(words)
