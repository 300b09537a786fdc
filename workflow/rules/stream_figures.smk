"""Figures of the streams: losses, gains, forgetting, recovery."""


rule draw_online_loss:
    input:
        stream=result("tables/stream.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("online_loss"),
    log:
        log_of("draw_online_loss"),
    benchmark:
        benchmark_of("draw_online_loss")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        evaluation=section("evaluation"),
        code=lambda wildcards: code_of("draw_online_loss"),
    message:
        "Draw the online loss over the stream"
    script:
        "../scripts/draw_online_loss.py"


rule draw_paired_gain:
    input:
        stream=result("tables/stream.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("paired_gain"),
    log:
        log_of("draw_paired_gain"),
    benchmark:
        benchmark_of("draw_paired_gain")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        evaluation=section("evaluation"),
        code=lambda wildcards: code_of("draw_paired_gain"),
    message:
        "Draw the gain over the frozen twin"
    script:
        "../scripts/draw_paired_gain.py"


rule draw_forgetting_recovery:
    input:
        metrics=result("metrics.json"),
    output:
        **figure_files("forgetting_recovery"),
    log:
        log_of("draw_forgetting_recovery"),
    benchmark:
        benchmark_of("draw_forgetting_recovery")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        code=lambda wildcards: code_of("draw_forgetting_recovery"),
    message:
        "Draw forgetting against recovery"
    script:
        "../scripts/draw_forgetting_recovery.py"


rule draw_probe_curves:
    input:
        probes=result("tables/probes.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("probe_curves"),
    log:
        log_of("draw_probe_curves"),
    benchmark:
        benchmark_of("draw_probe_curves")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        code=lambda wildcards: code_of("draw_probe_curves"),
    message:
        "Draw the loss on held-out clips"
    script:
        "../scripts/draw_probe_curves.py"


rule draw_recovery:
    input:
        stream=result("tables/stream.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("recovery"),
    log:
        log_of("draw_recovery"),
    benchmark:
        benchmark_of("draw_recovery")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        evaluation=section("evaluation", rolling_clips=1),
        code=lambda wildcards: code_of("draw_recovery"),
    message:
        "Draw the first clips back in A"
    script:
        "../scripts/draw_recovery.py"
