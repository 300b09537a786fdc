"""Whole runs in a tiny world."""

import dataclasses
import math

import numpy as np
import pandas
import pytest
import torch
from tests.tiny_training import (
    TinyClips,
    TinyPredictor,
    tiny_data,
    tiny_job,
    tiny_predictor,
    tiny_training,
)

from hopeworld.files import read_json
from hopeworld.schema import HISTORY
from hopeworld.trained import load_predictor
from hopeworld.training.checkpoint import load_state
from hopeworld.training.episodes import survey
from hopeworld.training.job import Data, fingerprint
from hopeworld.training.loop import DIVERGED_FILE, Diverged, fit, set_action_scale

DATA = tiny_data()


def run(folder, model="vit_ac", predictor=None, data=DATA, **changes):
    job = tiny_job(folder, model, tiny_training(**changes))
    fit(job, predictor or tiny_predictor(model), data)
    return job


@pytest.fixture(scope="module", params=["vit_ac", "hope"])
def job(request, tmp_path_factory):
    return run(tmp_path_factory.mktemp(request.param), request.param)


def test_history_has_the_columns_and_names_of_the_schema(job):
    table = pandas.read_parquet(job.outputs.history)
    assert list(table.columns) == list(HISTORY)
    assert set(table["name"]) <= set(HISTORY["name"].split(", "))
    assert set(table["model"]) == {job.model}
    trained = table[table["split"] == "train"]
    assert trained["step"].tolist() == np.repeat(np.arange(1, 11), 5).tolist()
    assert set(trained["region"]) == {"all"}
    validated = table[table["split"] == "validation"]
    assert sorted(set(validated["step"])) == [0, 3, 6, 9, 10]
    assert np.isfinite(table["value"]).all()


@pytest.mark.parametrize(("bound", "is_said"), [(1e-9, True), (1e9, False)])
def test_a_log_warns_of_gradients_that_are_mostly_clipped(bound, is_said, tmp_path):
    job = run(tmp_path, clip_norm=bound)
    line = f"caution: more than 50% of the training steps are clipped [{job.name}]\n"
    assert (line in job.log.getvalue()) is is_said


def test_parts_of_the_loss_add_up(job):
    table = pandas.read_parquet(job.outputs.history)
    wide = table.pivot_table(index=["step", "split", "region"], columns="name", values="value")
    wide = wide[wide["loss"].notna()]
    np.testing.assert_allclose(wide["loss"], wide["teacher_forcing"] + wide["rollout"], rtol=1e-6)


def test_best_weights_are_those_of_the_lowest_validation_loss(job):
    table = pandas.read_parquet(job.outputs.history)
    rows = table[(table["split"] == "validation") & (table["region"] == "all")]
    losses = rows[rows["name"] == "loss"].set_index("step")["value"]
    _, metadata = load_predictor(job.outputs.weights)
    assert metadata.step == losses.idxmin()
    assert read_json(job.outputs.gate)["step"] == metadata.step
    _, last = load_predictor(job.outputs.last)
    assert last.step == 10


def test_gate_holds_the_skills_of_the_best_weights(job):
    gate = read_json(job.outputs.gate)
    assert (gate["model"], gate["seed"]) == (job.model, 0)
    table = pandas.read_parquet(job.outputs.history)
    at_best = table[(table["step"] == gate["step"]) & (table["split"] == "validation")]
    stored = at_best.set_index(["name", "region"])["value"]
    for skill in ("skill", "skill_zero_action", "skill_shuffled_action"):
        assert gate[skill] == stored[skill, "object"]


def test_action_scale_is_the_deviation_of_the_training_actions(job):
    loaded, _ = load_predictor(job.outputs.weights)
    assert loaded.action_scale.item() == pytest.approx(DATA.train.clips.action.std(), rel=1e-6)


def test_log_tells_start_validations_and_gate(job):
    lines = job.log.getvalue().splitlines()
    *lines, not_passed, clipped = lines
    assert not_passed == f"caution: gate not passed [{job.model} seed 0]"
    assert clipped.endswith(f" of the training steps are clipped [{job.model} seed 0]")
    assert all(line.startswith(f"{job.model} seed 0: ") for line in lines)
    assert "starting: there is no checkpoint" in lines[0]
    assert sum("validation loss" in line for line in lines) == 5
    assert "tokens/s" in lines[-3]
    assert " gate " in lines[-1]


def test_a_run_repeats_byte_for_byte(tmp_path, job):
    again = run(tmp_path, job.model)
    for name in ("weights", "last", "history", "gate"):
        first, second = getattr(job.outputs, name), getattr(again.outputs, name)
        assert first.read_bytes() == second.read_bytes(), name


def test_both_predictors_see_the_same_clips(tmp_path):
    def clips_seen(model):
        clips = TinyClips(6, seed=0)
        seen = []
        read = clips.latents
        data = Data(survey(clips), DATA.validation)
        clips.latents = lambda indices: (seen.append(indices.tolist()), read(indices))[1]
        run(tmp_path / model, model, data=data)
        return seen

    seen = clips_seen("vit_ac")
    assert len(seen) == 10
    assert seen == clips_seen("hope")


def test_the_seed_alone_changes_the_order(tmp_path):
    a, b = (tiny_job(tmp_path, "vit_ac", tiny_training(), seed) for seed in (0, 1))
    assert fingerprint(a, DATA) != fingerprint(b, DATA)


