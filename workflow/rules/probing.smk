"""Probing: what latents, states and predictions know, read out after the main stream."""

# What a run of the main stream had learnt by the end of each phase.
STATES = result("adaptation/main/{method}_seed{seed}/states")


rule fit_decoder:
    input:
        train_features=features(("train", "A")),
        train_tables=tables(("train", "A")),
        validation_features=features(("validation", "A")),
        validation_tables=tables(("validation", "A")),
        probe_features=features(PROBE[1]),
        probe_tables=tables(PROBE[1]),
    output:
        decoder=result("probing/decoder.safetensors"),
        accuracy=result("probing/decoder.json"),
        record=record_of("fit_decoder"),
    log:
        log_of("fit_decoder"),
    benchmark:
        benchmark_of("fit_decoder")
    conda:
        "../../envs/predictor.yaml"
    threads: 1
    resources:
        mem_mb=decoder_mb(),
        runtime=30,
        gpu=0,
        disk_mb=10,
    params:
        code=lambda wildcards: code_of("fit_decoder"),
    message:
        "Fit the decoder of the object's centre"
    script:
        "../scripts/fit_decoder.py"


rule analyse_memory:
    input:
        weights=trained_weights,
        states=STATES,
        rates=tuned_rates,
        a_features=features(PROBE[0]),
        a_tables=tables(PROBE[0]),
        b_features=features(PROBE[1]),
        b_tables=tables(PROBE[1]),
    output:
        transplant=result("probing/{method}_seed{seed}/transplant.csv"),
        geometry=result("probing/{method}_seed{seed}/geometry.csv"),
        separability=result("probing/{method}_seed{seed}/separability.csv"),
        record=record_of("analyse_memory/{method}_seed{seed}"),
    log:
        log_of("analyse_memory/{method}_seed{seed}"),
    benchmark:
        benchmark_of("analyse_memory/{method}_seed{seed}")
    conda:
        "../../envs/predictor.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=GPU,
        disk_mb=10,
    params:
        method=lambda wildcards: wildcards.method,
        seed=lambda wildcards: int(wildcards.seed),
        orders=list(study.orders),
        phases=main_phases(),
        adaptation=method_section,
        tuned_as=tuned_as,
        confidence=study.evaluation.confidence,
        code=lambda wildcards: code_of("analyse_memory", model_of(wildcards)),
    message:
        "Analyse what {wildcards.method}, seed {wildcards.seed}, has learnt"
    script:
        "../scripts/analyse_memory.py"


rule join_memory:
    input:
        transplant=analyses("transplant"),
        memory_geometry=analyses("geometry"),
        separability=analyses("separability"),
        memory=result("tables/memory.parquet"),
    output:
        transplant=result("tables/transplant.csv"),
        memory_geometry=result("tables/memory_geometry.csv"),
        separability=result("tables/separability.csv"),
        usefulness=result("tables/usefulness.csv"),
        record=record_of("join_memory"),
    log:
        log_of("join_memory"),
    benchmark:
        benchmark_of("join_memory")
    conda:
        "../../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
        disk_mb=10,
    params:
        stream="main",
        code=lambda wildcards: code_of("join_memory"),
    message:
        "Join the analyses of all runs"
    script:
        "../scripts/join_memory.py"
