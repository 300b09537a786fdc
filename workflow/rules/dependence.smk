"""What a job depends on beside its files: settings and code, for `params`; and what it runs on."""

import functools
from dataclasses import asdict

from hopeworld.provenance import closure, fingerprint

PREDICTORS = {"vit_ac": "hopeworld.models.vit_ac", "hope": "hopeworld.models.hope.model"}

SETTINGS = asdict(study)

# One GPU for each job of a stage that uses one. `compute.device` is nobody's param: it changes where
# a result comes from, not what it is.
GPU = int(study.compute.device == "cuda")
DRAWING = {"mem_mb": 2000, "runtime": 20, "gpu": 0, "disk_mb": 20}
# Of the verdict's settings, those that metrics of a run depend on.
RUN_RULES = ("motion_bins", "collapse_ratio", "collapse_clips")


def section(name, only=None, **unused):
    """A section of the settings as plain values: some keys, or all, those unused at a fixed value."""
    whole = SETTINGS[name] | unused
    return whole if only is None else {key: whole[key] for key in only}


def encoder_section(**changed):
    """The settings of the encoder; the seed is that of random weights and of no others."""
    unused = {} if study.encoder.weights == "random" else {"seed": 0}
    return section("encoder", **unused, **changed)


def model_kind(wildcards):
    """What the job's predictor is: vit_ac or hope."""
    return settings.model_kind(study, wildcards.model)


def model_section(wildcards):
    """The settings of the job's predictor."""
    return asdict(settings.model_settings(study, wildcards.model))


def training_clips(wildcards):
    """The feature shards and clip tables that a training reads, by split and domain."""
    training = settings.training_settings(study, wildcards.model)
    parts = [(s, d) for s in ("train", "validation") for d in training.domains]
    kinds = {"features": features, "tables": tables}
    return {f"{s}_{d}_{kind}": of((s, d)) for s, d in parts for kind, of in kinds.items()}


def matched_gate(wildcards):
    """The gate of the training whose skill a training stops at; none where it takes all steps."""
    match = settings.training_settings(study, wildcards.model).match
    if match in ("", wildcards.model):
        return []
    return [result(f"training/{match}_seed{wildcards.seed}/gate.json")]


def simulation_of(parts):
    """The physics of some (split, domain): no severity but theirs."""
    known = section("simulation")["severities"]
    shown = {domain for _, domain in parts}
    return section("simulation", severities={n: known[n] for n in known if n in shown})


def clip_simulation(wildcards):
    """The physics that a clip depends on."""
    return simulation_of([(wildcards.split, wildcards.domain)])


def training_section(wildcards):
    """How the job's predictor is trained."""
    return asdict(settings.training_settings(study, wildcards.model))


def methods_section(names, streams=()):
    """The settings of adaptation with some methods and streams and no others, untuned."""
    used = [study.adaptation.methods[name] for name in names]
    whole = section("adaptation") | settings.idle_rules(used)
    return whole | {
        "contestants": list(names),
        "methods": {name: whole["methods"][name] for name in names},
        "runs": list(streams),
        "streams": {name: whole["streams"][name] for name in streams},
        "rates": "given",
        "tuning": {},
        "tuning_seeds": [],
    }


def method_section(wildcards):
    """The settings of adaptation with the job's method and no other."""
    return methods_section([wildcards.method])


def run_section(wildcards):
    """The settings of adaptation with the job's method and stream and no others."""
    return methods_section([wildcards.method], [wildcards.stream])


@functools.cache
def code_of(rule, model=None):
    """The fingerprint of a rule's script; of a job that runs one predictor, without the others."""
    others = ()
    if model is not None:
        kind = settings.model_kind(study, model)
        needed = closure(PREDICTORS[kind]) if kind in PREDICTORS else ()
        others = [other for other in PREDICTORS.values() if other not in needed]
        # What such a job warns of stands in its log alone; the summary of runs asks again.
        others.append("hopeworld.health")
    return fingerprint(ROOT / "workflow" / "scripts" / f"{rule}.py", without=others)
