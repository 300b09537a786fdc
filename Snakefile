"""Can HOPE make adaptive world models of video? One workflow from simulation to figures."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

ROOT = Path(str(workflow.current_basedir)).resolve()
sys.path.insert(0, str(ROOT / "workflow" / "src"))

import yaml

from hopeworld import checks, config_files, files, jobs, settings

jobs.lend_package()

CONFIG = ROOT / "config" / "config.yaml"

try:
    config_files.require_plain([CONFIG, *workflow.overwrite_configfiles])
except settings.SettingsError as error:
    sys.exit(f"error: {error}")


configfile: str(CONFIG)


# Encoders that can be fetched; any other name is a folder or a file of the user's.
FETCHED = yaml.safe_load((ROOT / "resources" / "weights.yaml").read_text())

try:
    study = checks.parse(config)
    settings.require_weights(study.encoder.weights, FETCHED)
    files.require_writable(".snakemake")
except (settings.SettingsError, files.NotWritable) as error:
    # One line, without the place in this file that a WorkflowError would add.
    sys.exit(f"error: {error}")


report: "workflow/report/workflow.rst"


include: "workflow/rules/layout.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/dependence.smk"
include: "workflow/rules/captions.smk"
include: "workflow/rules/budget.smk"
include: "workflow/rules/endings.smk"
include: "workflow/rules/simulation.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/leakage.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/adaptation.smk"
include: "workflow/rules/probing.smk"
include: "workflow/rules/examples.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/verdict.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/stream_figures.smk"
include: "workflow/rules/comparison_figures.smk"
include: "workflow/rules/memory_figures.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/manifest.smk"


rule all:
    default_target: True
    input:
        rules.report.input,
        # The report has them in it; here they are made again where one was removed.
        rules.figures.input,
        rules.evaluation.input,
        rules.dataset.input,
        result("features/index.json"),
        result("manifest.json"),


onstart:
    keep_bars_apart()
    check_writable()
    check_budget(workflow.dag.needrun_jobs())


onsuccess:
    tell_warnings()


onerror:
    tell_warnings()
    tell_failures()
