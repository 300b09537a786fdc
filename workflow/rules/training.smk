"""Training: every predictor on the clips of its domains, once per seed."""


rule train_predictor:
    input:
        unpack(training_clips),
        matched=matched_gate,
    output:
        weights=result("training/{model}_seed{seed}/weights.safetensors"),
        last=result("training/{model}_seed{seed}/last.safetensors"),
        history=result("training/{model}_seed{seed}/history.parquet"),
        gate=result("training/{model}_seed{seed}/gate.json"),
        record=record_of("train_predictor/{model}_seed{seed}"),
    log:
        log_of("train_predictor/{model}_seed{seed}"),
    benchmark:
        benchmark_of("train_predictor/{model}_seed{seed}")
    wildcard_constraints:
        model="|".join(TRAINED),
    conda:
        "../../envs/predictor.yaml"
    # One thread: with the models side by side that is faster, and sums have one order.
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=GPU,
        disk_mb=1000,
    params:
        model=lambda wildcards: wildcards.model,
        kind=model_kind,
        seed=lambda wildcards: int(wildcards.seed),
        settings=model_section,
        training=training_section,
        code=lambda wildcards: code_of("train_predictor", wildcards.model),
    message:
        "Train {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/train_predictor.py"
