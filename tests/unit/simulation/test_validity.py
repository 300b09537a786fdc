"""Validity: known errors are found, small ones pass, large ones are one clear line."""

import dataclasses

import numpy as np
import pytest
from tests.tiny_clips import SIMULATION

from hopeworld.schema import CLIP_SHARD
from hopeworld.simulation.table import TableError, write_clip_table
from hopeworld.simulation.trajectory import resting_distance, sliding_distance
from hopeworld.simulation.validity import ValidityError, measure, sliding_errors, validate

FORCE, MASS, FRICTION, ONSET = 15.0, 1.0, 0.2, 3
REST = float(resting_distance(FORCE, MASS, FRICTION, 1 / 12))


def lawful_table(friction=FRICTION):
    """Two clips along (3, 4) / 5 that obey the law exactly."""
    sizes = {"N": 2, "F": 16, "T": 8, "P": 4}
    table = {
        name: np.zeros([sizes.get(a) or int(a) for a in column.axes.split()], column.dtype)
        for name, column in CLIP_SHARD.items()
    }
    time_s = (np.arange(16) - ONSET) / 12
    distance = sliding_distance(FORCE, MASS, friction, 1 / 12, time_s)
    table["position"][:, :, :2] = 0.1 + distance[:, None] * [0.6, 0.8]
    table["force"][:, ONSET] = FORCE * np.array([0.6, 0.8])
    table["onset"][:] = ONSET
    table["mass"][:], table["friction"][:] = MASS, friction
    return table


def write(folder, name, table, split="train", domain="A"):
    settings = {"simulation": dataclasses.asdict(SIMULATION)}
    identity = {"config": "", "split": split, "domain": domain}
    path = folder / f"{name}.h5"
    write_clip_table(path, table, identity | {"settings": settings, "versions": {}})
    return path


def test_a_lawful_clip_has_no_error():
    errors = sliding_errors(lawful_table(), 12)
    assert errors["frame"].max() < 1e-12
    assert errors["resting"].max() < 1e-12


@pytest.mark.parametrize("share", [0.001, 0.01])
@pytest.mark.parametrize(("frame", "direction"), [(6, (0.6, 0.8)), (9, (-0.8, 0.6))])
def test_an_error_at_one_frame_is_found(share, frame, direction):
    table = lawful_table()
    table["position"][1, frame, :2] += share * REST * np.array(direction)
    errors = sliding_errors(table, 12)
    assert errors["frame"] == pytest.approx([0, share], abs=1e-9)
    assert errors["resting"] == pytest.approx([0, 0], abs=1e-9)


def test_the_resting_distance_is_checked_only_at_rest():
    table = lawful_table()
    table["position"][0, -1, :2] += 0.002 * REST * np.array([0.6, 0.8])
    assert sliding_errors(table, 12)["resting"] == pytest.approx([0.002, 0], abs=1e-9)
    assert np.isnan(sliding_errors(lawful_table(friction=0.02), 12)["resting"]).all()


def test_errors_are_reported_per_split_and_domain(tmp_path):
    off = lawful_table()
    off["position"][0, 7, 0] += 0.003 * REST
    paths = [
        write(tmp_path, "a", lawful_table()),
        write(tmp_path, "b", off),
        write(tmp_path, "c", lawful_table(friction=0.02), "probe", "B"),
    ]
    probe, train = validate(paths, SIMULATION)["groups"]
    assert (train["split"], train["domain"], train["clips"]) == ("train", "A", 4)
    assert train["frame_error"] == pytest.approx(0.003, abs=1e-9)
    assert (probe["split"], probe["clips_at_rest"], probe["resting_error"]) == ("probe", 0, None)


def test_an_error_above_the_limit_is_one_line(tmp_path):
    off = lawful_table()
    off["position"][0, 7, 0] += 0.02 * REST
    path = write(tmp_path, "a", off)
    assert measure([path], SIMULATION)["limit"] == 0.005
    with pytest.raises(
        ValidityError, match=r"train_A: frame_error 2\.00% exceeds 0\.50%"
    ) as raised:
        validate([path], SIMULATION)
    assert "\n" not in str(raised.value)


def test_a_nan_is_not_valid(tmp_path):
    off = lawful_table()
    off["position"][0, 7, 0] = np.nan
    with pytest.raises(ValidityError):
        validate([write(tmp_path, "a", off)], SIMULATION)


def test_a_table_of_other_settings_is_refused(tmp_path):
    path = write(tmp_path, "a", lawful_table())
    other = dataclasses.replace(SIMULATION, frame_hz=24)
    with pytest.raises(TableError, match=r"a\.h5: simulated with another simulation\.frame_hz"):
        validate([path], other)
