"""What a study at the thesis's size takes: jobs, disk, memory and hours, from units measured here.

    python -m benchmarks.scale --docs              units on the CPU, table into docs/scale.md
    python -m benchmarks.scale --device cuda --clips 1000 --docs

Jobs are those of a dry run. Hours are units of work times what one unit took; see `units`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

import torch

from benchmarks import machine, units
from benchmarks.documents import write_table
from benchmarks.rounds import ROOT
from benchmarks.run import OUT
from benchmarks.sizes import read_study
from benchmarks.units import Machine
from hopeworld import settings
from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import parameter_count
from hopeworld.settings import CLIP_FRAMES, PATCH_PX, TUBELET_FRAMES, Study

DOCUMENT = ROOT / "docs" / "scale.md"
FEATURE_WIDTH = 1024
COUNT = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
SIZES = (1_000, 10_000, 100_000)
HOUR = 3600
TUNING = (("tuning_1", "A"), ("tuning_2", "B"), ("tuning_3", "A"))


@dataclass(frozen=True)
class Work:
    """Units of one stage, and the seconds of a unit."""

    stage: str
    unit: str
    count: int
    seconds: float

    @property
    def hours(self) -> float:
        """All of it, one after the other."""
        return self.count * self.seconds / HOUR


def main() -> None:
    """Measure, write <out>/scale_<device>.json, print the tables."""
    options = _options()
    torch.set_num_threads(options.threads)
    study = read_study("thesis")
    with tempfile.TemporaryDirectory() as folder:
        place = Machine(options.device, options.clips)
        work = list(measured(study, place, Path(folder)))
        clip_bytes = _mean_bytes(Path(folder) / "00000")
    about = machine.describe(ROOT, options.device, options.threads)
    text = as_markdown(study, work, clip_bytes, about)
    OUT.mkdir(parents=True, exist_ok=True)
    record = {"machine": about, "clip_bytes": clip_bytes, "work": [asdict(w) for w in work]}
    (OUT / f"scale_{options.device}.json").write_text(json.dumps(record, indent=1) + "\n")
    if options.docs:
        write_table(options.device, text, DOCUMENT)
    print(text)


def measured(study: Study, place: Machine, folder: Path) -> Iterator[Work]:
    """The work of simulation, encoder, trainings and streams; a line to stderr for each."""
    for work in _stages(study, place, folder):
        print(f"{work.stage}: {work.count} x {work.seconds:.3g} s", file=sys.stderr, flush=True)
        yield work


def _stages(study: Study, place: Machine, folder: Path) -> Iterator[Work]:
    simulated = units.simulate(study, Machine("cpu", place.clips), folder)
    yield Work("simulate_clips", "clip", sum(clip_counts(study).values()), simulated)
    for (mode, steps), count in encoded_counts(study).items():
        seconds = units.encode(study, place, mode, steps, folder)
        yield Work(encoding(mode, steps), "clip", count, seconds)
    models = [settings.model_kind(study, name) for name in settings.running_models(study)]
    for name, trained in sorted(Counter(models).items()):
        steps = trained * len(study.seeds) * study.training.steps
        yield Work(f"train_predictor, {name}", "step", steps, units.train_step(study, place, name))
    yield from _streams(study, place)


def _streams(study: Study, place: Machine) -> Iterator[Work]:
    """Streams and sweeps by what a method learns, and the probes of both predictors."""
    for method, count in sorted(stream_counts(study).items()):
        seconds = units.stream_clip(study, place, method)
        yield Work(f"adapt_stream, as {method}", "clip", count, seconds)
    for name, count in sorted(probe_counts(study).items()):
        yield Work(f"its probes, {name}", "clip", count, units.probe_clip(study, place, name))


def clip_counts(study: Study) -> dict[tuple[str, str], int]:
    """Clips by split and domain; of a severity, what streams show and the data set has."""
    parts = {(split, domain) for split in settings.SPLITS for domain in "AB"}
    parts |= {("probe", domain) for domain in study.dataset.severities}
    return {part: settings.phase_clips(study, *part) for part in parts | _shown(study)}


def encoded_counts(study: Study) -> Counter[tuple[str, int]]:
    """Encoded clips by mode and latents kept: what the study reads, and the leakage study."""
    trained = [settings.training_settings(study, n) for n in settings.running_models(study)]
    domains = {"A", *(domain for training in trained for domain in training.domains)}
    read = {(split, domain) for split in ("train", "validation") for domain in domains}
    read |= {("probe", "A"), ("probe", "B"), *_shown(study)}
    if study.adaptation.rates == "tuned":
        read |= set(TUNING)
    whole = CLIP_FRAMES // TUBELET_FRAMES
    own = sum(settings.phase_clips(study, *part) for part in read)
    counts = Counter({(study.encoder.mode, whole): own})
    before_push = (max(study.simulation.onset_frames) + 1) // TUBELET_FRAMES
    both = sum(settings.phase_clips(study, "leakage", domain) for domain in "AB")
    counts.update({(mode, before_push): both for mode in study.leakage.modes})
    return counts


def encoding(mode: str, steps: int) -> str:
    """The stage that keeps some latents of a clip."""
    is_whole = steps == CLIP_FRAMES // TUBELET_FRAMES
    return f"encode_clips, {mode}" if is_whole else f"encode_leakage, {mode}, {steps} latents"


def _shown(study: Study) -> set[tuple[str, str]]:
    """What streams show and probe with."""
    plans = [study.adaptation.streams[name] for name in study.adaptation.runs]
    phases = {(f"stream_{i}", d) for plan in plans for i, d in enumerate(plan.domains, 1)}
    return phases | {("probe", d) for plan in plans for d in plan.domains}


def stream_counts(study: Study) -> Counter[str]:
    """Stream clips of all runs and sweeps, by the method that each is measured as."""
    adaptation = study.adaptation
    counts: Counter[str] = Counter()
    for stream in adaptation.runs:
        clips = sum(adaptation.streams[stream].clips) * len(study.seeds) * len(study.orders)
        for name in adaptation.running_in(stream):
            counts[_measured_as(study, name)] += clips
    tuning = sum(settings.phase_clips(study, *part) for part in TUNING)
    for name, runs in _sweeps(study).items():
        counts[_measured_as(study, name)] += tuning * runs
    counts.pop("", None)
    return counts


def _sweeps(study: Study) -> dict[str, int]:
    """Runs of the tuning stream, by the method whose rate they sweep."""
    adaptation = study.adaptation
    if adaptation.rates != "tuned":
        return {}
    return {n: len(rates) * len(adaptation.tuning_seeds) for n, rates in adaptation.tuning.items()}


def _measured_as(study: Study, name: str) -> str:
    """A method that does the same work per clip; '' for a formula."""
    method = study.adaptation.methods[name]
    if method.model in settings.CLOSED_FORM:
        return ""
    kind = settings.model_kind(study, method.model)
    is_online = kind == "hope" and method.look_back_rate > 0
    if method.adapt == "none":
        return ("hope" if is_online else "hope_frozen") if kind == "hope" else "vit_frozen"
    if kind == "hope":
        return "hope_tta"
    return "vit_full" if method.adapt == "all" else "vit_tta"


def probe_counts(study: Study) -> Counter[str]:
    """Probe clips of all runs, by predictor: the split in two domains at every probe point.

    What learns nothing is probed once, see `adaptation.protocol.Stream.probe`; a sweep on A alone.
    """
    adaptation, counts = study.adaptation, Counter()
    probe = study.splits["probe"]
    for stream in adaptation.runs:
        points = _probe_points(study, adaptation.streams[stream].clips)
        for name, method in adaptation.running_in(stream).items():
            if method.model not in settings.CLOSED_FORM:
                count = points if method.twin != name else 1
                kind = settings.model_kind(study, method.model)
                counts[kind] += count * (probe.a + probe.b) * len(study.seeds) * len(study.orders)
    points = _probe_points(study, [settings.phase_clips(study, *part) for part in TUNING])
    for name, runs in _sweeps(study).items():
        kind = settings.model_kind(study, adaptation.methods[name].model)
        counts[kind] += runs * points * probe.a
    return counts


def _probe_points(study: Study, clips: Sequence[int]) -> int:
    """How often a stream with phases of so many clips is probed: at its start and as it goes."""
    ends = [*accumulate(clips)]
    return len({0, *ends, *range(0, ends[-1], study.adaptation.probe_every)})


def feature_bytes(study: Study, steps: int = CLIP_FRAMES // TUBELET_FRAMES) -> int:
    """Bytes of some float16 latents of one clip."""
    patches = (study.camera.image_px // PATCH_PX) ** 2
    return 2 * steps * patches * FEATURE_WIDTH


def planned_jobs() -> dict[str, int]:
    """Jobs of the thesis study by rule, by a dry run."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall"]
    done = subprocess.run(
        [*command, "--configfile", "config/thesis.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    table = (done.stdout + done.stderr).split("Job stats:")[1].split("\ntotal ")[0]
    return {rule: int(count) for rule, count in COUNT.findall(table) if "_" in rule}


def as_markdown(study: Study, work: list[Work], clip_bytes: float, about: dict) -> str:
    """The machine, then hours, jobs, memory and sizes."""
    lines = [" · ".join(f"{name} {value}" for name, value in about.items()), "", *_hours(work), ""]
    lines += [*_jobs(planned_jobs()), "", *_memory(study), "", *_sizes(study, work, clip_bytes)]
    return "\n".join(lines)


def _hours(work: list[Work]) -> list[str]:
    lines = ["| work | units | seconds of one | hours |", "|---|---|---|---|"]
    for one in work:
        units_of = f"{one.count:,} {one.unit}s"
        lines.append(f"| {one.stage} | {units_of} | {one.seconds:.3g} | {one.hours:,.1f} |")
    total = sum(one.hours for one in work)
    return [*lines, f"| all, one after the other |  |  | {total:,.0f} |"]


def _jobs(jobs: dict[str, int]) -> list[str]:
    drawn = sum(count for rule, count in jobs.items() if rule.startswith("draw_"))
    shown = {rule: count for rule, count in jobs.items() if not rule.startswith("draw_")}
    shown |= {"figures": drawn, "all": sum(jobs.values())}
    return ["| rule | jobs |", "|---|---|", *(f"| {rule} | {n} |" for rule, n in shown.items())]


def _memory(study: Study) -> list[str]:
    side = study.camera.image_px // PATCH_PX
    lines = ["| predictor | parameters | kept for the backward pass of a step, float32 |"]
    lines += ["|---|---|---|"]
    for name in ("vit_ac", "hope"):
        built = build_predictor(getattr(study.models, name), (side, side), FEATURE_WIDTH, seed=0)
        kept = units.kept_bytes(study, name) / 2**30
        lines.append(f"| {name} | {parameter_count(built):,} | {kept:.0f} GiB |")
    return lines


def _sizes(study: Study, work: list[Work], clip_bytes: float) -> list[str]:
    """Disk and hours of the study, and by the number of clips in its own encoding."""
    seconds = {w.stage: w.seconds for w in work}
    encode = seconds[encoding(study.encoder.mode, CLIP_FRAMES // TUBELET_FRAMES)]
    rows = [(f"{n:,}", n, n * feature_bytes(study), n * encode) for n in SIZES]
    kept = sum(n * feature_bytes(study, steps) for (_, steps), n in encoded_counts(study).items())
    own, spent = sum(clip_counts(study).values()), sum(w.hours for w in work if "encode" in w.stage)
    rows.append((f"{own:,} (thesis.yaml)", own, kept, spent * HOUR))
    lines = ["| clips | mp4 and tables | features | simulate, core hours | encode, hours |"]
    lines += ["|---|---|---|---|---|"]
    for label, count, stored, encoding_s in sorted(rows, key=lambda row: row[1]):
        disk = f"{count * clip_bytes / 1e9:.2f} GB | {stored / 1e9:.1f} GB"
        hours = count * seconds["simulate_clips"] / HOUR, encoding_s / HOUR
        lines.append(f"| {label} | {disk} | {hours[0]:,.2f} | {hours[1]:,.1f} |")
    return lines


def _mean_bytes(folder: Path) -> float:
    """Bytes of a clip on disk: its mp4 and its rows of the table."""
    videos = [path.stat().st_size for path in folder.glob("*.mp4")]
    return (sum(videos) + folder.with_suffix(".h5").stat().st_size) / len(videos)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU (2)")
    parser.add_argument("--clips", type=int, default=4, help="clips to encode (4)")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/scale.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
