"""The data card: README.md of the published folder, written from settings and measurements."""

from __future__ import annotations

from hopeworld.dataset import card_tables as tables
from hopeworld.dataset.contents import Contents
from hopeworld.settings import CLIP_FRAMES, PATCH_PX, TUBELET_FRAMES
from hopeworld.simulation.scenario import MARGIN_PX
from hopeworld.simulation.trajectory import GRAVITY
from hopeworld.strict import listed

LOADER = """\
import decord, h5py, pandas as pd

folder = "results/default/dataset"
clips = pd.read_parquet(f"{folder}/clips.parquet")  # one row per clip of every split
clip = clips.query("split == 'probe' and domain == 'B'").iloc[0]
frames = decord.VideoReader(f"{folder}/{clip.video}").get_batch(range(16)).asnumpy()
with h5py.File(f"{folder}/{clip.states}") as states:  # uint8 [16, H, W, 3] above
    force = states["force"][clip.row]  # [16, 2] newtons
    position = states["position"][clip.row]  # [16, 3] metres
    mask = states["mask_now"][clip.row]  # [8, patches]
"""


def card(contents: Contents) -> str:
    """The whole card in Markdown."""
    sections = (
        _head, _clip, _physics, _pairs, _splits, _validity, _conventions, _files, _limits, _origin
    )  # fmt: skip
    return "\n\n".join(section(contents).strip() for section in sections) + "\n"


def _head(contents: Contents) -> str:
    clips, domains = contents.clips, contents.domains
    size = sum(contents.megabytes.values())
    return f"""
# Pushed objects in changing physics: the data set `{contents.study}`

{len(clips)} short clips of one object that one push sets sliding, in {len(domains)} domains
({", ".join(domains)}) that differ in friction and mass and in nothing else: lossless video, exact
states, forces, masks. Made by hopeworld; {size:.1f} MB. Licence: MIT.

![Pairs of one draw in A and in B](previews/pairs.gif)

Left of each pair A, right B: identical up to the push (the arrow), then friction and mass decide.

```python
{LOADER.replace("results/default/dataset", ".")}```"""


def _clip(contents: Contents) -> str:
    simulation, camera = contents.simulation, contents.camera
    size, hz = camera.image_px, simulation.frame_hz
    return f"""
## What a clip is

An object rests on a plane. At frame n it gets one push: a constant horizontal force through its
centre of mass for one frame interval (1/{hz} s). It slides and may come to rest. {CLIP_FRAMES}
frames of {size} × {size} px at {hz} frames per second, a fixed camera, everything in view until
the end. No frame before the push shows friction or mass."""


def _physics(contents: Contents) -> str:
    simulation = contents.simulation
    return f"""
## Physics

Coulomb friction on a plane, g = {GRAVITY} m/s². While the force F acts, for
T = 1/{simulation.frame_hz} s, the acceleration is a = F/m − μg, then −μg until rest; with v = aT
the object comes to rest after d = vT/2 + v²/(2μg). Where a ≤ 0 it stays. Simulated in PyBullet at
{simulation.step_hz} steps per second without damping, restitution, rolling or spinning friction;
μ is the product of the two bodies' coefficients, for sticking and sliding alike.

{tables.ranges(contents)}

Domains scale the drawn friction and mass. The severity grid, and what came of it:

{tables.severities(contents)}

{tables.motion(contents)}"""


def _pairs(contents: Contents) -> str:
    return f"""
## Pairs and episodes

Clip i of a split is one draw in all its domains: same object, start, colours, light, force and
drawn physics; only the domain's scales differ. So clip i of A and clip i of B are a counterfactual
pair, equal in every pixel up to frame n; `pair` names it in clips.parquet.

Episodes are {contents.simulation.episode_clips} consecutive clips of a split that share hidden
friction and mass while all else changes: across an episode they can be inferred, within a clip
only after its push. Keep episodes whole when you split or shuffle."""


def _splits(contents: Contents) -> str:
    return f"""
## Splits

Every split has its own random numbers: no draw is in two of them.

{tables.split_table(contents)}

Train on `train`, choose on `validation`, tune adaptation on `tuning_*`, and report on the rest.
{_unlike(contents)}`splits.json` says the same to programs."""


