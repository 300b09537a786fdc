"""Where files are, and which shards there are."""

import math
import os
import typing

from hopeworld.settings import CLIP_FRAMES, PATCH_PX, SPLITS, TUBELET_FRAMES

RESULTS = f"results/{study.study}"
RESOURCES = os.path.relpath(ROOT / "resources")
DOMAINS = ("A", "B", *study.simulation.severities)
TUNING = (("tuning_1", "A"), ("tuning_2", "B"), ("tuning_3", "A"))
PROBE = (("probe", "A"), ("probe", "B"))
CONTESTANTS = study.adaptation.running
STREAMS = {name: study.adaptation.streams[name] for name in study.adaptation.runs}
TRAINED = settings.trained_names(study)


wildcard_constraints:
    domain="|".join(DOMAINS),
    split="|".join(SPLITS),
    shard=r"\d{5}",
    mode="|".join(typing.get_args(settings.Mode)),
    model="|".join(settings.model_names(study)),
    stream="|".join(study.adaptation.streams),
    method="|".join(study.adaptation.methods),
    seed=r"\d+",
    order=r"\d+",
    rate=r"[0-9.e-]+",
    weights="|".join(FETCHED),


def result(path):
    """A file of this study."""
    return f"{RESULTS}/{path}"


def log_of(job):
    """The log of a job; everything that it printed."""
    return result(f"logs/{job}.log")


def benchmark_of(job):
    """The time and memory of a job."""
    return result(f"benchmarks/{job}.tsv")


def record_of(job):
    """The record of a job: what made its files, and their sha256."""
    return result(f"records/{job}.json")


def clip_count(split, domain):
    """How many clips a split has in a domain."""
    return settings.phase_clips(study, split, domain)


def phases(stream):
    """The (split, domain) of every phase of a stream."""
    return [(f"stream_{i}", d) for i, d in enumerate(STREAMS[stream].domains, start=1)]


def probes(stream):
    """The (split, domain) that a stream is probed with: A, and what its second phase shows."""
    other = STREAMS[stream].domains[1]
    return [("probe", "A"), ("probe", "B" if other == "A" else other)]


def encoded_parts():
    """Every (split, domain) that `snakemake features` encodes: what there is of A and B, and shown."""
    own = [(s, d) for s in SPLITS if s != "leakage" for d in ("A", "B") if clip_count(s, d)]
    return list(dict.fromkeys([*own, *stream_parts()]))


def clip_parts():
    """Every (split, domain) that is simulated: what is encoded, the leakage study's and the data set's."""
    leakage = [("leakage", d) for d in ("A", "B") if clip_count("leakage", d)]
    severities = [("probe", name) for name in study.dataset.severities]
    return list(dict.fromkeys([*encoded_parts(), *leakage, *severities]))


def shards(split, domain):
    """The names of the shards of a split in a domain."""
    count = math.ceil(clip_count(split, domain) / study.store.clips_per_shard)
    return [f"{shard:05d}" for shard in range(count)]


def shard_range(wildcards):
    """First clip of a shard and the one after its last."""
    first = int(wildcards.shard) * study.store.clips_per_shard
    end = first + study.store.clips_per_shard
    return [first, min(end, clip_count(wildcards.split, wildcards.domain))]


def tables(*parts):
    """The clip tables of some (split, domain), in order."""
    return [result(f"clips/{s}_{d}/{n}.h5") for s, d in parts for n in shards(s, d)]


def features(*parts):
    """The feature shards of some (split, domain), in the order of their tables."""
    return [result(f"features/{s}_{d}/{n}.h5") for s, d in parts for n in shards(s, d)]


def leakage_features():
    """The feature shards of the leakage study, by mode and domain."""
    parts = [(mode, d) for mode in study.leakage.modes for d in ("A", "B")]
    return {
        f"{mode}_{d}": [result(f"leakage/{mode}/{d}/{n}.h5") for n in shards("leakage", d)]
        for mode, d in parts
    }


def feature_bytes(clips, steps):
    """Bytes of some clips' features, float16."""
    patches = (study.camera.image_px // PATCH_PX) ** 2
    return 2 * clips * steps * patches * 1024


def feature_mb():
    """Disk that a full feature shard takes, in MB."""
    steps = CLIP_FRAMES // TUBELET_FRAMES
    return 1 + math.ceil(feature_bytes(study.store.clips_per_shard, steps) / 1e6)


def weights_record(weights):
    """What `fetch_weights` leaves beside the weights that it fetched."""
    return f"{RESOURCES}/weights/{weights}/manifest.json"


def encoder_weights(wildcards):
    """The weights that an encoding job waits for: none for `random`."""
    weights = study.encoder.weights
    if weights == "random":
        return []
    return weights_record(weights) if weights in FETCHED else weights


def figure_files(name):
    """PDF, PNG and CSV of a figure, and the record; the first two go into the report."""
    files = {suffix: result(f"figures/{name}.{suffix}") for suffix in ("png", "pdf", "csv")}
    # The report shows first what comes first in the alphabet.
    for suffix, form in (("png", "PNG"), ("pdf", "vector PDF")):
        files[suffix] = report(
            files[suffix],
            caption=f"../report/{name}.rst",
            category="2 Figures",
            labels={"figure": name.replace("_", " "), "format": form},
        )
    return files | {"record": record_of(f"draw_{name}")}
