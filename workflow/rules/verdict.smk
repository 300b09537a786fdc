"""The verdict: one rule, written in the settings before the study runs, applied to its metrics."""


rule decide_verdict:
    input:
        metrics=result("metrics.json"),
    output:
        verdict=result("verdict.json"),
        contrasts=report(
            result("tables/contrasts.csv"),
            caption="../report/verdict.rst",
            category="3 Tables",
            labels={"table": "contrasts and verdict", "format": "CSV"},
        ),
        record=record_of("decide_verdict"),
    log:
        log_of("decide_verdict"),
    benchmark:
        benchmark_of("decide_verdict")
    conda:
        "../../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
        disk_mb=10,
    params:
        verdict=section("verdict"),
        methods=methods_section(CONTESTANTS)["methods"],
        oracles=oracles(),
        code=lambda wildcards: code_of("decide_verdict"),
    message:
        "Apply the rule of the verdict"
    script:
        "../scripts/decide_verdict.py"