def _unlike(contents: Contents) -> str:
    """What only `out_of_range` and `held_out` have, a sentence for each that there is."""
    simulation, appearance = contents.simulation, contents.appearance
    far, near = (
        tables.span(force, "N") for force in (simulation.out_of_range_force_n, simulation.force_n)
    )
    new, known = listed(appearance.held_out_shapes), listed(appearance.shapes)
    sentences = {
        "out_of_range": f"`out_of_range` has forces of {far} where all others have {near}.\n",
        "held_out": f"`held_out` shows {new} where all others show {known}.\n",
    }
    found = set(contents.clips["split"])
    return "".join(text for split, text in sentences.items() if split in found)


def _validity(contents: Contents) -> str:
    return f"""
## Measured validity

The distance between the simulated object and where the law above puts it, over the clip's resting
distance by the law; the worst frame of the worst clip of each part. No part above
{contents.validity["limit"]:.2%} is published.

{tables.validity(contents)}"""


def _conventions(contents: Contents) -> str:
    camera, hz = contents.camera, contents.simulation.frame_hz
    patches = (camera.image_px // PATCH_PX) ** 2
    steps = CLIP_FRAMES // TUBELET_FRAMES
    return f"""
## Conventions

- Frame f is the state at f/{hz} s, from 0. `force[f]` acts during [f, f + 1)/{hz} s and is first
  seen in frame f + 1. Onsets are odd, so that a push falls between two tubelets of
  {TUBELET_FRAMES} frames; `action[t]` = `force[2t + 1]` drives tubelet t to t + 1.
- Metres, kilograms, newtons, seconds; z up, the ground is z = 0. Quaternions are (x, y, z, w).
- The camera, a pinhole of {camera.field_of_view_deg:g}°, stands at {_point(camera.eye_m)} m and
  looks at {_point(camera.target_m)} m.
- Pixels count right and down from the top left corner of the image; their centres lie at halves.
- Masks have {steps} tubelets × {patches} patches of {PATCH_PX} × {PATCH_PX} px, row by row: patches
  that any part of the object covers, without its shadow.
- Axes: N clips, F = {CLIP_FRAMES} frames, T = {steps} tubelets, P = {patches} patches."""


def _point(point: tuple[float, float, float]) -> str:
    return f"({', '.join(f'{value:g}' for value in point)})"


def _files(contents: Contents) -> str:
    return f"""
## Files

{tables.files(contents)}

### clips.parquet

{tables.clip_columns()}

### states/*.h5

Axes, unit and meaning are attributes of each array too.

{tables.state_arrays()}"""


def _limits(contents: Contents) -> str:
    simulation = contents.simulation
    return f"""
## Known limits

- One rigid object, one push, one flat ground: no collisions, no tipping, no rolling.
- {_rotation(simulation.inertia_scale)}
- Pushes are drawn again until the object stays {MARGIN_PX:g} px inside the picture in A and in B,
  by the law: strong pushes, early ones and those towards a near edge are rarer than a uniform draw
  has them, the more so for light objects on slippery ground. So start, force and frame n say a
  little of friction and mass; between A and B they never differ.
- Friction is Coulomb's, equal everywhere, without speed dependence; a push lasts exactly one frame.
- Synthetic pictures: a ray caster of its own with {contents.camera.antialias}² rays per pixel and a
  hard shadow; plain colours on a checkered ground, no blur, noise or loss. PyBullet's TinyRenderer
  is not used.
- Looks fixed by a range of equal ends (see the table above) do not vary at all.
- Friction and mass stand in the tables: keep them from a model that is to infer them."""


def _rotation(inertia_scale: float) -> str:
    flaw = "Bullet's contact friction depends on the orientation (up to 7 % of the distance)"
    if inertia_scale == 1:
        return f"Objects may turn, and {flaw}."
    locked = f"the inertia is scaled by {inertia_scale:g}, so objects keep their yaw"
    return f"Rotation is locked, for {flaw}: {locked}."


def _origin(contents: Contents) -> str:
    versions = "; ".join(
        ", ".join(f"{name} {version}" for name, version in sorted(one.items()))
        for one in contents.versions
    )
    return f"""
## Origin, licence, citation

- Made from seed {contents.simulation.seed} by the rules `simulate_clips` and `publish_dataset` of
  hopeworld; code sha256 `{contents.code}`, settings sha256 `{contents.settings_sha256}`.
- Versions: {versions}.
- To make it again: put `settings.yaml` over the configuration of the study,
  `snakemake dataset --cores all --configfile …`. Equal versions give equal bytes.
- Licence: MIT, see `LICENSE`. No person, place or third party's material is in it.
- To cite: `CITATION.cff`."""
