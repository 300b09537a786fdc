"""Targets: one stage by name."""

# What every study draws, what needs a method that learns, a memory, a sweep of rates, variants.
FIGURES = ["protocol", "clip_strips", "training_curves", "online_loss", "probe_curves", "horizon"]
FIGURES += ["physics_probe", "contrasts"]
if learning():
    FIGURES += ["paired_gain", "forgetting_recovery", "recovery", "memory_geometry"]
    FIGURES += ["error_maps", "feature_maps"]
if any(settings.model_kind(study, method.model) == "hope" for method in CONTESTANTS.values()):
    FIGURES += ["titan_diagnostics", "cms_levels"]
if study.adaptation.rates == "tuned":
    FIGURES += ["learning_rates"]
if study.leakage.modes:
    FIGURES += ["leakage"]

# Variants of an ablation; an oracle is none.
VARIED = [m.model for m in CONTESTANTS.values() if m.model in study.variants]
ABLATION = ("tables/ablation.csv", "tables/ablation.tex")
if any(
    study.variants[name].model or "domains" not in study.variants[name].training for name in VARIED
):
    FIGURES += ["variants"]
else:
    ABLATION = ()


rule clips:
    input:
        tables(*clip_parts()),
        result("validity.json"),
    localrule: True


rule dataset:
    input:
        result("dataset"),
    localrule: True


rule features:
    input:
        features(*encoded_parts()),
    localrule: True


rule leakage:
    input:
        [result("tables/leakage.csv")] if study.leakage.modes else [],
    localrule: True


rule training:
    input:
        trainings("training/{model}_seed{seed}/weights.safetensors"),
        trainings("training/{model}_seed{seed}/gate.json"),
    localrule: True


rule adaptation:
    input:
        runs("adaptation/{stream}/{method}_seed{seed}/stream.parquet"),
    localrule: True


rule tuning:
    input:
        result("tables/tuning.csv") if tuning_runs("{method}{rate}{seed}") else [],
    localrule: True


rule evaluation:
    input:
        result("metrics.json"),
        result("tables/gate.csv"),
        result("verdict.json"),
        expand(
            result("tables/{table}.{suffix}"),
            table=("final_losses", "metrics", "costs"),
            suffix=("csv", "tex"),
        ),
        result("tables/contrasts.csv"),
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
