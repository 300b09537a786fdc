"""Curves over the stream: within phases, holes stay holes."""

import numpy as np
import pandas as pd
from tests import synthetic

from hopeworld.figures import curves


def clips(seed=0, loss=None):
    values = np.arange(8.0) if loss is None else np.asarray(loss)
    return pd.DataFrame(
        {
            "method": "hope",
            "seed": seed,
            "k": range(8),
            "phase": ["A1"] * 3 + ["B"] * 3 + ["A2"] * 2,
            "loss": values,
        }
    )


def test_smoothing_stays_within_a_phase():
    table = clips(loss=[0, 0, 0, 9, 9, 9, 0, 0])
    assert curves.smoothed(table, "loss", 4)["loss"].tolist() == [0, 0, 0, 9, 9, 9, 0, 0]


def test_window_of_one_is_the_identity():
    assert curves.smoothed(clips(), "loss", 1)["loss"].tolist() == list(range(8))


def test_band_is_the_range_of_the_seeds():
    table = pd.concat([clips(0), clips(1, np.arange(8.0) + 2)])
    curve = curves.over_seeds(table, "loss")
    assert curve["mean"].tolist() == [k + 1.0 for k in range(8)]
    assert curve["low"].tolist() == list(range(8))
    assert set(curve["seeds"]) == {2}


def test_a_diverged_seed_leaves_a_hole():
    table = pd.concat([clips(0), clips(1, [0, 1, np.inf, 3, 4, 5, 6, 7])])
    curve = curves.over_seeds(table, "loss")
    assert np.isnan(curve["mean"][2])
    assert np.isfinite(curve["mean"].drop(2)).all()


def test_per_clip_pairs_with_the_twin_and_keeps_divergence():
    stream = synthetic.stream("hope", synthetic.TRUTHS["hope"])
    stream["loss_frozen"] = stream["loss"] + 0.01
    stream.loc[stream["k"] == 4, "loss"] = np.nan
    found = curves.per_clip(stream, "object").set_index("k")
    np.testing.assert_allclose(found["gain"].drop(4), 0.01)
    assert found["loss"][4] == np.inf
    assert found["gain"][4] == -np.inf
    assert curves.phases_of(found.reset_index()) == ["A1"] * 32 + ["B"] * 64 + ["A2"] * 48


def test_only_the_main_stream_is_read(tmp_path):
    path = tmp_path / "stream.parquet"
    names = {"models": {"hope": "hope"}, "methods": {"hope": {}}, "kinds": {"hope": "hope"}}
    parts = [clips().assign(stream=stream) for stream in ("main", "placebo")]
    pd.concat(parts).to_parquet(path)
    assert set(curves.read_drawn(path, names, ("hope",))["stream"]) == {"main"}
    assert set(curves.read_drawn(path, names, ("hope",), "placebo")["stream"]) == {"placebo"}


def test_values_of_a_seed_are_means_over_its_orders():
    runs = [{"method": "hope", "seed": 0, "order": order, "x": order} for order in (1, 3)]
    runs += [{"method": "hope", "seed": 1, "order": 0, "x": None}]
    found = curves.per_seed({"runs": dict(enumerate(runs))}, ["hope"], ["x", "y"])
    assert found["x"][0] == 2.0
    assert np.isnan(found["x"][1])
    assert found["y"].isna().all()
