"""The metrics of a run: the right clips, the right probes, honest holes."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests import synthetic

from hopeworld.evaluation.runs import Windows, centre_metrics, losses_of, probe, run_metrics
from hopeworld.evaluation.tables import TableError, join_twin

TRUTH = synthetic.Truth(gain=0.03, half_life=9.0, excess=0.02, recovery_half_life=4.0)
WINDOWS = Windows(synthetic.EVALUATION, synthetic.RUN_RULES, episode_clips=4)


def run(truth, clips=synthetic.CLIPS):
    """Stream (object patches, joined) and probes of a run whose truth is known."""
    frozen = synthetic.Truth(model=truth.model, twin="vit_frozen")
    names = {"vit_frozen": frozen, "vit_tta": truth}
    parts = [synthetic.stream(name, one, clips=clips) for name, one in names.items()]
    methods = {name: synthetic.method(one, name) for name, one in names.items()}
    stream = join_twin(pd.concat(parts, ignore_index=True), methods)
    stream = stream[(stream["method"] == "vit_tta") & (stream["region"] == "object")]
    probes = synthetic.probes("vit_tta", truth, clips=clips)
    return stream, probes[probes["region"] == "object"]


def test_a_known_stream_is_recovered():
    found = run_metrics(*run(TRUTH), WINDOWS)
    gain = synthetic.gain_of(TRUTH, synthetic.CLIPS)
    b = slice(32, 96)
    assert found["adaptation_gain"] == pytest.approx(gain[b].mean())
    assert found["asymptotic_gain"] == pytest.approx(gain[80:96].mean())
    assert found["half_life"] == pytest.approx(9.0, rel=1e-3)
    assert found["half_life_censored"] == 0.0
    assert found["clips_to_50_percent"] == 9.0
    assert found["forgetting"] == pytest.approx(0.02)
    assert found["forgetting_rate"] == pytest.approx(0.02 / (0.30 - 0.195))
    assert found["forgetting_rate_per_100"] == pytest.approx(100 / 64 * 0.02 / 0.105)
    assert found["stream_forgetting"] == pytest.approx(-gain[96:106].mean())
    assert found["recovery"] == pytest.approx(4 * math.log2(0.02 / 0.003), abs=1)
    assert found["diverged"] == 0.0


def test_a_null_stream_has_no_speed():
    found = run_metrics(*run(synthetic.Truth()), WINDOWS)
    assert found["adaptation_gain"] == 0.0
    assert math.isnan(found["half_life"])
    assert math.isnan(found["clips_to_50_percent"])
    assert found["forgetting_rate"] == 0.0
    assert found["recovery"] == 0.0


def test_other_phase_lengths_move_every_window():
    clips = {"A1": 16, "B": 40, "A2": 24}
    found = run_metrics(*run(TRUTH, clips), WINDOWS)
    gain = synthetic.gain_of(TRUTH, clips)
    assert found["adaptation_gain"] == pytest.approx(gain[16:56].mean())
    assert found["half_life"] == pytest.approx(9.0, rel=1e-3)
    assert found["forgetting_rate_per_100"] == pytest.approx(100 / 40 * 0.02 / 0.105)


@pytest.mark.parametrize("k", [32, 96, 144])
def test_probes_are_taken_exactly_at_the_ends_of_phases(k):
    stream, probes = run(TRUTH)
    with pytest.raises(TableError, match=f"0 probes on A after clip {k}"):
        run_metrics(stream, probes[probes["k"] != k], WINDOWS)


def test_forgetting_compares_the_last_clips_of_a1_and_b():
    stream, probes = run(TRUTH)
    on_a = probes["domain"] == "A"
    probes.loc[on_a & (probes["k"] == 32), "loss"] = 0.1
    probes.loc[on_a & (probes["k"] == 96), "loss"] = 0.2
    found = run_metrics(stream, probes, WINDOWS)
    assert found["forgetting"] == pytest.approx(0.1)
    assert found["forgetting_rate"] == pytest.approx(0.5)


def test_gap_and_skills_are_those_of_the_frozen_twin():
    found = run_metrics(*run(TRUTH), WINDOWS)
    assert found["skill_frozen_A1"] == pytest.approx(1 - 0.195 / 0.30)
    assert found["skill_frozen_B"] == pytest.approx(1 - 0.344 / 0.46)
    gap = found["skill_frozen_A1"] - found["skill_frozen_B"]
    assert found["domain_gap"] == pytest.approx(gap)
    assert found["skill_B"] > found["skill_frozen_B"]


def test_horizons_are_scored_apart_from_the_stream():
    found = run_metrics(*run(TRUTH), WINDOWS)
    curve = [found[f"rollout_loss_B_{h}"] for h in range(1, 8)]
    assert np.all(np.diff(curve) > 0)
    assert found["rollout_skill_B_7"] == pytest.approx(found["skill_B"], abs=1e-6)


def test_transitions_without_patches_drop_out():
    stream, probes = run(TRUTH)
    before = run_metrics(stream, probes, WINDOWS)
    gone = (stream["k"] == 50) | (stream["t"] == 6)
    stream.loc[gone, ["loss", "loss_frozen", "persistence"]] = np.nan
    after = run_metrics(stream, probes, WINDOWS)
    assert after["half_life"] == pytest.approx(before["half_life"], rel=1e-3)
    assert after["diverged"] == 0.0
    assert math.isfinite(after["loss_B"])


def test_a_diverged_run_is_counted_not_dropped():
    stream, probes = run(TRUTH)
    stream.loc[stream["k"] == 60, "loss"] = np.nan
    found = run_metrics(stream, probes, WINDOWS)
    assert found["diverged"] == 1.0
    assert found["loss_B"] == math.inf
    assert found["adaptation_gain"] == -math.inf
    assert math.isnan(found["half_life"])


def test_a_diverged_probe_is_not_a_hole():
    _, probes = run(TRUTH)
    probes.loc[probes["k"] == 96, "loss"] = np.nan
    assert probe(probes, 96, "A")[0] == math.inf


def test_gaps_and_wrong_order_of_clips_are_refused():
    stream, _ = run(TRUTH)
    online = stream[stream["kind"] == "online"]
    with pytest.raises(TableError, match="not numbered from 0"):
        losses_of(online[online["k"] != 3])
    with pytest.raises(TableError, match="phases are not A1, B, A2"):
        losses_of(online.assign(phase=online["phase"].replace("A2", "A1")))
    with pytest.raises(TableError, match="a transition has two rows"):
        losses_of(pd.concat([online, online.iloc[:1]]))


def test_recovery_margin_is_a_share_of_persistence():
    stream, probes = run(TRUTH)
    wide = replace(synthetic.EVALUATION, recovery_margin=0.05)
    strict = run_metrics(stream, probes, WINDOWS)["recovery"]
    assert run_metrics(stream, probes, replace(WINDOWS, evaluation=wide))["recovery"] < strict


def test_persistence_is_known_where_the_endpoints_need_it():
    found = run_metrics(*run(TRUTH), WINDOWS)
    shared = np.random.default_rng([0, 1]).uniform(0.7, 1.3, 144)
    copied = shared * np.repeat([0.30, 0.46, 0.30], [32, 64, 48])
    assert found["persistence_A1"] == pytest.approx(copied[:32].mean())
    assert found["persistence_B"] == pytest.approx(copied[32:96].mean())
    assert found["persistence_anytime"] == pytest.approx(copied[32:].mean())


def test_a_stream_of_four_phases_ends_in_b_again():
    clips = {**synthetic.CLIPS, "B2": 32}
    found = run_metrics(*run(TRUTH, clips), WINDOWS)
    three = run_metrics(*run(TRUTH), WINDOWS)
    gain = synthetic.gain_of(TRUTH, clips)
    assert found["adaptation_gain"] == pytest.approx(three["adaptation_gain"], abs=0.002)
    assert found["savings"] == pytest.approx(gain[144:154].mean() - gain[32:42].mean())
    assert {"loss_B2", "final_loss_B2", "skill_B2", "rollout_loss_B2_7"} <= set(found)
    assert "savings" not in three
    assert not any("B2" in name for name in three)


def test_a_gap_at_equal_motion_stands_beside_the_plain_one():
    found = run_metrics(*run(synthetic.Truth()), WINDOWS)
    assert found["domain_gap_matched"] > 0
    null = run_metrics(*run(synthetic.Truth(), {"A1": 48, "B": 48, "A2": 48}), WINDOWS)
    assert math.isfinite(null["domain_gap_matched"])


def test_a_loss_far_above_the_frozen_twin_is_a_collapse():
    stream, probes = run(TRUTH)
    assert run_metrics(stream, probes, WINDOWS)["collapsed"] == 0.0
    late = stream["k"].between(40, 70)
    stream.loc[late, "loss"] = 1.4 * stream.loc[late, "loss_frozen"]
    assert run_metrics(stream, probes, WINDOWS)["collapsed"] == 1.0


def test_the_other_probe_domain_may_be_a_severity():
    stream, probes = run(TRUTH)
    found = run_metrics(stream, probes, WINDOWS)
    mild = probes.assign(domain=probes["domain"].replace("B", "mild"))
    assert run_metrics(stream, mild, WINDOWS)["probe_B_end"] == found["probe_B_end"]


def test_centres_are_scored_per_phase_and_horizon():
    truth = synthetic.TRUTHS["hope"]
    found = centre_metrics(synthetic.centres("hope", truth))
    frozen = centre_metrics(synthetic.centres("hope_frozen", synthetic.TRUTHS["hope_frozen"]))
    assert len(found) == 2 * 3 * 7
    assert found["centre_error_B_7"] > found["centre_error_B_1"] > 0
    assert frozen["centre_signed_B_7"] < found["centre_signed_B_7"] < 0
    assert abs(found["centre_signed_A1_7"]) < abs(found["centre_signed_B_7"])
