"""Leakage: what each mode of the encoder knows of the future before the push."""


# Only the latents that some clip has before its push; no study trains on them.
use rule encode_clips as encode_leakage with:
    input:
        table=result("clips/leakage_{domain}/{shard}.h5"),
        videos=result("clips/leakage_{domain}/{shard}"),
        weights=encoder_weights,
    output:
        features=result("leakage/{mode}/{domain}/{shard}.h5"),
        record=record_of("encode_leakage/{mode}_{domain}_{shard}"),
    log:
        log_of("encode_leakage/{mode}_{domain}_{shard}"),
    benchmark:
        benchmark_of("encode_leakage/{mode}_{domain}_{shard}")
    params:
        encoder=lambda wildcards: encoder_section(mode=wildcards.mode),
        steps=latents_at_rest(),
    message:
        "Encode clips leakage {wildcards.domain} by {wildcards.mode}, shard {wildcards.shard}"


rule measure_leakage:
    input:
        **leakage_features(),
        a_tables=tables(("leakage", "A")),
        b_tables=tables(("leakage", "B")),
    output:
        leakage=result("tables/leakage.csv"),
        record=record_of("measure_leakage"),
    log:
        log_of("measure_leakage"),
    benchmark:
        benchmark_of("measure_leakage")
    conda:
        "../../envs/predictor.yaml"
    threads: 1
    resources:
        mem_mb=leakage_mb(),
        runtime=60,
        gpu=0,
        disk_mb=1,
    params:
        modes=list(study.leakage.modes),
        folds=study.leakage.folds,
        confidence=study.evaluation.confidence,
        draws=study.evaluation.bootstrap_draws,
        code=lambda wildcards: code_of("measure_leakage"),
    message:
        "Measure what the latents before the push tell of the future"
    script:
        "../scripts/measure_leakage.py"


rule draw_leakage:
    input:
        leakage=result("tables/leakage.csv"),
        metrics=result("metrics.json"),
    output:
        **figure_files("leakage"),
    log:
        log_of("draw_leakage"),
    benchmark:
        benchmark_of("draw_leakage")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures", methods=[]),
        confidence=study.evaluation.confidence,
        code=lambda wildcards: code_of("draw_leakage"),
    message:
        "Draw what each mode of the encoder tells of the future"
    script:
        "../scripts/draw_leakage.py"
