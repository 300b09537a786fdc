"""From metrics.json to what the rule looks at: signs, pairing, margins, NA and what is missing."""

import copy
import math
from dataclasses import replace

import pytest
from tests import synthetic
from tests.verdict_inputs import METHODS, study

from hopeworld.evaluation import endpoints
from hopeworld.evaluation.tables import TableError

RULE = replace(synthetic.VERDICT, enabled=True)


def gather(metrics, rule=RULE):
    return endpoints.gather(metrics, rule, METHODS, ["vit_on_b"])


def changed(metrics, stream="main", method="hope", seed=0, order=0, **changes):
    metrics = copy.deepcopy(metrics)
    runs = metrics["runs"] if stream == "main" else metrics["streams"][stream]["runs"]
    runs[f"{stream}_{method}_seed{seed}_order{order}"] |= changes
    return metrics


def test_endpoints_are_in_skill_points_and_negative_for_the_better():
    found = endpoints.differences(study()["runs"], "hope", "vit_tta")
    assert found["adaptation"] == pytest.approx({0: -0.1, 1: -0.1})
    assert found["overall"] == pytest.approx({0: -0.12, 1: -0.12})
    assert found["stability"] == pytest.approx({0: -0.2, 1: -0.2})
    assert found["skill_A1"] == {0: 0.0, 1: 0.0}


def test_swapping_the_methods_turns_every_sign():
    runs = changed(study(), skill_frozen_A1=0.7)["runs"]
    found = endpoints.differences(runs, "hope", "vit_tta")
    turned = endpoints.differences(runs, "vit_tta", "hope")
    for name, values in found.items():
        assert turned[name] == pytest.approx({seed: -value for seed, value in values.items()})


def test_orders_are_averaged_first():
    found = endpoints.differences(changed(study(), loss_B=0.42)["runs"], "hope", "vit_tta")
    assert found["adaptation"] == pytest.approx({0: (0.2 - 0.1) / 2, 1: -0.1})


def test_only_runs_of_the_same_seed_and_order_are_paired():
    metrics = study()
    del metrics["runs"]["main_hope_seed1_order0"], metrics["runs"]["main_vit_tta_seed1_order1"]
    assert set(endpoints.differences(metrics["runs"], "hope", "vit_tta")["overall"]) == {0}


def test_na_drops_out_of_the_mean_over_orders():
    runs = changed(study(), forgetting_rate=None)["runs"]
    found = endpoints.differences(runs, "hope", "vit_tta")["stability"]
    assert found == pytest.approx({0: -0.2, 1: -0.2})
    runs = changed({"runs": runs}, order=1, forgetting_rate=None)["runs"]
    assert math.isnan(endpoints.differences(runs, "hope", "vit_tta")["stability"][0])


@pytest.mark.parametrize(
    ("method", "key", "endpoint", "sign"),
    [
        ("hope", "loss_B", "adaptation", 1),
        ("hope", "forgetting_rate", "stability", 1),
        ("hope", "skill_frozen_A1", "skill_A1", -1),
        ("vit_tta", "anytime_loss", "overall", -1),
    ],
)
def test_a_run_that_diverged_is_infinitely_bad_and_not_missing(method, key, endpoint, sign):
    runs = changed(study(), method=method, diverged=1.0, **{key: None})["runs"]
    found = endpoints.differences(runs, "hope", "vit_tta")[endpoint]
    assert found[0] == sign * math.inf
    assert math.isfinite(found[1])


def test_margins_come_from_the_orders_of_a_seed_and_are_shares_of_the_main_stream():
    # The differences of the losses are 0, 0.01 in seed 0 and 0.06, 0.07 in seed 1.
    metrics = changed(study(), stream="placebo", seed=1, order=1, loss_B=0.09)
    for one in metrics["streams"]["placebo"]["runs"].values():
        one["persistence_B"] = 0.1
    found = endpoints.margins(metrics, "hope", "vit_tta", replace(RULE, margin_quantile=1.0))
    assert found["adaptation"] == pytest.approx(0.03 / 0.6)
    assert found["stability"] == 0.0
    assert found["skill_A1"] == RULE.base_margin


def test_no_margin_without_a_placebo_of_both_in_two_orders():
    metrics = study()
    assert math.isnan(endpoints.margins(metrics, "hope", "mean_map", RULE)["overall"])
    assert math.isnan(endpoints.margins(study(orders=(0,)), "hope", "vit_tta", RULE)["overall"])
    missing = changed(study(), stream="placebo", anytime_loss=None)
    assert math.isnan(endpoints.margins(missing, "hope", "vit_tta", RULE)["overall"])
    del metrics["streams"]["placebo"]
    assert math.isnan(endpoints.margins(metrics, "hope", "vit_tta", RULE)["overall"])


def test_evidence_holds_what_the_gates_ask():
    found = gather(changed(study(), method="vit_tta", collapsed=1.0, net_gain=0.05))
    assert (found.seeds, found.orders) == (2, 2)
    assert (found.candidate.name, found.baseline.name) == ("hope", "vit_tta")
    assert (found.candidate.collapsed, found.baseline.collapsed) == (0, 1)
    assert found.baseline.net_gain == pytest.approx({0: 0.04, 1: 0.03})
    assert found.baseline.oracle_gain == {0: 0.05, 1: 0.05}
    assert all(math.isnan(value) for value in found.candidate.oracle_gain.values())


def test_cheap_controls_know_nothing_of_b():
    cheap = ["vit_frozen", "vit_force_scale", "hope_frozen", "mean_map", "persistence"]
    assert sorted(gather(study()).controls) == sorted(cheap)
    assert gather(study()).controls["mean_map"] == pytest.approx(0.4)


def test_a_verdict_names_the_contestant_that_did_not_run():
    metrics = study()
    del metrics["methods"]["hope"]
    with pytest.raises(TableError, match=r"hope did not run; add it to adaptation\.contestants"):
        gather(metrics)


def test_a_verdict_needs_a_placebo():
    metrics = study()
    del metrics["streams"]["placebo"]
    with pytest.raises(TableError, match="0 placebo orders of hope and vit_tta, a margin needs 2"):
        gather(metrics)


def test_a_metric_that_is_not_there_is_named():
    metrics = study()
    del (
        metrics["runs"]["main_hope_seed0_order0"]["persistence_B"],
        metrics["runs"]["main_vit_tta_seed0_order0"]["persistence_B"],
    )
    with pytest.raises(TableError, match="no 'persistence_B' of vit_tta; run summarise_study"):
        gather(metrics)


def test_without_a_verdict_what_is_missing_is_empty():
    metrics = study()
    for name in [n for n in metrics["runs"] if "_hope_seed" in n]:
        del metrics["runs"][name]
    metrics["streams"] = {}
    found = gather(metrics, synthetic.VERDICT)
    assert found.seeds == 0
    assert found.differences["overall"] == {}
    assert math.isnan(found.margins["overall"])
