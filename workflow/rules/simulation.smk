"""Clips: one object, one push, two domains."""


rule simulate_clips:
    output:
        table=result("clips/{split}_{domain}/{shard}.h5"),
        videos=directory(result("clips/{split}_{domain}/{shard}")),
        record=record_of("simulate_clips/{split}_{domain}_{shard}"),
    log:
        log_of("simulate_clips/{split}_{domain}_{shard}"),
    benchmark:
        benchmark_of("simulate_clips/{split}_{domain}_{shard}")
    conda:
        "../../envs/simulation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
        gpu=0,
        disk_mb=100,
    params:
        split=lambda wildcards: wildcards.split,
        domain=lambda wildcards: wildcards.domain,
        clips=shard_range,
        simulation=clip_simulation,
        appearance=section("appearance"),
        camera=section("camera"),
        code=lambda wildcards: code_of("simulate_clips"),
    message:
        "Simulate and draw clips {wildcards.split} {wildcards.domain}, shard {wildcards.shard}"
    script:
        "../scripts/simulate_clips.py"


rule validate_clips:
    input:
        tables=tables(*clip_parts()),
    output:
        validity=result("validity.json"),
        record=record_of("validate_clips"),
    log:
        log_of("validate_clips"),
    benchmark:
        benchmark_of("validate_clips")
    conda:
        "../../envs/simulation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
        gpu=0,
        disk_mb=1,
    params:
        simulation=simulation_of(clip_parts()),
        code=lambda wildcards: code_of("validate_clips"),
    message:
        "Compare the clips with the sliding law"
    script:
        "../scripts/validate_clips.py"
