"""Has a run learnt what the object does, and because of the action?

"Nothing moves" is a strong attractor of a full-frame L1. A run passes if it beats persistence on
object patches, and if enough of that skill vanishes with zero and with shuffled actions.
"""

from __future__ import annotations

from typing import Any

from hopeworld.settings import Training
from hopeworld.training.validation import SKILLS, Scores


def judge(scores: Scores, training: Training) -> dict[str, Any]:
    """Return skills on object patches, the thresholds, and whether the run passed.

    `lost_share` is the share of the skill that the better of zero and shuffled actions lacks;
    0 where there is no skill to lose.
    """
    skills = {name: scores[name, "object"] for name in SKILLS}
    skill = skills["skill"]
    kept = max(skills["skill_zero_action"], skills["skill_shuffled_action"])
    lost_share = (skill - kept) / skill if skill > 0 else 0.0
    passed = skill > 0 and skill >= training.gate_skill and lost_share >= training.gate_action_share
    return skills | {
        "kept_without_action": kept,
        "lost_share": lost_share,
        "passed": passed,
        "thresholds": {
            "gate_skill": training.gate_skill,
            "gate_action_share": training.gate_action_share,
        },
    }


def describe(gate: dict[str, Any]) -> str:
    """Return the verdict of `judge` as one line."""
    wanted = gate["thresholds"]
    return (
        f"gate {'passed' if gate['passed'] else 'NOT PASSED'}: "
        f"object skill {gate['skill']:.3f} (needs {wanted['gate_skill']:g}), "
        f"share of it lost without actions {gate['lost_share']:.3f} "
        f"(needs {wanted['gate_action_share']:g})"
    )
