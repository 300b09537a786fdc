"""What the leakage figure says, and what follows from it, from its CSV. Standard library only.

A mode leaks where the interval of a score lies above chance and above what the object's first
position alone tells. One that gives both clips of every pair the same features cannot: it has not
seen what parts them. It is read where all clips still rest: the largest t with all of them.
"""

from __future__ import annotations

import math

Rows = list[dict[str, str]]

DISPLACEMENT, DOMAIN = "displacement", "domain"
START = "start_position"


def leakage_claim(rows: Rows) -> str:
    """The numbers of every mode, and one sentence of consequence."""
    last = _all_clips(rows)
    shown = [row for row in rows if int(row["t"]) == last]
    modes = [r["mode"] for r in shown if r["target"] == DOMAIN and r["mode"] != START]
    known = [mode for mode in modes if _value(shown, mode, DOMAIN, "low") is not None]
    if not known:
        return "Nothing is known of leakage: too few episodes to learn from."
    words = "; ".join(f"in mode {mode} {_scores(shown, mode)}" for mode in known)
    seen = {1: "z₁", 2: "z₁ and z₂"}.get(last, f"z₁ … z{_subscript(last)}")
    return f"Read linearly from {seen}, before the push: {words}. {_consequence(shown, known)}"


def _all_clips(rows: Rows) -> int:
    most = max(int(row["clips"]) for row in rows)
    return max(int(row["t"]) for row in rows if int(row["clips"]) == most)


def _scores(rows: Rows, mode: str) -> str:
    motion, domain = (
        [_value(rows, mode, target, name) for name in ("value", "low", "high")]
        for target in (DISPLACEMENT, DOMAIN)
    )
    words = "the displacement to come with R² {:.2f} [{:.2f}, {:.2f}], ".format(*motion)
    if _value(rows, mode, DOMAIN, "equal_pairs") == 1:
        return words + "the domain not at all (both clips of a pair have equal features)"
    return words + "the domain of {:.0%} [{:.0%}, {:.0%}] of the clips".format(*domain)


def _consequence(rows: Rows, modes: list[str]) -> str:
    leaking = [mode for mode in modes if _leaks(rows, mode)]
    own = rows[0]["study_mode"]
    if own in leaking:
        return (
            f"The features of this study are of mode {own}, which leaks: its predictors are shown "
            "part of their answer."
        )
    study = f"the features of this study are of mode {own}"
    study += ", in which no leak is found" if own in modes else ", which was not probed"
    if leaking:
        return (
            f"A predictor trained on features of mode {' or '.join(leaking)} is shown part of its "
            f"answer; {study}."
        )
    return f"No probe tells more than chance and the first position; {study}."


def _leaks(rows: Rows, mode: str) -> bool:
    """Whether pairs differ, and an interval lies above chance and the score of the position."""
    if _value(rows, mode, DOMAIN, "equal_pairs") == 1:
        return False
    for target in (DISPLACEMENT, DOMAIN):
        low, start = _value(rows, mode, target, "low"), _value(rows, START, target, "value")
        chance = _value(rows, mode, target, "chance")
        if low > max(chance, chance if start is None else start):
            return True
    return False


def _value(rows: Rows, mode: str, target: str, name: str) -> float | None:
    """A number of the table; None where there is none."""
    found = [float(r[name] or "nan") for r in rows if (r["mode"], r["target"]) == (mode, target)]
    return found[0] if found and math.isfinite(found[0]) else None


def _subscript(number: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number))
