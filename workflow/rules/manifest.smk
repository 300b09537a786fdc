"""The manifest: every file of the finished study, its sha256, and the job that made it."""


rule write_manifest:
    input:
        html=result("report.html"),
        settings=result("settings.json"),
        index=result("features/index.json"),
    output:
        manifest=result("manifest.json"),
    log:
        log_of("write_manifest"),
    benchmark:
        benchmark_of("write_manifest")
    localrule: True
    conda:
        "../../envs/driver.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
        gpu=0,
        disk_mb=10,
    params:
        code=lambda wildcards: code_of("write_manifest"),
    message:
        "Write the manifest"
    script:
        "../scripts/write_manifest.py"
