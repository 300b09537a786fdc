"""Targets: one stage by name."""

FIGURES = (
    "protocol",
    "clip_strips",
    "training_curves",
    "online_loss",
    "paired_gain",
    "forgetting_recovery",
    "titan_diagnostics",
)


ABLATION = ("tables/ablation.csv", "tables/ablation.tex") if study.variants else ()


rule clips:
    input:
        tables(*all_parts()),
        result("validity.json"),
    localrule: True


rule features:
    input:
        features(*all_parts()),
    localrule: True


rule training:
    input:
        trainings("training/{model}_seed{seed}/weights.safetensors"),
        trainings("training/{model}_seed{seed}/gate.json"),
    localrule: True


rule adaptation:
    input:
        runs("adaptation/{method}_seed{seed}_order{order}/stream.parquet"),
    localrule: True


rule tuning:
    input:
        result("tables/tuning.csv") if any(study.adaptation.tuning.values()) else [],
    localrule: True


rule evaluation:
    input:
        result("metrics.json"),
        result("tables/gate.csv"),
        result("tables/final_losses.csv"),
        result("tables/final_losses.tex"),
        [result(path) for path in ABLATION],
    localrule: True


rule figures:
    input:
        expand(result("figures/{name}.{suffix}"), name=FIGURES, suffix=("pdf", "png", "csv")),
    localrule: True


rule report:
    input:
        result("report.html"),
    localrule: True
