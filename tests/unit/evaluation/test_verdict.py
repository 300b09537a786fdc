"""The rule: mirrored, blind to noise, not to a large effect, and stopped by every gate."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import stats
from tests import synthetic

from hopeworld.evaluation import contrasts, verdict
from hopeworld.evaluation.endpoints import Contestant, Evidence

RULE = replace(synthetic.VERDICT, enabled=True)
ENDPOINTS = ("adaptation", "stability", "overall", "skill_A1")
MIRROR = {"hope": "tta", "tta": "hope", "inconclusive": "inconclusive", "none": "none"}
SEEDS = 6
WOBBLE = 0.002 * np.array([1.0, -1.0, 0.5, -0.5, 0.2, -0.2])


def per_seed(values):
    return dict(enumerate(np.broadcast_to(values, SEEDS).tolist()))


def side(name, anytime_loss=0.3, **changes):
    made = Contestant(
        name=name,
        skill_A1=per_seed(0.5),
        domain_gap=per_seed(0.2 + WOBBLE),
        oracle_gain=per_seed(np.nan),
        gain=per_seed(0.05),
        net_gain=per_seed(0.03),
        anytime_loss=per_seed(anytime_loss),
        collapsed=0,
    )
    return replace(made, **changes)


def evidence(
    overall=-0.05, adaptation=-0.05, stability=-0.05, skill=0.0, margin=0.01, seeds=SEEDS, **changes
):
    """A study in which HOPE is better by 0.05 everywhere unless said otherwise."""
    means = zip(ENDPOINTS, (adaptation, stability, overall, skill), strict=True)
    made = Evidence(
        candidate=side("hope", 0.25),
        baseline=side("vit_tta", 0.30),
        seeds=seeds,
        orders=2,
        differences={name: per_seed(mean + WOBBLE) for name, mean in means},
        margins=dict.fromkeys(ENDPOINTS, margin),
        controls={"mean_map": 0.4, "persistence": 0.5},
    )
    return replace(made, **changes)


def swapped(found):
    turned = {
        name: {seed: -value for seed, value in values.items()}
        for name, values in found.differences.items()
    }
    return replace(found, candidate=found.baseline, baseline=found.candidate, differences=turned)


def with_side(which, found=None, **changes):
    found = found or evidence()
    return replace(found, **{which: replace(getattr(found, which), **changes)})


def drawn(generator, effect=0.0, margin=0.0, shared=0.0):
    """A study whose endpoints are noise around an effect; `shared` is their correlation's root."""
    common = generator.standard_normal(SEEDS)
    own = generator.standard_normal((4, SEEDS))
    noise = shared * common + np.sqrt(1 - shared**2) * own
    values = {n: per_seed(effect + row) for n, row in zip(ENDPOINTS, noise, strict=True)}
    values["skill_A1"] = per_seed(WOBBLE)
    margins = dict.fromkeys(ENDPOINTS, margin) | {"skill_A1": 1.0}
    return evidence(differences=values, margins=margins)


def test_a_large_effect_is_found_for_either_side():
    found = verdict.decide(evidence(), RULE)
    assert (found.outcome, found.reasons) == ("hope", ())
    assert found.sentence.startswith("HOPE beats ViT-AC + TTA: overall -0.0500 [")
    turned = verdict.decide(swapped(evidence()), RULE)
    assert turned.outcome == "tta"


def test_the_baseline_wins_by_the_mirrored_rule():
    found = verdict.decide(evidence(0.05, 0.05, 0.05), RULE)
    assert found.outcome == "tta"
    assert found.sentence.startswith("ViT-AC + TTA beats HOPE: overall +0.0500")


def test_swapping_the_contestants_mirrors_the_verdict():
    generator, outcomes = np.random.default_rng(0), set()
    for _ in range(500):
        found = drawn(generator, generator.normal(0, 4), generator.uniform(0, 2), 0.9)
        found = with_side(
            generator.choice(["candidate", "baseline"]),
            found,
            net_gain=per_seed(generator.normal(0.03, 0.03)),
            skill_A1=per_seed(generator.normal(0.5, 0.2)),
            collapsed=int(generator.integers(3)),
        )
        one, other = verdict.decide(found, RULE), verdict.decide(swapped(found), RULE)
        assert other.outcome == MIRROR[one.outcome]
        assert other.gates.keys() == one.gates.keys()
        assert [g.passed for g in other.gates.values()] == [g.passed for g in one.gates.values()]
        assert one.contrasts["overall"].n_to_decide == other.contrasts["overall"].n_to_decide
        outcomes.add(one.outcome)
    assert outcomes == {"hope", "tta", "inconclusive"}


