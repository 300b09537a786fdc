"""Adaptation: every method on the stream A1, B, A2, once per seed and order; rates on their own."""


rule adapt_stream:
    input:
        weights=trained_weights,
        a1_features=features(STREAM[0]),
        a1_tables=tables(STREAM[0]),
        b_features=features(STREAM[1]),
        b_tables=tables(STREAM[1]),
        a2_features=features(STREAM[2]),
        a2_tables=tables(STREAM[2]),
        probe_a_features=features(PROBE[0]),
        probe_a_tables=tables(PROBE[0]),
        probe_b_features=features(PROBE[1]),
        probe_b_tables=tables(PROBE[1]),
    output:
        stream=result("adaptation/{method}_seed{seed}_order{order}/stream.parquet"),
        probes=result("adaptation/{method}_seed{seed}_order{order}/probes.parquet"),
        memory=result("adaptation/{method}_seed{seed}_order{order}/memory.parquet"),
    log:
        log_of("adapt_stream/{method}_seed{seed}_order{order}"),
    benchmark:
        benchmark_of("adapt_stream/{method}_seed{seed}_order{order}")
    conda:
        "../../envs/predictor.yaml"
    # One thread: the runs are many and small, and sums have one order.
    threads: 1
    resources:
        mem_mb=3000,
        runtime=120,
        gpu=GPU,
        disk_mb=200,
    params:
        method=lambda wildcards: wildcards.method,
        seed=lambda wildcards: int(wildcards.seed),
        order=lambda wildcards: int(wildcards.order),
        adaptation=method_section,
        parts=["a1", "b", "a2", "probe_a", "probe_b"],
        code=lambda wildcards: model_code("hopeworld.adaptation.protocol", model_of(wildcards)),
    message:
        "Adapt {wildcards.method}, seed {wildcards.seed}, order {wildcards.order}"
    script:
        "../scripts/adapt_stream.py"


rule tune_method:
    input:
        weights=trained_weights,
        a1_features=features(TUNING[0]),
        a1_tables=tables(TUNING[0]),
        b_features=features(TUNING[1]),
        b_tables=tables(TUNING[1]),
        a2_features=features(TUNING[2]),
        a2_tables=tables(TUNING[2]),
    output:
        stream=result("tuning/{method}_rate{rate}_seed{seed}/stream.parquet"),
        probes=result("tuning/{method}_rate{rate}_seed{seed}/probes.parquet"),
        memory=result("tuning/{method}_rate{rate}_seed{seed}/memory.parquet"),
    log:
        log_of("tune_method/{method}_rate{rate}_seed{seed}"),
    benchmark:
        benchmark_of("tune_method/{method}_rate{rate}_seed{seed}")
    conda:
        "../../envs/predictor.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=GPU,
        disk_mb=200,
    params:
        method=lambda wildcards: wildcards.method,
        rate=lambda wildcards: float(wildcards.rate),
        seed=lambda wildcards: int(wildcards.seed),
        adaptation=method_section,
        parts=["a1", "b", "a2"],
        code=lambda wildcards: model_code("hopeworld.adaptation.protocol", model_of(wildcards)),
    message:
        "Tune {wildcards.method}, rate {wildcards.rate}, seed {wildcards.seed}"
    script:
        "../scripts/tune_method.py"


rule compare_rates:
    input:
        streams=tuning_runs("tuning/{method}_rate{rate}_seed{seed}/stream.parquet"),
    output:
        table=result("tables/tuning.csv"),
    log:
        log_of("compare_rates"),
    benchmark:
        benchmark_of("compare_rates")
    conda:
        "../../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
        disk_mb=10,
    params:
        tuning=section("adaptation")["tuning"],
        seeds=list(study.seeds),
        code=fingerprint("hopeworld.evaluation.tuning"),
    message:
        "Compare the rates on the tuning stream"
    script:
        "../scripts/compare_rates.py"
