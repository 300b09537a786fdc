"""Figures that compare methods: over the horizon, over rates, and in the verdict."""


rule draw_horizon:
    input:
        metrics=result("metrics.json"),
    output:
        **figure_files("horizon"),
    log:
        log_of("draw_horizon"),
    benchmark:
        benchmark_of("draw_horizon")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        code=lambda wildcards: code_of("draw_horizon"),
    message:
        "Draw the loss over the horizon"
    script:
        "../scripts/draw_horizon.py"


rule draw_physics_probe:
    input:
        metrics=result("metrics.json"),
    output:
        **figure_files("physics_probe"),
    log:
        log_of("draw_physics_probe"),
    benchmark:
        benchmark_of("draw_physics_probe")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        code=lambda wildcards: code_of("draw_physics_probe"),
    message:
        "Draw the error of the predicted centre"
    script:
        "../scripts/draw_physics_probe.py"


rule draw_learning_rates:
    input:
        tuning=result("tables/tuning.csv"),
        metrics=result("metrics.json"),
    output:
        **figure_files("learning_rates"),
    log:
        log_of("draw_learning_rates"),
    benchmark:
        benchmark_of("draw_learning_rates")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures", methods=[]),
        code=lambda wildcards: code_of("draw_learning_rates"),
    message:
        "Draw what every rate costs"
    script:
        "../scripts/draw_learning_rates.py"


rule draw_contrasts:
    input:
        contrasts=result("tables/contrasts.csv"),
        verdict=result("verdict.json"),
        metrics=result("metrics.json"),
    output:
        **figure_files("contrasts"),
    log:
        log_of("draw_contrasts"),
    benchmark:
        benchmark_of("draw_contrasts")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures", methods=[]),
        alpha=study.verdict.alpha,
        confidence=study.verdict.confidence,
        code=lambda wildcards: code_of("draw_contrasts"),
    message:
        "Draw the contrasts with the verdict"
    script:
        "../scripts/draw_contrasts.py"
