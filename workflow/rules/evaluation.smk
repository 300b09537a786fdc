"""Evaluation: the tables of all runs joined, metrics and gates; variants compared."""


rule summarise_study:
    input:
        streams=runs("adaptation/{method}_seed{seed}_order{order}/stream.parquet"),
        probes=runs("adaptation/{method}_seed{seed}_order{order}/probes.parquet"),
        memories=runs("adaptation/{method}_seed{seed}_order{order}/memory.parquet"),
        histories=trainings("training/{model}_seed{seed}/history.parquet"),
        gates=trainings("training/{model}_seed{seed}/gate.json"),
        validity=result("validity.json"),
    output:
        stream=result("tables/stream.parquet"),
        probes=result("tables/probes.parquet"),
        memory=result("tables/memory.parquet"),
        history=result("tables/history.parquet"),
        final_losses_csv=report(
            result("tables/final_losses.csv"),
            caption="../report/final_losses.rst",
            category="3 Tables",
            labels={"table": "T1 final losses", "format": "CSV"},
        ),
        final_losses_tex=result("tables/final_losses.tex"),
        gate=report(
            result("tables/gate.csv"),
            caption="../report/gate.rst",
            category="1 Gate",
            labels={"table": "gate of every training", "format": "CSV"},
        ),
        metrics=result("metrics.json"),
    log:
        log_of("summarise_study"),
    benchmark:
        benchmark_of("summarise_study")
    conda:
        "../../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=0,
        disk_mb=1000,
    params:
        study=study.study,
        seeds=list(study.seeds),
        orders=list(study.orders),
        methods=methods_section(CONTESTANTS)["methods"],
        kinds={name: settings.model_kind(study, name) for name in used_models()},
        encoder=section("encoder"),
        evaluation=section("evaluation"),
        episode_clips=study.simulation.episode_clips,
        code=fingerprint("hopeworld.evaluation.summary"),
    message:
        "Join the tables of all runs and compute the metrics"
    script:
        "../scripts/summarise_study.py"


rule compare_variants:
    input:
        metrics=result("metrics.json"),
    output:
        csv=report(
            result("tables/ablation.csv"),
            caption="../report/ablation.rst",
            category="3 Tables",
            labels={"table": "T2 ablation", "format": "CSV"},
        ),
        tex=result("tables/ablation.tex"),
    log:
        log_of("compare_variants"),
    benchmark:
        benchmark_of("compare_variants")
    conda:
        "../../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
        disk_mb=10,
    params:
        seeds=list(study.seeds),
        models=section("models"),
        training=section("training"),
        variants=asdict(study)["variants"],
        methods=methods_section(CONTESTANTS)["methods"],
        code=fingerprint("hopeworld.evaluation.ablation"),
    message:
        "Compare the variants"
    script:
        "../scripts/compare_variants.py"
