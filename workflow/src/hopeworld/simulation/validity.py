"""Do the simulated clips obey the sliding law? Errors per split and domain, against a limit.

The error of a frame is the distance between the simulated object and where Coulomb's law puts it,
over the resting distance of the clip by the law. The error of the resting distance counts the clips
that have come to rest within their frames.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from hopeworld.settings import Simulation
from hopeworld.simulation.table import TableError, read_attributes, read_clip_table
from hopeworld.simulation.trajectory import resting_distance, sliding_distance

LIMIT = 0.005
SHORTEST_M = 1e-3


class ValidityError(ValueError):
    """Clips that do not obey the sliding law."""


def validate(tables: Sequence[str | os.PathLike], simulation: Simulation) -> dict[str, Any]:
    """Measure the errors of clip tables; raise ValidityError where one exceeds the limit."""
    result = measure(tables, simulation)
    require_valid(result)
    return result


def measure(tables: Sequence[str | os.PathLike], simulation: Simulation) -> dict[str, Any]:
    """Errors per split and domain as `{"limit": ..., "groups": [...]}`, worst clip of each group.

    `frame_error` and `resting_error` are shares of the resting distance; `resting_error` is None
    where no clip comes to rest. Raises TableError where a table is not from these settings.
    """
    groups: dict[tuple[str, str], list[dict[str, np.ndarray]]] = {}
    for path in tables:
        attributes = read_attributes(path)
        _require_same(path, attributes["settings"]["simulation"], simulation)
        group = groups.setdefault((attributes["split"], attributes["domain"]), [])
        group.append(sliding_errors(read_clip_table(path), simulation.frame_hz))
    rows = [_summary(name, errors) for name, errors in sorted(groups.items())]
    return {"limit": LIMIT, "groups": rows}


def require_valid(result: Mapping[str, Any]) -> None:
    """Raise ValidityError, one line, for the first group above the limit."""
    for group in result["groups"]:
        for name in ("frame_error", "resting_error"):
            error = group[name]
            if error is not None and not error <= result["limit"]:
                raise ValidityError(
                    f"clips {group['split']}_{group['domain']}: {name} {error:.2%} exceeds "
                    f"{result['limit']:.2%} of the resting distance; raise simulation.step_hz or "
                    "simulation.inertia_scale"
                )


def sliding_errors(table: Mapping[str, np.ndarray], frame_hz: int) -> dict[str, np.ndarray]:
    """Errors [N] of a clip table: `frame` at its worst frame, `resting` (NaN where still moving).

    Resting distances below a millimetre count as a millimetre.
    """
    push_s = 1 / frame_hz
    law = _law_displacement(table, frame_hz)
    moved = table["position"][:, :, :2] - table["position"][:, :1, :2]
    strength = np.linalg.norm(table["force"], axis=2).max(axis=1)
    rest = resting_distance(strength, table["mass"], table["friction"], push_s)
    scale = np.maximum(rest, SHORTEST_M)
    slid, end = np.linalg.norm(moved[:, -1], axis=1), np.linalg.norm(law[:, -1], axis=1)
    resting = np.where(end == rest, np.abs(slid - rest) / scale, np.nan)
    return {"frame": np.linalg.norm(moved - law, axis=2).max(axis=1) / scale, "resting": resting}


def _law_displacement(table: Mapping[str, np.ndarray], frame_hz: int) -> np.ndarray:
    """Displacement [N, F, 2] in metres since frame 0 by the law."""
    force = table["force"].sum(axis=1)
    strength = np.linalg.norm(force, axis=1)
    frames = np.arange(table["force"].shape[1])
    time_s = (frames[None] - table["onset"][:, None]) / frame_hz
    physics = (strength[:, None], table["mass"][:, None], table["friction"][:, None])
    distance = sliding_distance(*physics, 1 / frame_hz, time_s)
    return distance[:, :, None] * (force / strength[:, None])[:, None]


def _summary(name: tuple[str, str], errors: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    frame, resting = (np.concatenate([e[kind] for e in errors]) for kind in ("frame", "resting"))
    resting = resting[~np.isnan(resting)]
    return {
        "split": name[0],
        "domain": name[1],
        "clips": len(frame),
        "clips_at_rest": len(resting),
        "frame_error": float(frame.max()),
        "resting_error": float(resting.max()) if len(resting) else None,
    }


def _require_same(
    path: str | os.PathLike, stored: Mapping[str, Any], simulation: Simulation
) -> None:
    expected = json.loads(json.dumps(asdict(simulation)))
    # A table knows of no severity but its own.
    known = expected.pop("severities")
    if any(known.get(name) != domain for name, domain in stored["severities"].items()):
        raise TableError(path, "simulated with another simulation.severities")
    differing = [name for name, value in expected.items() if stored.get(name) != value]
    if differing:
        raise TableError(path, f"simulated with another simulation.{differing[0]}")
