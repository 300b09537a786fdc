"""Evaluation: the tables of all runs joined, metrics and gates."""


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
        methods=section("adaptation")["methods"],
        encoder=section("encoder"),
        evaluation=section("evaluation"),
        episode_clips=study.simulation.episode_clips,
        code=fingerprint("hopeworld.evaluation.summary"),
    message:
        "Join the tables of all runs and compute the metrics"
    script:
        "../scripts/summarise_study.py"