def test_a_mirrored_contrast_is_that_of_the_swapped_study():
    found, margins = evidence(stability=0.02), dict.fromkeys(ENDPOINTS, 0.01)
    one = contrasts.contrasts(found.differences, margins, RULE)
    other = contrasts.contrasts(swapped(found).differences, margins, RULE)
    for name in ENDPOINTS:
        ours, theirs = asdict(one[name].mirrored()), asdict(other[name])
        assert ours.pop("per_seed") == theirs.pop("per_seed")
        assert ours == pytest.approx(theirs, nan_ok=True)


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_noise_wins_at_most_at_the_nominal_rate(shared):
    """Even without a margin; the alternative, that it wins more often, is refuted at 0.1 %."""
    generator, count = np.random.default_rng(1), 2000
    won = 0
    for _ in range(count):
        found = verdict.decide(drawn(generator, shared=shared), RULE)
        won += found.outcome in ("hope", "tta")
    assert won <= stats.binom.ppf(0.999, count, RULE.alpha)
    if shared == 1.0:
        # Three copies of one endpoint win where its p is below alpha / 3.
        assert won >= stats.binom.ppf(0.001, count, RULE.alpha / 3)


def test_noise_within_the_margin_of_its_placebo_wins_never():
    generator = np.random.default_rng(2)
    found = [verdict.decide(drawn(generator, margin=3.0, shared=1.0), RULE) for _ in range(200)]
    assert {one.outcome for one in found} == {"inconclusive"}


@pytest.mark.parametrize("name", ["adaptation", "stability"])
def test_a_win_may_not_cost_more_than_the_margin_elsewhere(name):
    assert verdict.decide(evidence(**{name: 0.005}), RULE).outcome == "hope"
    found = verdict.decide(evidence(**{name: 0.02}), RULE)
    assert (found.outcome, found.reasons) == ("inconclusive", (f"{name} may be inferior",))


def test_a_difference_within_the_margin_is_no_win():
    found = verdict.decide(evidence(overall=-0.005), RULE)
    assert found.reasons == ("overall is not superior",)
    assert "Not even 1000 seeds would decide at this difference and spread." in found.sentence


def test_the_seeds_that_would_decide_are_named():
    wide = evidence()
    wide.differences["overall"].update(per_seed(-0.05 + 40 * WOBBLE))
    found = verdict.decide(wide, RULE)
    needed = found.contrasts["overall"].n_to_decide
    assert found.outcome == "inconclusive"
    assert needed > SEEDS
    assert f"{needed} seeds would decide" in found.sentence


@pytest.mark.parametrize("skill", [-0.02, 0.02])
def test_different_base_models_confound(skill):
    found = verdict.decide(evidence(skill=skill), RULE)
    assert found.outcome == "inconclusive"
    assert found.reasons == ("confounded by base fit: skill_A1 is not comparable",)


@pytest.mark.parametrize(
    ("which", "changes", "gate", "reason"),
    [
        ("candidate", {"domain_gap": per_seed(10 * WOBBLE)}, "domain_gap", "domain gap of the"),
        ("baseline", {"domain_gap": per_seed(np.nan)}, "domain_gap", "above 0 (NA, n = 0)"),
        ("baseline", {"oracle_gain": per_seed(-0.01)}, "domain_gap", "gain of an oracle"),
        ("candidate", {"skill_A1": per_seed(-0.1)}, "base_skill", "object skill on A1 of HOPE"),
        ("baseline", {"skill_A1": per_seed(0.0)}, "base_skill", "of ViT-AC + TTA is not above"),
        ("candidate", {"net_gain": per_seed(-0.01)}, "net_gain", "gain net of placebo of HOPE"),
        ("candidate", {"net_gain": per_seed(np.nan)}, "net_gain", "gain net of placebo of HOPE"),
        ("candidate", {"gain": per_seed(-0.02)}, "net_gain", "gain over the frozen twin of HOPE"),
        (
            "candidate",
            {"net_gain": {0: 0.1, **dict.fromkeys(range(1, 6), np.nan)}},
            "net_gain",
            "gain net of placebo of HOPE is not above 0 (+0.1000, n = 1)",
        ),
        ("baseline", {"collapsed": 2}, "collapsed", "2 collapsed runs, more than 1"),
    ],
)
def test_every_gate_blocks(which, changes, gate, reason):
    found = verdict.decide(with_side(which, **changes), RULE)
    assert found.outcome == "inconclusive"
    assert [name for name, one in found.gates.items() if not one.passed] == [gate]
    assert len(found.reasons) == 1
    assert reason in found.reasons[0]


