"""What a run needs of the disk: to write there, and room for the features that the study uses."""

import shutil

FEATURE_RULES = ("encode_clips", "encode_leakage")


def used_parts():
    """Every (split, domain) that a training, a stream, a probe or a sweep of the study reads."""
    trained = [settings.training_settings(study, name).domains for name in used_models()]
    # The decoder of the object's centre is fitted on A.
    domains = dict.fromkeys(["A", *(d for domains in trained for d in domains)])
    parts = [(s, d) for s in ("train", "validation") for d in domains]
    parts += stream_parts()
    tuning = TUNING if study.adaptation.rates == "tuned" else ()
    return list(dict.fromkeys([*parts, *PROBE, *tuning]))


def job_bytes(job):
    """Bytes that an encoding job adds to what is there."""
    found = job.wildcards
    split, size = getattr(found, "split", "leakage"), study.store.clips_per_shard
    clips = min(size, clip_count(split, found.domain) - int(found.shard) * size)
    path = Path(job.output.features)
    return feature_bytes(clips, job.params.steps) - (path.stat().st_size if path.exists() else 0)


def study_bytes():
    """Bytes of all features that the study uses."""
    own = sum(clip_count(*part) for part in used_parts())
    leakage = sum(clip_count("leakage", d) for d in "AB") * len(study.leakage.modes)
    steps = CLIP_FRAMES // TUBELET_FRAMES
    return feature_bytes(own, steps) + feature_bytes(leakage, latents_at_rest())


def check_writable():
    """End a run, with one line, where it cannot write its results."""
    try:
        files.require_writable(RESULTS)
    except files.NotWritable as error:
        sys.exit(f"error: {error}")


def check_budget(jobs):
    """Print what the features of a run take; end it, with one line, where the disk is too small."""
    needed = sum(job_bytes(job) for job in jobs if job.rule.name in FEATURE_RULES)
    if needed <= 0:
        return
    Path(RESULTS).mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(RESULTS).free
    line = f"features need {study_bytes() / 1e9:.3f} GB, {needed / 1e9:.3f} GB still to be made; "
    line += f"{free / 1e9:.3f} GB are free in {RESULTS}"
    if needed > free:
        sys.exit(f"error: {line}; free some space, or make splits or camera.image_px smaller")
    print(line, file=sys.stderr, flush=True)
