"""When a run counts as having learnt the motion, and from the action."""

import math

import pytest
from tests.tiny_training import tiny_training

from hopeworld.training.gate import describe, judge


def gate(skill, zero, shuffled, **changes):
    scores = {
        ("skill", "object"): skill,
        ("skill_zero_action", "object"): zero,
        ("skill_shuffled_action", "object"): shuffled,
    }
    return judge(
        scores,
        tiny_training(gate_skill=0.2, gate_action_share=0.25)
        if not changes
        else tiny_training(**changes),
    )


def test_passes_with_skill_that_needs_the_action():
    made = gate(0.5, 0.1, 0.3)
    assert made["passed"] is True
    assert made["kept_without_action"] == 0.3
    assert made["lost_share"] == pytest.approx(0.4)
    assert made["thresholds"] == {"gate_skill": 0.2, "gate_action_share": 0.25}


def test_the_larger_of_both_ablations_counts():
    assert gate(0.5, 0.45, 0.1)["passed"] is False
    assert gate(0.5, 0.1, 0.45)["passed"] is False


def test_too_little_skill_fails():
    assert gate(0.19, -1.0, -1.0)["passed"] is False


@pytest.mark.parametrize("skill", [0.0, -0.3, math.nan])
def test_no_skill_never_passes_and_loses_nothing(skill):
    made = gate(skill, skill - 1, skill - 1, gate_skill=0.0, gate_action_share=0.0)
    assert made["passed"] is False
    assert made["lost_share"] == 0.0


def test_thresholds_are_reached_by_equality():
    assert gate(0.5, 0.375, 0.0, gate_skill=0.5, gate_action_share=0.25)["passed"] is True


def test_worse_than_persistence_without_action_loses_more_than_all():
    assert gate(0.5, -0.5, -1.0)["lost_share"] == pytest.approx(2.0)


def test_line_says_the_verdict_and_the_numbers():
    assert describe(gate(0.5, 0.1, 0.3)).startswith("gate passed: object skill 0.500 (needs 0.2)")
    assert describe(gate(0.1, 0.0, 0.0)).startswith("gate NOT PASSED: object skill 0.100")
