"""Figures of the memories: diagnostics, levels, geometry; and one clip as it is predicted."""

# The methods whose predictions of one clip are shown: those of the question, else the first two.
LEARNING = [name for name, method in CONTESTANTS.items() if method.twin != name]
ASKED = (study.verdict.baseline, study.verdict.candidate)
EXAMPLES = [name for name in ASKED if name in CONTESTANTS] or LEARNING[:2]


rule draw_titan_diagnostics:
    input:
        memory=result("tables/memory.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("titan_diagnostics"),
    log:
        log_of("draw_titan_diagnostics"),
    benchmark:
        benchmark_of("draw_titan_diagnostics")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        code=lambda wildcards: code_of("draw_titan_diagnostics"),
    message:
        "Draw the diagnostics of the memories"
    script:
        "../scripts/draw_titan_diagnostics.py"


rule draw_cms_levels:
    input:
        memory=result("tables/memory.parquet"),
        metrics=result("metrics.json"),
    output:
        **figure_files("cms_levels"),
    log:
        log_of("draw_cms_levels"),
    benchmark:
        benchmark_of("draw_cms_levels")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        code=lambda wildcards: code_of("draw_cms_levels"),
    message:
        "Draw the levels of the continuum memory"
    script:
        "../scripts/draw_cms_levels.py"


rule draw_memory_geometry:
    input:
        geometry=result("tables/memory_geometry.csv"),
        transplant=result("tables/transplant.csv"),
        separability=result("tables/separability.csv"),
        usefulness=result("tables/usefulness.csv"),
        metrics=result("metrics.json"),
    output:
        **figure_files("memory_geometry"),
    log:
        log_of("draw_memory_geometry"),
    benchmark:
        benchmark_of("draw_memory_geometry")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures"),
        code=lambda wildcards: code_of("draw_memory_geometry"),
    message:
        "Draw what the stream leaves in the memories"
    script:
        "../scripts/draw_memory_geometry.py"


rule draw_error_maps:
    input:
        examples=expand(
            result("examples/{method}_seed{seed}.safetensors"),
            method=EXAMPLES,
            seed=study.seeds[:1],
        ),
        table=result("clips/probe_B/00000.h5"),
        videos=result("clips/probe_B/00000"),
        metrics=result("metrics.json"),
    output:
        **figure_files("error_maps"),
    log:
        log_of("draw_error_maps"),
    benchmark:
        benchmark_of("draw_error_maps")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures", methods=[]),
        methods=EXAMPLES,
        code=lambda wildcards: code_of("draw_error_maps"),
    message:
        "Draw where the predictions of one clip err"
    script:
        "../scripts/draw_error_maps.py"


rule draw_feature_maps:
    input:
        examples=expand(
            result("examples/{method}_seed{seed}.safetensors"),
            method=EXAMPLES,
            seed=study.seeds[:1],
        ),
        table=result("clips/probe_B/00000.h5"),
        videos=result("clips/probe_B/00000"),
        metrics=result("metrics.json"),
    output:
        **figure_files("feature_maps"),
    log:
        log_of("draw_feature_maps"),
    benchmark:
        benchmark_of("draw_feature_maps")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **DRAWING,
    params:
        figures=section("figures", methods=[]),
        methods=EXAMPLES,
        code=lambda wildcards: code_of("draw_feature_maps"),
    message:
        "Draw the features of one clip, true and predicted"
    script:
        "../scripts/draw_feature_maps.py"