@pytest.mark.parametrize("model", ["vit_ac", "hope"])
def test_learns_the_action_and_passes_the_gate(tmp_path, model):
    data = Data(survey(TinyClips(32, seed=0)), DATA.validation)
    job = run(tmp_path, model, data=data, steps=100, evaluate_every=100, rollout_steps=1)
    gate = read_json(job.outputs.gate)
    assert gate["passed"], gate
    assert "gate passed" in job.log.getvalue()


def test_state_is_carried_through_an_episode_and_cut_at_clips(tmp_path):
    starts = []

    class Watched(TinyPredictor):
        def advance(self, state, features, actions, trace=None):
            if self.training and state.steps == 0:
                starts.append((bool(state.carried.any()), state.carried.requires_grad))
            return super().advance(state, features, actions)

    run(tmp_path, predictor=Watched(0), rollout_steps=1)
    assert starts == ([(False, False)] + [(True, False)] * 3) * 2 + [(False, False), (True, False)]


@pytest.mark.parametrize(("share", "carried"), [(0.0, 7), (0.5, 4), (1.0, 0)])
def test_single_clips_come_first_and_carry_nothing(tmp_path, share, carried):
    starts = []

    class Watched(TinyPredictor):
        def advance(self, state, features, actions, trace=None):
            if self.training and state.steps == 0:
                starts.append(bool(state.carried.any()))
            return super().advance(state, features, actions)

    run(tmp_path, predictor=Watched(0), rollout_steps=1, single_clip_share=share)
    assert len(starts) == 10
    assert sum(starts) == carried
    assert not any(starts[: round(10 * share)])


def test_gradient_norm_in_the_history_is_that_before_clipping(tmp_path):
    job = run(tmp_path, clip_norm=1e-3)
    table = pandas.read_parquet(job.outputs.history)
    assert table[table["name"] == "grad_norm"]["value"].min() > 1e-3


class Breaks(TinyPredictor):
    """Predicts NaN, or has an infinite gradient, from a step on."""

    def __init__(self, at, how):
        super().__init__(0)
        self.left, self.how = at, how

    def advance(self, state, features, actions, trace=None):
        made, state = super().advance(state, features, actions)
        self.left -= self.training and features.shape[1] > 1
        if self.left < 0 and self.how == "loss":
            made = made * math.nan
        if self.left < 0 and self.how == "gradient norm":
            made.register_hook(lambda gradient: gradient * math.inf)
        return made, state


@pytest.mark.parametrize("what", ["loss", "gradient norm"])
def test_not_finite_stops_with_one_clear_line_and_keeps_the_checkpoint(tmp_path, what):
    job = tiny_job(tmp_path, "hope", tiny_training(rollout_steps=1))
    with pytest.raises(Diverged) as caught:
        fit(job, Breaks(5, what), DATA)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("hope seed 0", what, "at step 6", str(job.checkpoint / "state.pt")):
        assert part in message
    state, _ = load_state(job.checkpoint, fingerprint(job, DATA))
    assert state["step"] == 4
    assert all(torch.isfinite(t).all() for t in state["predictor"].values())
    kept = pandas.read_parquet(job.checkpoint / DIVERGED_FILE)
    assert kept["step"].max() == 5
    assert not job.outputs.weights.exists()


def test_fingerprint_follows_what_matters_and_nothing_else(tmp_path):
    base = tiny_job(tmp_path, "hope", tiny_training())
    known = fingerprint(base, DATA)

    def changed(**changes):
        return fingerprint(dataclasses.replace(base, **changes), DATA) != known

    assert changed(code="1")
    assert changed(seed=1)
    assert changed(training=tiny_training(learning_rate=1.0e-3))
    assert changed(settings=dataclasses.replace(base.settings, depth=2))
    assert not changed(training=tiny_training(gate_skill=0.9))
    other = Data(DATA.train, survey(TinyClips(3, seed=2)))
    assert fingerprint(base, other) != known


def test_the_gate_can_be_judged_anew_without_training(tmp_path):
    run(tmp_path)
    job = run(tmp_path, gate_skill=1.0)
    assert "resuming at step 10" in job.log.getvalue()
    assert read_json(job.outputs.gate)["thresholds"]["gate_skill"] == 1.0


def test_equal_actions_are_refused():
    clips = TinyClips(2, seed=0)
    clips.action[:] = 0
    with pytest.raises(ValueError, match="actions are all equal"):
        set_action_scale(TinyPredictor(0), survey(clips))


def test_the_callers_random_state_is_given_back(tmp_path):
    predictor = TinyPredictor(0)
    before = torch.get_rng_state()
    run(tmp_path, predictor=predictor)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_matched_run_stops_where_the_target_is_reached(tmp_path):
    trained = run(tmp_path / "all", predictor=TinyPredictor(0), steps=16)
    skills = pandas.read_parquet(trained.outputs.history).query("name == 'skill'")
    reached = skills.value.iloc[1]
    folder = tmp_path / "matched"
    job = dataclasses.replace(tiny_job(folder, "vit_ac", tiny_training(steps=16)), target=reached)
    fit(job, TinyPredictor(0), DATA)
    assert "stopped at step 4" in job.log.getvalue()
    assert read_json(job.outputs.gate)["skill"] == pytest.approx(reached)
    fit(job, TinyPredictor(0), DATA)
    assert "resuming at step 4" in job.log.getvalue()
    assert read_json(job.outputs.gate)["skill"] == pytest.approx(reached)
