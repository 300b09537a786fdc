"""The table of all clips: one row per clip, one legend for code and data card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from hopeworld.dataset.parts import Part

# Name of a column: unit and meaning.
COLUMNS = {
    "split": ("", "split"),
    "domain": ("", "domain: A, B or a severity"),
    "clip": ("", "index of the clip in its split"),
    "episode": ("", "episode of the split; its clips share the drawn friction and mass"),
    "pair": ("", "the same in all domains: clips of one draw, that differ in physics only"),
    "onset": ("frame", "frame n: the push acts during [n, n + 1)"),
    "force_x_n": ("N", "force along x during that frame"),
    "force_y_n": ("N", "force along y"),
    "friction": ("", "friction coefficient that acted"),
    "mass_kg": ("kg", "mass that acted"),
    "shape": ("", "name of the shape"),
    "half_x_m": ("m", "half extent along the object's x; radius of a round shape"),
    "half_y_m": ("m", "half extent along its y; radius of a round shape"),
    "half_z_m": ("m", "half height"),
    "red": ("", "colour of the object in [0, 1]"),
    "green": ("", "the same"),
    "blue": ("", "the same"),
    "displacement_m": ("m", "distance of the last frame's centre from the first's"),
    "video": ("", "path of the mp4 file"),
    "states": ("", "path of the HDF5 file with its states"),
    "row": ("", "its row in the arrays of that file"),
    "shard": ("", "shard of the study that it was made in"),
    "states_sha256": ("", "digest of position, quaternion and velocities"),
    "frames_sha256": ("", "digest of the decoded RGB frames"),
}


def clip_rows(columns: dict[str, np.ndarray], part: Part, shard: str, first: int) -> pd.DataFrame:
    """The rows of a shard whose first clip is row `first` of its states file."""
    clip, position = columns["clip"], columns["position"]
    force, size, colour = columns["force"].sum(axis=1), columns["half_extents"], columns["colour"]
    values = {name: columns[name] for name in COLUMNS if name in columns}
    values |= {"split": part.split, "domain": part.domain, "mass_kg": columns["mass"]}
    values |= {"pair": [f"{part.split}/{index:06d}" for index in clip]}
    values |= {"force_x_n": force[:, 0], "force_y_n": force[:, 1]}
    values |= {f"half_{axis}_m": size[:, i] for i, axis in enumerate("xyz")}
    values |= {name: colour[:, i] for i, name in enumerate(("red", "green", "blue"))}
    values["displacement_m"] = np.linalg.norm(position[:, -1] - position[:, 0], axis=1)
    values["video"] = [f"videos/{part.name}/{index:06d}.mp4" for index in clip]
    values |= {"states": f"states/{part.name}.h5", "shard": shard}
    values["row"] = np.arange(first, first + len(clip))
    return pd.DataFrame(values)[list(COLUMNS)]
