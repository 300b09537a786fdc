"""Tables of runs under each other, and what carrying a state is worth."""

from __future__ import annotations

import pandas as pd

from hopeworld.probing import tables


def test_tables_are_joined_with_the_columns_of_all(tmp_path):
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    tables.write_csv(pd.DataFrame({"method": ["hope"], "drift_B": [1.5]}), one)
    tables.write_csv(pd.DataFrame({"method": [], "drift_B": [], "drift_B2": []}), other)
    joined = tables.join([one, other])
    assert list(joined) == ["method", "drift_B", "drift_B2"]
    assert joined.drift_B.tolist() == [1.5]


def test_usefulness_is_the_mean_benefit_of_a_phase_with_its_clips():
    rows = [
        ("main", "A1", "carry_benefit", 0.1),
        ("main", "A1", "carry_benefit", 0.3),
        ("main", "B", "carry_benefit", -0.2),
        ("main", "B", "drift", 9.0),
        ("placebo", "A1", "carry_benefit", 5.0),
    ]
    memory = pd.DataFrame(rows, columns=["stream", "phase", "name", "value"])
    memory = memory.assign(method="hope", seed=0, order=1)
    table = tables.usefulness(memory, "main")
    assert table.phase.tolist() == ["A1", "B"]
    assert table.carry_benefit.tolist() == [0.2, -0.2]
    assert table.n.tolist() == [2, 1]
    assert table.order.tolist() == [1, 1]
