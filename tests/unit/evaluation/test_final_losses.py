"""The table of final losses, in CSV and in LaTeX."""

from tests import synthetic

from hopeworld.evaluation import final_losses


def entry(mean, low=None, high=None, n=1):
    return {"mean": mean, "low": low, "high": high, "n": n}


def metrics(**values):
    names = [name for block in final_losses.PRINTED for name in block]
    row = {name: entry(0.2) for name in names} | values
    return {
        "encoder": {"weights": "random", "mode": "tubelet"},
        "gate": {"passed": True},
        "seeds": [0, 1],
        "confidence": 0.95,
        "methods": {"hope": row, "my_method": row},
    }


def test_csv_holds_the_numbers_of_the_metrics():
    table = final_losses.table(metrics(final_loss_B=entry(0.3, 0.2, 0.4, 2)))
    row = table.query("method == 'hope' and metric == 'final_loss_B'").iloc[0]
    assert row[["region", "mean", "low", "high", "n"]].tolist() == ["object", 0.3, 0.2, 0.4, 2]


def test_latex_prints_intervals_na_and_one_row_per_method():
    values = {"final_loss_B": entry(0.3, 0.25, 0.35, 2), "probe_B_end": entry(None, n=0)}
    text = final_losses.latex(metrics(**values), synthetic.EVALUATION)
    lines = [line for line in text.splitlines() if line.startswith("HOPE &")]
    assert lines[0] == r"HOPE & 0.200 & 0.300 $\pm$ 0.050 & 0.200 \\"
    assert lines[1] == r"HOPE & 0.200 & NA & 0.200 \\"
    assert "my method &" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1


def test_every_row_of_the_latex_table_has_as_many_columns():
    text = final_losses.latex(metrics(), synthetic.EVALUATION)
    rows = [line for line in text.splitlines() if line.startswith(("method", "HOPE"))]
    assert {row.count("&") for row in rows} == {3}


def test_methods_without_a_metric_have_na():
    study = metrics()
    study["methods"]["my_method"] = {"final_loss_B": entry(0.3)}
    text = final_losses.latex(study, synthetic.EVALUATION)
    assert r"my method & NA & 0.300 & NA \\" in text
    assert len(final_losses.table(study).query("method == 'my_method'")) == 1


def test_latex_states_scope_and_stamp():
    text = final_losses.latex(metrics(), synthetic.EVALUATION)
    assert r"last 25\% of a phase" in text
    assert "random encoder weights (no pretrained V-JEPA 2)" in text
    assert r"95\% t interval over 2 seeds" in text
    one = metrics() | {"seeds": [0]}
    assert "one seed, so no interval" in final_losses.latex(one, synthetic.EVALUATION)
