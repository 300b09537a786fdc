"""The report: one page that opens offline, with every figure and what it was made from."""


rule write_report:
    input:
        rules.figures.input,
        rules.evaluation.input,
        rules.dataset.input,
        result("validity.json"),
        result("cautions.json"),
    output:
        html=result("report.html"),
        settings=result("settings.json"),
        warnings=result("warnings.json"),
        record=record_of("write_report"),
    log:
        log_of("write_report"),
    benchmark:
        benchmark_of("write_report")
    localrule: True
    conda:
        "../../envs/driver.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
        gpu=0,
        disk_mb=100,
    params:
        captions=captions_hash(),
        claims=fingerprint("hopeworld.figures.claims"),
        code=lambda wildcards: code_of("write_report"),
    message:
        "Write the report"
    script:
        "../scripts/write_report.py"
