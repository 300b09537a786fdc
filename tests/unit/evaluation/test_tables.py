"""Tables are read strictly, paired with their twins, and complete or refused in one line."""

import numpy as np
import pandas as pd
import pytest
from tests import synthetic

from hopeworld import schema
from hopeworld.evaluation import tables
from hopeworld.evaluation.tables import TableError
from hopeworld.parquet import write_table


@pytest.fixture
def stream():
    parts = [synthetic.stream(name, truth) for name, truth in synthetic.TRUTHS.items()]
    return pd.concat(parts, ignore_index=True)


def test_twin_is_the_frozen_model_on_the_same_transition(stream):
    joined = tables.join_twin(stream, synthetic.methods())
    assert list(joined) == list(schema.STREAM)
    keys = ["k", "t", "kind", "region"]
    adapted = joined[joined["method"] == "vit_tta"].set_index(keys)
    frozen = joined[joined["method"] == "vit_frozen"].set_index(keys)
    pd.testing.assert_series_equal(
        adapted["loss_frozen"].sort_index(), frozen["loss"].sort_index(), check_names=False
    )
    assert (frozen["loss_frozen"] == frozen["loss"]).all()


def test_twins_of_another_seed_or_order_are_not_taken(stream):
    other = synthetic.stream("vit_frozen", synthetic.TRUTHS["vit_frozen"], seed=1)
    joined = tables.join_twin(pd.concat([stream, other]), synthetic.methods())
    assert len(joined) == len(stream) + len(other)
    tuned = joined[joined["method"] == "vit_tta"]
    own = joined[(joined["method"] == "vit_frozen") & (joined["seed"] == 0)]
    assert tuned["loss_frozen"].sum() == pytest.approx(own["loss"].sum())


def test_twins_of_another_stream_are_not_taken(stream):
    other = [
        synthetic.stream(name, truth, plan="placebo")
        for name, truth in synthetic.TRUTHS.items()
        if name in ("vit_frozen", "vit_tta")
    ]
    joined = tables.join_twin(pd.concat([stream, *other]), synthetic.methods())
    assert len(joined) == len(stream) + sum(map(len, other))
    rows = tables.persistence_rows(joined)
    assert set(rows["run"]) == {f"{s}_persistence_seed0_order0" for s in ("main", "placebo")}
    own = joined[(joined["stream"] == "placebo") & (joined["method"] == "vit_tta")]
    assert own["loss_frozen"].sum() == pytest.approx(other[0]["loss"].sum())


def test_a_twin_on_other_clips_is_refused(stream):
    stream.loc[(stream["method"] == "vit_frozen") & (stream["k"] == 5), "clip"] = 99
    with pytest.raises(TableError, match=r"main_vit_tta_seed0_order0: clip 5 .* with vit_frozen"):
        tables.join_twin(stream, synthetic.methods())


def test_a_missing_twin_is_refused(stream):
    with pytest.raises(TableError, match="not paired with hope_frozen"):
        tables.join_twin(stream[stream["method"] != "hope_frozen"], synthetic.methods())


def test_missing_runs_are_named_in_one_line(stream):
    streams = {"main": list(synthetic.TRUTHS), "placebo": ["hope"]}
    with pytest.raises(TableError) as caught:
        tables.require_runs(stream, "default", streams, (0, 1), (0,))
    message = str(caught.value)
    assert "study default: 8 of 14 runs are missing (main_vit_frozen_seed1_order0" in message
    assert "and 5 more" in message
    assert "\n" not in message


def test_a_missing_column_is_named_with_its_file(stream, tmp_path):
    path = tmp_path / "stream.parquet"
    stream.drop(columns="persistence").to_parquet(path)
    with pytest.raises(TableError, match=r"stream\.parquet: no column 'persistence'"):
        tables.read_table([path], schema.STREAM)


def test_empty_tables_do_not_change_the_types_of_full_ones(tmp_path):
    for name in ("vit_tta", "hope"):
        table = synthetic.memory(name, synthetic.TRUTHS[name])
        write_table(table, tmp_path / f"{name}.parquet")
    paths = [tmp_path / "vit_tta.parquet", tmp_path / "hope.parquet"]
    read = tables.read_table(paths, schema.MEMORY)
    pd.testing.assert_frame_equal(read, synthetic.memory("hope", synthetic.TRUTHS["hope"]))
    assert len(tables.read_table(paths[:1], schema.MEMORY)) == 0


def test_persistence_as_a_method_copies_its_own_loss(stream):
    joined = tables.join_twin(stream, synthetic.methods())
    rows = tables.persistence_rows(joined)
    assert set(rows["run"]) == {"main_persistence_seed0_order0"}
    np.testing.assert_array_equal(rows["loss"], rows["persistence"])
    np.testing.assert_array_equal(rows["loss_frozen"], rows["persistence"])
    assert rows["time_ms"].isna().all()
