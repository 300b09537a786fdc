"""Examples: one held-out clip as every method predicts it, for the pictures."""


rule predict_example:
    input:
        weights=trained_weights,
        states=STATES,
        rates=tuned_rates,
        features=features(PROBE[1]),
        tables=tables(PROBE[1]),
    output:
        example=result("examples/{method}_seed{seed}.safetensors"),
        record=record_of("predict_example/{method}_seed{seed}"),
    log:
        log_of("predict_example/{method}_seed{seed}"),
    benchmark:
        benchmark_of("predict_example/{method}_seed{seed}")
    conda:
        "../../envs/predictor.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
        gpu=GPU,
        disk_mb=50,
    params:
        method=lambda wildcards: wildcards.method,
        seed=lambda wildcards: int(wildcards.seed),
        order=study.orders[0],
        adaptation=with_twin,
        tuned_as=tuned_as,
        code=lambda wildcards: code_of("predict_example", model_of(wildcards)),
    message:
        "Predict the example clip with {wildcards.method}, seed {wildcards.seed}"
    script:
        "../scripts/predict_example.py"
