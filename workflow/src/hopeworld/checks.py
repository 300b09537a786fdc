"""A configuration as a `Study`, or one line that says what is wrong with it.

`parse(config)` turns the merged YAML mapping into a `Study` or raises `SettingsError`, which names
the section, the key, the value and the remedy. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hopeworld.settings import (
    CLIP_FRAMES,
    CLOSED_FORM,
    PATCH_PX,
    SPLITS,
    TUBELET_FRAMES,
    Simulation,
    Study,
    Training,
    check_model,
    model_settings,
    phase_clips,
    running_models,
    trained_names,
    training_settings,
)
from hopeworld.stream_checks import (
    check_contestants,
    check_methods,
    check_streams,
    check_tuning,
    check_verdict,
)
from hopeworld.strict import SettingsError, listed, one_of, read

# A folder below results/, whatever the file system; no option of a command either.
STUDY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,59}")


def parse(config: Mapping[str, Any]) -> Study:
    """Read a merged configuration; raise `SettingsError` on the first thing that is wrong."""
    study = read(Study, config)
    check_study(study)
    return study


def check_study(study: Study) -> None:
    """Check what spans several keys; each check raises `SettingsError`."""
    _check_names(study)
    _check_time(study.simulation)
    _check_space(study)
    _check_splits(study)
    for name in trained_names(study):
        check_model(model_settings(study, name), _where(study, name, "model", f"models.{name}"))
        _check_training(study, name)
    _check_severities(study)
    _check_leakage(study)
    check_methods(study)
    check_contestants(study.adaptation)
    _check_training_clips(study)
    check_streams(study)
    check_tuning(study)
    check_verdict(study)
    _check_shown(study)


def _check_names(study: Study) -> None:
    if not STUDY.fullmatch(study.study):
        remedy = "use letters, digits, - and _ only, at most 60, with no - first: it names a folder"
        raise SettingsError("study", study.study, "not a name", remedy)
    for name in ("seeds", "orders"):
        values = getattr(study, name)
        if not values or len(set(values)) != len(values):
            raise SettingsError(name, list(values), "empty or repeated", "list distinct numbers")
    for name in study.variants:
        if hasattr(study.models, name) or name in CLOSED_FORM:
            remedy = "use another name: a predictor has this one"
            raise SettingsError("variants", name, "not a name for a variant", remedy)


def _check_time(simulation: Simulation) -> None:
    if simulation.frame_count != CLIP_FRAMES:
        odd = "odd frame count" if simulation.frame_count % 2 else "unsupported frame count"
        remedy = f"use {CLIP_FRAMES}: 8 tubelets of 2 frames"
        raise SettingsError("simulation.frame_count", simulation.frame_count, odd, remedy)
    if simulation.step_hz % simulation.frame_hz:
        remedy = f"use a multiple of frame_hz = {simulation.frame_hz}"
        raise SettingsError("simulation.step_hz", simulation.step_hz, "not a multiple", remedy)
    last = simulation.frame_count - TUBELET_FRAMES
    for onset in simulation.onset_frames:
        if onset % 2 == 0 or onset >= last:
            remedy = f"use odd frames from 1 to {last - 1}, so that a push falls between tubelets"
            raise SettingsError("simulation.onset_frames", onset, "even or too late", remedy)
    if not simulation.onset_frames:
        raise SettingsError("simulation.onset_frames", [], "empty", "give at least one odd frame")


def _check_space(study: Study) -> None:
    image = study.camera.image_px
    if image % PATCH_PX:
        remedy = f"use a multiple of {PATCH_PX}"
        raise SettingsError("camera.image_px", image, "patches do not divide the image", remedy)
    if study.camera.eye_m[2] <= 0:
        raise SettingsError("camera.eye_m", study.camera.eye_m, "below ground", "lift z above 0")
    if study.camera.eye_m[:2] == study.camera.target_m[:2]:
        remedy = "move the eye aside, or its up direction is undefined"
        raise SettingsError("camera.eye_m", study.camera.eye_m, "straight above target_m", remedy)
    if not study.appearance.shapes:
        raise SettingsError("appearance.shapes", [], "empty", "name at least one shape")
    _check_generalisation(study)
    needed = study.splits.get("held_out")
    if needed and needed.a + needed.b and not study.appearance.held_out_shapes:
        remedy = "name the shapes that only this split shows"
        raise SettingsError("appearance.held_out_shapes", [], "empty", remedy)


def _check_generalisation(study: Study) -> None:
    """What two splits are there to show is not in the others."""
    appearance, simulation = study.appearance, study.simulation
    known = [shape for shape in appearance.held_out_shapes if shape in appearance.shapes]
    if known:
        remedy = "name shapes that appearance.shapes has not"
        raise SettingsError("appearance.held_out_shapes", known[0], "not held out", remedy)
    (low, high), (other_low, other_high) = simulation.force_n, simulation.out_of_range_force_n
    if other_low < high and low < other_high:
        remedy = f"give a range beside simulation.force_n = {[low, high]}"
        found = list(simulation.out_of_range_force_n)
        raise SettingsError("simulation.out_of_range_force_n", found, "not out of range", remedy)


def _check_splits(study: Study) -> None:
    for name in study.splits:
        if name not in SPLITS:
            raise SettingsError(f"splits.{name}", name, "unknown split", one_of(name, SPLITS))
    for name in SPLITS:
        if name not in study.splits:
            raise SettingsError(f"splits.{name}", None, "missing key", "set {a: 0, b: 0} to skip")
    needed = [("train", "a"), ("validation", "a"), ("probe", "a"), ("probe", "b")]
    needed += [("stream_1", "a"), ("stream_2", "b"), ("stream_3", "a")]
    episode = study.simulation.episode_clips
    for split, domain in needed:
        if getattr(study.splits[split], domain) == 0:
            remedy = "give clips: the study needs them"
            raise SettingsError(f"splits.{split}.{domain}", 0, "empty", remedy)
    for split, size in study.splits.items():
        for domain in ("a", "b"):
            clips = getattr(size, domain)
            if clips % episode:
                remedy = f"use a multiple of simulation.episode_clips = {episode}"
                raise SettingsError(f"splits.{split}.{domain}", clips, "cuts an episode", remedy)


def _check_severities(study: Study) -> None:
    """What a running stream or the data set shows stays in view; other severities are free."""
    simulation, adaptation = study.simulation, study.adaptation
    plans = (adaptation.streams[name] for name in adaptation.runs if name in adaptation.streams)
    shown = {domain for plan in plans for domain in plan.domains} | {*study.dataset.severities}
    for name in study.dataset.severities:
        if name not in simulation.severities:
            remedy = one_of(name, simulation.severities, "simulation.severities")
            raise SettingsError("dataset.severities", name, "no such domain", remedy)
    for name, domain in simulation.severities.items():
        where = f"simulation.severities.{name}"
        if name in ("A", "B"):
            remedy = "use neither A nor B"
            raise SettingsError("simulation.severities", name, "not a name for a domain", remedy)
        farthest = simulation.domain_b
        for scale in ("friction_scale", "mass_scale"):
            value, bound = getattr(domain, scale), getattr(farthest, scale)
            if value < bound and name in shown:
                remedy = f"use at least {bound:g}: clips are drawn to stay in view in B"
                raise SettingsError(f"{where}.{scale}", value, "beyond domain_b", remedy)


def _check_leakage(study: Study) -> None:
    """The probe is fitted on pairs of clips, in folds of whole episodes."""
    if not study.leakage.modes:
        return
    size, episode = study.splits["leakage"], study.simulation.episode_clips
    modes = study.leakage.modes
    if len(set(modes)) != len(modes):
        raise SettingsError("leakage.modes", list(modes), "repeated", "list each mode once")
    if size.a != size.b:
        remedy = f"use {size.a}, as in A: clips come in pairs"
        raise SettingsError("splits.leakage.b", size.b, "unpaired clips", remedy)
    if size.a // episode < study.leakage.folds:
        remedy = f"give at least {study.leakage.folds * episode} clips, or leakage.modes: []"
        raise SettingsError("splits.leakage.a", size.a, "fewer episodes than folds", remedy)


def _check_training(study: Study, name: str) -> None:
    training, where = training_settings(study, name), _where(study, name, "training", "training")
    shares = training.warmup_share + training.decay_share
    if shares > 1:
        remedy = f"use shares of warm-up and decay that add up to 1 at most, not {shares:g}"
        raise SettingsError(f"{where}.decay_share", training.decay_share, "too large", remedy)
    if not training.domains or len(set(training.domains)) != len(training.domains):
        remedy = "list A, B or both"
        found = list(training.domains)
        raise SettingsError(f"{where}.domains", found, "empty or repeated", remedy)
    _check_match(study, name, training, where)


def _check_match(study: Study, name: str, training: Training, where: str) -> None:
    match = training.match
    if match in ("", name):
        return
    if match not in trained_names(study):
        remedy = f"{one_of(match, trained_names(study))}, or '' for none"
        raise SettingsError(f"{where}.match", match, "no such predictor", remedy)
    if training_settings(study, match).match not in ("", match):
        remedy = "name a predictor that trains all its steps"
        raise SettingsError(f"{where}.match", match, "is itself matched", remedy)


def _where(study: Study, name: str, part: str, base: str) -> str:
    """Where the settings of a predictor stand in the configuration."""
    return f"variants.{name}.{part}" if name in study.variants else base


def _check_training_clips(study: Study) -> None:
    """What runs has clips to train on; an oracle that does not run needs none."""
    for name in running_models(study):
        training = training_settings(study, name)
        where = _where(study, name, "training", "training")
        for split in ("train", "validation"):
            for domain in training.domains:
                if phase_clips(study, split, domain) == 0:
                    remedy = f"give clips: {name} is trained on domain {domain}"
                    side = f"splits.{split}.{domain.lower()}"
                    raise SettingsError(side, 0, "empty", remedy)
        batch, episodes = training.episodes_per_batch, _training_episodes(study, training)
        if batch > episodes:
            held = f"as many episodes of {listed(training.domains)} are in splits.train"
            remedy = f"use at most {episodes}: {held}"
            raise SettingsError(f"{where}.episodes_per_batch", batch, "more than there are", remedy)


def _training_episodes(study: Study, training: Training) -> int:
    sizes = [getattr(study.splits["train"], domain.lower()) for domain in training.domains]
    return sum(sizes) // study.simulation.episode_clips


def _check_shown(study: Study) -> None:
    where, names = "figures.methods", study.figures.methods
    if not names or len(set(names)) != len(names):
        remedy = "list at least one method, each once"
        raise SettingsError(where, list(names), "empty or repeated", remedy)
    for name in names:
        if name not in study.adaptation.methods:
            remedy = one_of(name, study.adaptation.methods, "adaptation.methods")
            raise SettingsError(where, name, "no such method", remedy)
