"""Adaptation: every method on every stream, once per seed; rates on a stream of their own."""


rule fit_closed_form:
    input:
        features=features(("train", "A")),
        tables=tables(("train", "A")),
    output:
        weights=result("training/{formula}_seed{seed}/weights.safetensors"),
        record=record_of("fit_closed_form/{formula}_seed{seed}"),
    log:
        log_of("fit_closed_form/{formula}_seed{seed}"),
    benchmark:
        benchmark_of("fit_closed_form/{formula}_seed{seed}")
    wildcard_constraints:
        formula="|".join(settings.CLOSED_FORM),
    conda:
        "../../envs/predictor.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
        gpu=0,
        disk_mb=10,
    params:
        formula=lambda wildcards: wildcards.formula,
        code=lambda wildcards: code_of("fit_closed_form"),
    message:
        "Fit {wildcards.formula}"
    script:
        "../scripts/fit_closed_form.py"


rule adapt_stream:
    input:
        unpack(stream_clips),
        weights=trained_weights,
        decoder=result("probing/decoder.safetensors"),
        rates=tuned_rates,
    output:
        stream=result("adaptation/{stream}/{method}_seed{seed}/stream.parquet"),
        probes=result("adaptation/{stream}/{method}_seed{seed}/probes.parquet"),
        memory=result("adaptation/{stream}/{method}_seed{seed}/memory.parquet"),
        centres=result("adaptation/{stream}/{method}_seed{seed}/centres.parquet"),
        cost=result("adaptation/{stream}/{method}_seed{seed}/cost.json"),
        states=directory(result("adaptation/{stream}/{method}_seed{seed}/states")),
        record=record_of("adapt_stream/{stream}/{method}_seed{seed}"),
    log:
        log_of("adapt_stream/{stream}/{method}_seed{seed}"),
    benchmark:
        benchmark_of("adapt_stream/{stream}/{method}_seed{seed}")
    conda:
        "../../envs/predictor.yaml"
    # One thread: the runs are many and small, and sums have one order.
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=GPU,
        disk_mb=500,
    params:
        stream=lambda wildcards: wildcards.stream,
        method=lambda wildcards: wildcards.method,
        seed=lambda wildcards: int(wildcards.seed),
        orders=list(study.orders),
        probes=lambda wildcards: [domain for _, domain in probes(wildcards.stream)],
        adaptation=run_section,
        tuned_as=tuned_as,
        code=lambda wildcards: code_of("adapt_stream", model_of(wildcards)),
    message:
        "Run {wildcards.method}, seed {wildcards.seed}, on the stream {wildcards.stream}"
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
        probe_features=features(("validation", "A")),
        probe_tables=tables(("validation", "A")),
    output:
        stream=result("tuning/{method}_rate{rate}_seed{seed}/stream.parquet"),
        probes=result("tuning/{method}_rate{rate}_seed{seed}/probes.parquet"),
        memory=result("tuning/{method}_rate{rate}_seed{seed}/memory.parquet"),
        record=record_of("tune_method/{method}_rate{rate}_seed{seed}"),
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
        code=lambda wildcards: code_of("tune_method", model_of(wildcards)),
    message:
        "Tune {wildcards.method}, rate {wildcards.rate}, seed {wildcards.seed}"
    script:
        "../scripts/tune_method.py"


rule compare_rates:
    input:
        streams=tuning_runs("tuning/{method}_rate{rate}_seed{seed}/stream.parquet"),
        probes=tuning_runs("tuning/{method}_rate{rate}_seed{seed}/probes.parquet"),
    output:
        table=result("tables/tuning.csv"),
        rates=result("tables/tuned_rates.json"),
        record=record_of("compare_rates"),
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
        seeds=list(study.adaptation.tuning_seeds),
        code=lambda wildcards: code_of("compare_rates"),
    message:
        "Compare the rates on the tuning stream"
    script:
        "../scripts/compare_rates.py"
