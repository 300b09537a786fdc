"""The data set: clips, states, forces and masks in a folder for others to use."""


rule publish_dataset:
    input:
        tables=tables(*clip_parts()),
        videos=[path.removesuffix(".h5") for path in tables(*clip_parts())],
        validity=result("validity.json"),
    output:
        folder=report(
            directory(result("dataset")),
            patterns=["sheets/{part,probe_[AB]}.png"],
            caption="../report/dataset.rst",
            category="4 Data set",
            labels={"contact sheet": "{part}"},
        ),
        record=record_of("publish_dataset"),
    log:
        log_of("publish_dataset"),
    benchmark:
        benchmark_of("publish_dataset")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
        gpu=0,
        disk_mb=100 + 4 * len(tables(*clip_parts())),
    params:
        study=study.study,
        sections={
            "simulation": simulation_of(clip_parts()),
            **{n: section(n) for n in ("appearance", "camera", "splits", "store", "dataset")},
        },
        figures=section("figures", methods=[]),
        papers={name: (ROOT / name).read_text() for name in ("LICENSE", "CITATION.cff")},
        clips_code=lambda wildcards: code_of("simulate_clips"),
        code=lambda wildcards: code_of("publish_dataset"),
    message:
        "Publish the clips as a data set"
    script:
        "../scripts/publish_dataset.py"