def test_only_the_winner_must_have_adapted():
    loser = with_side("baseline", net_gain=per_seed(-0.01))
    assert verdict.decide(loser, RULE).outcome == "hope"
    assert verdict.decide(swapped(loser), RULE).outcome == "tta"


def test_an_oracle_that_does_better_and_one_collapse_are_tolerated():
    found = with_side("baseline", oracle_gain=per_seed(0.05), collapsed=1)
    assert verdict.decide(found, RULE).outcome == "hope"


def test_a_gate_that_is_not_asked_for_does_not_block():
    asked = replace(RULE, rule=replace(RULE.rule, gates=("base_skill",)))
    assert verdict.decide(with_side("candidate", net_gain=per_seed(-1.0)), asked).outcome == "hope"


def test_all_reasons_are_listed():
    found = verdict.decide(
        with_side("candidate", evidence(overall=0.0, skill=0.1), collapsed=3), RULE
    )
    assert len(found.reasons) == 3
    assert all(reason in found.sentence for reason in found.reasons)


def test_too_few_seeds_or_orders_give_no_verdict():
    found = verdict.decide(evidence(seeds=2), RULE)
    assert (found.outcome, found.reasons) == ("none", ("no verdict: n = 2 < 6",))
    assert found.sentence == "HOPE against ViT-AC + TTA: no verdict: n = 2 < 6."
    found = verdict.decide(evidence(seeds=2, orders=1), RULE)
    assert found.reasons == ("no verdict: n = 2 < 6, orders = 1 < 2",)
    assert found.contrasts["overall"].estimate == pytest.approx(-0.05)


def test_a_verdict_that_is_not_asked_for_is_not_given():
    found = verdict.decide(evidence(), replace(RULE, enabled=False))
    assert (found.outcome, found.reasons) == ("none", ("no verdict: verdict.enabled is false",))


def test_seeds_without_a_value_do_not_count():
    found = evidence()
    found.differences["stability"].update({0: np.nan})
    decided = verdict.decide(found, RULE)
    assert decided.outcome == "inconclusive"
    assert decided.reasons == ("stability is NA in all but 5 of 6 seeds",)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_run_that_diverged_leaves_nothing_to_conclude(value):
    found = evidence()
    found.differences["overall"].update({0: value})
    decided = verdict.decide(found, RULE)
    assert decided.outcome == "inconclusive"
    assert "overall is infinite: a run diverged" in decided.reasons


def test_no_margin_no_verdict():
    found = verdict.decide(evidence(margin=np.nan), RULE)
    assert found.outcome == "inconclusive"
    assert "overall has no margin" in found.reasons


def test_a_cheap_control_that_beats_both_is_said_first():
    better = evidence(controls={"vit_force_scale": 0.2, "persistence": 0.5})
    found = verdict.decide(better, RULE)
    assert found.best_control.method == "vit_force_scale"
    assert found.best_control.beats_both
    assert found.sentence.startswith("The cheap control ViT-AC + force scale beats both: anytime")
    assert "HOPE beats ViT-AC + TTA" in found.sentence


def test_a_cheap_control_that_beats_one_is_named_in_the_file_alone():
    found = verdict.decide(evidence(controls={"vit_force_scale": 0.27}), RULE)
    assert not found.best_control.beats_both
    assert "cheap" not in found.sentence
    assert verdict.decide(evidence(controls={}), RULE).best_control is None
    unknown = evidence(controls={"vit_force_scale": np.nan, "mean_map": 0.05})
    assert verdict.decide(unknown, RULE).best_control.method == "mean_map"
