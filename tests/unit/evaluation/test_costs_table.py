"""The table of costs, in CSV and in LaTeX."""

import pytest
from tests import synthetic, synthetic_analysis

from hopeworld.evaluation import costs_table


def costs(seeds=(0, 1)):
    methods = synthetic.methods().items()
    return [synthetic_analysis.cost(name, one, seed) for name, one in methods for seed in seeds]


def test_methods_have_one_row_in_the_one_order():
    table = costs_table.table(costs())
    assert list(table["method"]) == list(synthetic.TRUTHS)
    row = table.set_index("method").loc["vit_tta"]
    assert row["adapted_scalars"] == 1920
    assert row["time_ms"] == pytest.approx(12.05)
    assert row["seeds"] == 2


def test_seeds_of_different_size_are_refused():
    other = {**costs()[0], "seed": 5, "parameters": 7}
    with pytest.raises(ValueError, match=r"vit_frozen: parameters differs between seeds"):
        costs_table.table([*costs(), other])


def test_latex_has_a_row_per_method_and_na_where_nothing_was_counted():
    unknown = [{**cost, "flops_per_transition": None} for cost in costs((0,))]
    text = costs_table.latex(costs_table.table(unknown))
    assert r"ViT-AC + force scale & 1\,220\,000 & 1 & 0 & NA & 12.0 \\" in text
    assert text.isascii()


def test_both_forms_are_written(tmp_path):
    csv, tex = tmp_path / "costs.csv", tmp_path / "costs.tex"
    costs_table.write(costs(), csv, tex)
    assert csv.read_text().startswith("method,model,parameters,adapted_scalars,state_scalars,")
    assert r"\toprule" in tex.read_text()
