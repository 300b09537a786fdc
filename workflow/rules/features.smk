"""Features: the frozen V-JEPA 2 encoder, its weights and its shards."""


rule fetch_weights:
    output:
        record=weights_record("{weights}"),
    log:
        "logs/fetch_weights/{weights}.log",
    benchmark:
        "logs/fetch_weights/{weights}.tsv"
    localrule: True
    conda:
        "../../envs/encoder.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=240,
        gpu=0,
        disk_mb=lambda wildcards: 1 + FETCHED[wildcards.weights]["bytes"] // 10**6,
    params:
        weights=lambda wildcards: wildcards.weights,
        entry=lambda wildcards: FETCHED[wildcards.weights],
    message:
        "Fetch the encoder weights {wildcards.weights} and compare their sha256"
    script:
        "../scripts/fetch_weights.py"


rule encode_clips:
    input:
        table=result("clips/{split}_{domain}/{shard}.h5"),
        videos=result("clips/{split}_{domain}/{shard}"),
        weights=encoder_weights,
    output:
        features=result("features/{split}_{domain}/{shard}.h5"),
        record=record_of("encode_clips/{split}_{domain}_{shard}"),
    log:
        log_of("encode_clips/{split}_{domain}_{shard}"),
    benchmark:
        benchmark_of("encode_clips/{split}_{domain}_{shard}")
    conda:
        "../../envs/encoder.yaml"
    # The one stage that gains from a second core; all others are many small jobs.
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=GPU,
        disk_mb=feature_mb(),
    params:
        encoder=encoder_section(),
        image_px=study.camera.image_px,
        steps=CLIP_FRAMES // TUBELET_FRAMES,
        code=lambda wildcards: code_of("encode_clips"),
    message:
        "Encode clips {wildcards.split} {wildcards.domain}, shard {wildcards.shard}"
    script:
        "../scripts/encode_clips.py"


rule index_features:
    input:
        **leakage_features(),
        features=features(*used_parts()),
    output:
        index=result("features/index.json"),
        record=record_of("index_features"),
    log:
        log_of("index_features"),
    benchmark:
        benchmark_of("index_features")
    conda:
        "../../envs/encoder.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
        gpu=0,
        disk_mb=10,
    params:
        code=lambda wildcards: code_of("index_features"),
    message:
        "Write the index of the features"
    script:
        "../scripts/index_features.py"
