"""Evaluation: the tables of all runs joined, metrics and gates; variants compared."""


rule summarise_study:
    input:
        streams=runs("adaptation/{stream}/{method}_seed{seed}/stream.parquet"),
        probes=runs("adaptation/{stream}/{method}_seed{seed}/probes.parquet"),
        memories=runs("adaptation/{stream}/{method}_seed{seed}/memory.parquet"),
        centres=runs("adaptation/{stream}/{method}_seed{seed}/centres.parquet"),
        costs=runs("adaptation/{stream}/{method}_seed{seed}/cost.json", ["main"]),
        histories=trainings("training/{model}_seed{seed}/history.parquet"),
        gates=trainings("training/{model}_seed{seed}/gate.json"),
        # That it is there is what counts: an error in the clips ends the study before it.
        validity=ancient(result("validity.json")),
    output:
        stream=result("tables/stream.parquet"),
        probes=result("tables/probes.parquet"),
        memory=result("tables/memory.parquet"),
        centres=result("tables/centres.parquet"),
        history=result("tables/history.parquet"),
        final_losses_csv=report(
            result("tables/final_losses.csv"),
            caption="../report/final_losses.rst",
            category="3 Tables",
            labels={"table": "T1 final losses", "format": "CSV"},
        ),
        final_losses_tex=result("tables/final_losses.tex"),
        metrics_csv=report(
            result("tables/metrics.csv"),
            caption="../report/metrics.rst",
            category="3 Tables",
            labels={"table": "T2 metrics", "format": "CSV"},
        ),
        metrics_tex=result("tables/metrics.tex"),
        costs_csv=report(
            result("tables/costs.csv"),
            caption="../report/costs.rst",
            category="3 Tables",
            labels={"table": "T3 costs", "format": "CSV"},
        ),
        costs_tex=result("tables/costs.tex"),
        gate=report(
            result("tables/gate.csv"),
            caption="../report/gate.rst",
            category="1 Gate",
            labels={"table": "gate of every training", "format": "CSV"},
        ),
        metrics=result("metrics.json"),
        cautions=result("cautions.json"),
        record=record_of("summarise_study"),
    log:
        log_of("summarise_study"),
    benchmark:
        benchmark_of("summarise_study")
    conda:
        "../../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
        gpu=0,
        disk_mb=2000,
    params:
        study=study.study,
        seeds=list(study.seeds),
        orders=list(study.orders),
        methods=methods_section(running_methods())["methods"],
        streams=stream_plans(),
        kinds=predictor_kinds(),
        oracles=trained_on_b(),
        encoder=encoder_section(),
        evaluation=section("evaluation", rolling_clips=1),
        verdict=section("verdict", only=RUN_RULES),
        episode_clips=study.simulation.episode_clips,
        clip_norms=clip_norms(),
        code=lambda wildcards: code_of("summarise_study"),
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
            labels={"table": "ablation", "format": "CSV"},
        ),
        tex=result("tables/ablation.tex"),
        record=record_of("compare_variants"),
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
        variants=running_variants(),
        methods=methods_section(study.adaptation.running_in("main"))["methods"],
        code=lambda wildcards: code_of("compare_variants"),
    message:
        "Compare the variants"
    script:
        "../scripts/compare_variants.py"
