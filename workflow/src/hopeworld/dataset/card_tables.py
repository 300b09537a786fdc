"""The tables of the data card, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hopeworld.dataset.contents import PURPOSES, Contents
from hopeworld.dataset.previews import SLOWER
from hopeworld.dataset.table import COLUMNS
from hopeworld.schema import CLIP_SHARD
from hopeworld.simulation.scenario import FLAT_SHAPES, FLAT_SHARE
from hopeworld.strict import listed


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def span(values: Sequence[float], unit: str = "") -> str:
    """A range in words: `0.08 … 0.14`, or one value."""
    low, high = values
    text = f"{low:g}" if low == high else f"{low:g} … {high:g}"
    return f"{text} {unit}".strip()


def ranges(contents: Contents) -> str:
    """What is drawn per episode and per clip, and from which range."""
    simulation, appearance = contents.simulation, contents.appearance
    rows = [
        ("friction coefficient μ", "episode", span(simulation.friction)),
        ("mass m", "episode", span(simulation.mass_kg, "kg")),
        ("force F, any heading", "clip", span(simulation.force_n, "N")),
        ("force F of `out_of_range`", "clip", span(simulation.out_of_range_force_n, "N")),
        ("frame n of the push", "clip", listed(simulation.onset_frames)),
        ("start, x and y", "clip", span((-simulation.start_m, simulation.start_m), "m")),
        ("yaw at the start", "clip", "-π … π"),
        ("shape", "clip", listed(appearance.shapes)),
        ("shape of `held_out`", "clip", listed(appearance.held_out_shapes)),
        ("half width, or radius", "clip", span(appearance.half_width_m, "m")),
        ("aspect (its square is half width over half depth)", "clip", span(appearance.aspect)),
        ("half height over half width", "clip", span(appearance.height_ratio) + _flat(contents)),
        ("object hue, saturation, value", "clip", _colour(contents, "")),
        ("ground hue, saturation, value", "clip", _colour(contents, "ground_")),
        ("contrast of the two ground tiles", "clip", span(appearance.checker_contrast)),
        ("azimuth of the light", "clip", span(appearance.light_azimuth_rad, "rad")),
    ]
    return table(
        ("quantity", "drawn per", "uniform over (pushes are drawn again: see the limits)"), rows
    )


def _flat(contents: Contents) -> str:
    """What is said of shapes that are half as tall as others, where there are any."""
    shapes = (*contents.appearance.shapes, *contents.appearance.held_out_shapes)
    flat = [shape for shape in FLAT_SHAPES if shape in shapes]
    return f"; × {FLAT_SHARE:g} for {listed(flat)}" if flat else ""


def _colour(contents: Contents, of: str) -> str:
    names = ("hue", "saturation", "brightness")
    return "; ".join(span(getattr(contents.appearance, f"{of}{name}")) for name in names)


def severities(contents: Contents) -> str:
    """The grid of domains: friction scale in rows, mass scale in columns."""
    domains = contents.domains
    frictions = sorted({d.friction_scale for d in domains.values()}, reverse=True)
    masses = sorted({d.mass_scale for d in domains.values()}, reverse=True)
    names = {
        (f, m): [n for n, d in domains.items() if (d.friction_scale, d.mass_scale) == (f, m)]
        for f in frictions
        for m in masses
    }
    rows = [
        (f"friction × {f:g}", *(", ".join(names[f, m]) or "–" for m in masses)) for f in frictions
    ]
    return table(("", *(f"mass × {m:g}" for m in masses)), rows)


def split_table(contents: Contents) -> str:
    """Every split: what for, how many clips in which domains, what is special in it."""
    rows = []
    for split, clips in contents.clips.groupby("split", sort=False):
        counts = ", ".join(f"{d} {len(c)}" for d, c in clips.groupby("domain", sort=False))
        force = (clips["force_x_n"] ** 2 + clips["force_y_n"] ** 2) ** 0.5
        found = f"{force.min():.1f} … {force.max():.1f}"
        rows.append((f"`{split}`", PURPOSES[split], counts, found, listed(clips["shape"].unique())))
    return table(("split", "for", "clips", "force found, N", "shapes found"), rows)


def motion(contents: Contents) -> str:
    """How far objects go and what acted on them, per domain, over all splits."""
    rows = []
    for name, domain in contents.domains.items():
        clips = contents.clips[contents.clips["domain"] == name]
        low, middle, high = clips["displacement_m"].quantile([0.05, 0.5, 0.95])
        found = [f"{clips[c].min():.3f} … {clips[c].max():.3f}" for c in ("friction", "mass_kg")]
        scales = f"{domain.friction_scale:g}", f"{domain.mass_scale:g}"
        rows.append((name, *scales, len(clips), *found, f"{low:.2f} / {middle:.2f} / {high:.2f}"))
    heads = ("domain", "friction ×", "mass ×", "clips", "friction found", "mass found, kg")
    return table((*heads, "moved, m (5 / 50 / 95 %)"), rows)


def validity(contents: Contents) -> str:
    """The errors of every part against the sliding law, its worst clip."""
    rows = []
    for group in contents.validity["groups"]:
        resting = group["resting_error"]
        at_rest = "–" if resting is None else f"{resting:.4%}"
        name = f"`{group['split']}_{group['domain']}`"
        counts = group["clips"], group["clips_at_rest"]
        rows.append((name, counts[0], f"{group['frame_error']:.4%}", counts[1], at_rest))
    heads = ("part", "clips", "largest error at any frame", "at rest in time", "largest there")
    return table(heads, rows)


def files(contents: Contents) -> str:
    """What lies where."""
    size = {name: f"{megabytes:.2f} MB" for name, megabytes in contents.megabytes.items()}
    part = "{split}_{domain}"
    slow = f"for the eye: {SLOWER} × slower, the last frame stays; every browser plays them"
    exact = "the clips: lossless RGB H.264, exact to the bit; browsers do not play them"
    rows = [
        (f"`videos/{part}/NNNNNN.mp4`", exact, size["videos"]),
        (f"`states/{part}.h5`", "all arrays of a split in a domain", size["states"]),
        ("`clips.parquet`", "one row per clip", size["clips.parquet"]),
        ("`splits.json`", "purpose, ranges and files of every split", ""),
        (f"`previews/{part}.mp4`, `previews/pairs.gif`", slow, size["previews"]),
        (f"`sheets/{part}.png`", "contact sheets of the same clips", size["sheets"]),
        ("`settings.yaml`", "the settings that made the clips", ""),
        ("`provenance.json`", "the job of the workflow that published this", ""),
        ("`SHA256SUMS`", "`sha256sum -c SHA256SUMS` checks every file", ""),
    ]
    return table(("file", "what", "size"), rows)


def clip_columns() -> str:
    """Legend of clips.parquet."""
    rows = ((f"`{name}`", unit, meaning) for name, (unit, meaning) in COLUMNS.items())
    return table(("column", "unit", "meaning"), rows)


def state_arrays() -> str:
    """Legend of the HDF5 files."""
    rows = (
        (
            f"`{name}`",
            array.axes,
            array.dtype.replace("str", "ASCII text"),
            array.unit,
            array.meaning,
        )
        for name, array in CLIP_SHARD.items()
    )
    return table(("array", "axes", "type", "unit", "meaning"), rows)
