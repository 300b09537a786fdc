"""What a job depends on beside its files: settings and code, for `params`; and what it runs on."""

import functools
import hashlib
import json
from dataclasses import asdict

from hopeworld.evaluation.labels import drawn
from hopeworld.provenance import closure, fingerprint, run_manifest

PREDICTORS = {"vit_ac": "hopeworld.models.vit_ac", "hope": "hopeworld.models.hope.model"}

# One GPU for each job of a stage that uses one. `compute.device` is nobody's param: it changes where
# a result comes from, not what it is.
GPU = int(study.compute.device == "cuda")
DRAWING = {"mem_mb": 2000, "runtime": 20, "gpu": 0, "disk_mb": 20}
VERSIONS = ("snakemake", "torch", "transformers", "pybullet", "numpy", "pandas", "matplotlib")


def section(name):
    """A section of the settings as plain values."""
    return asdict(getattr(study, name))


def model_kind(wildcards):
    """What the job's predictor is: vit_ac or hope."""
    return settings.model_kind(study, wildcards.model)


def model_section(wildcards):
    """The settings of the job's predictor."""
    return asdict(settings.model_settings(study, wildcards.model))


def training_section(wildcards):
    """How the job's predictor is trained."""
    return asdict(settings.training_settings(study, wildcards.model))


def methods_section(names):
    """The settings of adaptation with some methods and no others."""
    methods = {name: section("adaptation")["methods"][name] for name in names}
    return section("adaptation") | {"contestants": list(names), "methods": methods, "tuning": {}}


def method_section(wildcards):
    """The settings of adaptation with the job's method and no other."""
    return methods_section([wildcards.method])


@functools.cache
def model_code(module, model):
    """The fingerprint of `module` in a job that runs one kind of predictor and never the other."""
    needed = closure(PREDICTORS[settings.model_kind(study, model)])
    others = [other for other in PREDICTORS.values() if other not in needed]
    return fingerprint(module, without=others)


def findings():
    """What the captions of the report say of the metrics; empty before there are any."""
    path = Path(result("metrics.json"))
    metrics = json.loads(path.read_text()) if path.exists() else {}
    if "models" not in metrics:
        return {}
    shown = drawn(metrics["models"], metrics["kinds"])
    adapting = [name for name in shown if metrics["twins"][name] != name]
    gains = {name: metrics["methods"][name]["adaptation_gain"]["mean"] for name in adapting}
    return {"gate": metrics["gate"], "gains": gains}


def captions_hash():
    """A digest of the captions: an edit of one writes the report again."""
    captions = sorted((ROOT / "workflow" / "report").glob("*.rst"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in captions)).hexdigest()


# For the captions of the report alone: no rule has any of it in its params.
config["report"] = run_manifest(ROOT, dict(config), VERSIONS) | {"found": findings()}
