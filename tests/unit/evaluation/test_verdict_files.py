"""What the verdict writes: verdict.json and the table of contrasts."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from tests import synthetic, verdict_inputs

from hopeworld.evaluation import contrasts, verdict
from hopeworld.evaluation.tables import TableError

RULE = replace(synthetic.VERDICT, enabled=True)


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def write(folder, metrics, rule):
    path = folder / "verdict.json"
    verdict.write(metrics, rule, verdict_inputs.METHODS, ["vit_on_b"], path)
    contrasts.write(metrics, rule, folder / "contrasts.csv")
    table = pd.read_csv(folder / "contrasts.csv")
    return json.loads(path.read_text(), parse_constant=refuse), table


def test_files_have_what_readers_ask_for(tmp_path):
    found, table = write(tmp_path, verdict_inputs.study(seeds=range(6)), RULE)
    keys = {"rule", "rule_hash", "inputs", "gates", "outcome", "reasons", "interval"}
    assert set(found) == keys | {"n_to_decide", "best_control", "sentence"}
    assert found["rule"]["rule"]["superior"] == ["overall"]
    assert found["inputs"]["endpoints"]["overall"]["estimate"] == pytest.approx(-0.12)
    assert found["interval"]["n"] == 6
    assert found["best_control"]["method"] == "vit_frozen"
    assert list(table)[:9] == [
        "contrast", "endpoint", "estimate", "low", "high", "lower_bound", "upper_bound", "p",
        "p_holm",
    ]  # fmt: skip
    assert list(table)[9:] == ["n", "delta", *(f"seed{seed}" for seed in range(6))]
    assert list(table["endpoint"][:3]) == ["adaptation", "stability", "overall"]
    assert table["contrast"][0] == "hope - vit_tta"
    assert set(table["contrast"]) == {
        f"hope - {name}" for name in verdict_inputs.MODELS if name != "hope"
    }
    assert table["seed5"][2] == pytest.approx(-0.12)
    # Only the baseline ran in the placebo stream.
    assert table["delta"].notna().sum() == 3


def test_a_study_without_its_contestants_says_so_or_fails(tmp_path):
    metrics = verdict_inputs.study()
    for name in [n for n in metrics["runs"] if "_hope_seed" in n]:
        del metrics["runs"][name]
    del metrics["methods"]["hope"], metrics["streams"]["placebo"]
    with pytest.raises(TableError, match="hope did not run"):
        write(tmp_path, metrics, RULE)
    found, table = write(tmp_path, metrics, synthetic.VERDICT)
    assert found["outcome"] == "none"
    assert found["reasons"] == ["no verdict: n = 0 < 6"]
    assert table["estimate"].isna().all()


def test_the_hash_is_of_the_rule_and_not_of_whether_it_is_asked():
    assert verdict.rule_hash(RULE) == verdict.rule_hash(replace(RULE, enabled=False))
    assert verdict.rule_hash(RULE) != verdict.rule_hash(replace(RULE, alpha=0.01))
    changed = replace(RULE.rule, not_inferior=("adaptation",))
    assert verdict.rule_hash(RULE) != verdict.rule_hash(replace(RULE, rule=changed))


def test_the_same_study_gives_the_same_files(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, verdict_inputs.study(seeds=range(6)), RULE)
    for name in ("verdict.json", "contrasts.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
