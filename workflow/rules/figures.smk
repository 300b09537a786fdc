"""Figures of the study itself: the protocol, the clips, the training, its variants."""


rule draw_protocol:
    input:
        stream=result("tables/stream.parquet"),
        probes=result("tables/probes.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("protocol"),
    log:
        log_of("draw_protocol"),
    benchmark:
        benchmark_of("draw_protocol")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        simulation=simulation_of(stream_parts()),
        adaptation=methods_section(CONTESTANTS, STREAMS),
        probe=asdict(study.splits["probe"]),
        code=lambda wildcards: code_of("draw_protocol"),
    message:
        "Draw the protocol"
    script:
        "../scripts/draw_protocol.py"


rule draw_clip_strips:
    input:
        table_a=result("clips/probe_A/00000.h5"),
        videos_a=result("clips/probe_A/00000"),
        table_b=result("clips/probe_B/00000.h5"),
        videos_b=result("clips/probe_B/00000"),
        metrics=result("metrics.json"),
    output:
        **figure_files("clip_strips"),
    log:
        log_of("draw_clip_strips"),
    benchmark:
        benchmark_of("draw_clip_strips")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures", methods=[]),
        simulation=simulation_of(PROBE),
        camera=section("camera"),
        clip=0,
        code=lambda wildcards: code_of("draw_clip_strips"),
    message:
        "Draw a clip in both domains beside the sliding law"
    script:
        "../scripts/draw_clip_strips.py"


rule draw_training_curves:
    input:
        history=result("tables/history.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("training_curves"),
    log:
        log_of("draw_training_curves"),
    benchmark:
        benchmark_of("draw_training_curves")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures", methods=[]),
        gate_skill=study.training.gate_skill,
        code=lambda wildcards: code_of("draw_training_curves"),
    message:
        "Draw the training curves"
    script:
        "../scripts/draw_training_curves.py"


rule draw_variants:
    input:
        ablation=result("tables/ablation.csv"),
        metrics=result("metrics.json"),
    output:
        **figure_files("variants"),
    log:
        log_of("draw_variants"),
    benchmark:
        benchmark_of("draw_variants")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures", methods=[]),
        code=lambda wildcards: code_of("draw_variants"),
    message:
        "Draw what each switch does"
    script:
        "../scripts/draw_variants.py"
