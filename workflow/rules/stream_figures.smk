"""Figures of the stream: losses, gains, forgetting, memories."""


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
        code=fingerprint("hopeworld.figures.online_loss"),
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
        code=fingerprint("hopeworld.figures.paired_gain"),
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
        code=fingerprint("hopeworld.figures.forgetting_recovery"),
    message:
        "Draw forgetting against recovery"
    script:
        "../scripts/draw_forgetting_recovery.py"


rule draw_titan_diagnostics:
    input:
        memory=result("tables/memory.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("titan_diagnostics"),
    log:
        log_of("draw_titan_diagnostics"),
    benchmark:
        benchmark_of("draw_titan_diagnostics")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        code=fingerprint("hopeworld.figures.titan_diagnostics"),
    message:
        "Draw the diagnostics of the memories"
    script:
        "../scripts/draw_titan_diagnostics.py"
