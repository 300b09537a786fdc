"""The training loop; both predictors run through it unchanged.

A batch is some episodes side by side. Each clip of them, in order, is one optimiser step; the state
is carried from clip to clip and cut from the graph between them. The ViT forgets at `new_clip`, so
it sees independent clips, as HOPE does for the first `single_clip_share` of the steps. A run that
is matched with another stops where its object skill on the validation clips reaches the other's.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch

from hopeworld.features.dataset import ClipDataset
from hopeworld.files import write_json
from hopeworld.health import mostly_clipped
from hopeworld.models import objective
from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import Predictor, parameter_count
from hopeworld.progress import Progress
from hopeworld.trained import Metadata, save_weights
from hopeworld.training import checkpoint
from hopeworld.training.episodes import ClipBatch, Episodes, clip_order, read_ahead, survey
from hopeworld.training.gate import describe, judge
from hopeworld.training.history import training_rows, validation_rows, write_history
from hopeworld.training.job import ClipFiles, Data, TrainJob, fingerprint
from hopeworld.training.optimiser import build_optimiser, learning_rate, set_learning_rate
from hopeworld.training.run import Run, own_random_state
from hopeworld.training.validation import validate

DIVERGED_FILE = "diverged.parquet"


class Diverged(ValueError):
    """A loss or a gradient that is not finite."""


def train(job: TrainJob) -> None:
    """Train a predictor and write its weights, history and gate.

    Resumes from the job's checkpoint folder if its fingerprint matches. Raises Diverged when a loss
    is not finite, CheckpointError for an unreadable checkpoint, and what ClipDataset raises.
    """
    data = Data(survey(_open(job.train)), survey(_open(job.validation)))
    clips = data.train.clips
    predictor = build_predictor(job.settings, clips.grid, clips.feature_width, job.seed)
    fit(job, predictor, data)


def _open(files: ClipFiles) -> ClipDataset:
    return ClipDataset.join([ClipDataset.open(*domain) for domain in files.domains])


def fit(job: TrainJob, predictor: Predictor, data: Data) -> None:
    """Train a given predictor on given clips; see `train`."""
    device = torch.device(job.device)
    progress = Progress(job.name, job.training.steps, "steps", log=job.log)
    set_action_scale(predictor, data.train)
    predictor.to(device).train()
    run = Run(predictor, build_optimiser(predictor, job.training), device)
    with own_random_state(job.seed, device):
        _resume_or_start(run, job, data, progress)
        _run_steps(run, job, data, progress)
    _write_outputs(run, job, data, progress)


def set_action_scale(predictor: Predictor, episodes: Episodes) -> None:
    """Make the standard deviation of the training actions the unit of the predictor's actions.

    Raises ValueError if the actions do not differ.
    """
    scale = float(episodes.clips.action.std(dtype="float64"))
    if not scale > 0:
        raise ValueError("training actions are all equal: simulate clips with forces that differ")
    predictor.action_scale.fill_(scale)


def _resume_or_start(run: Run, job: TrainJob, data: Data, progress: Progress) -> None:
    checkpoint.remove_partial(job.checkpoint)
    state, line = checkpoint.load_state(job.checkpoint, fingerprint(job, data))
    progress.say(line)
    if state is not None:
        run.unpack(state)
        return
    _evaluate(run, job, data, progress)
    checkpoint.save_state(job.checkpoint, fingerprint(job, data), run.pack())


def _run_steps(run: Run, job: TrainJob, data: Data, progress: Progress) -> None:
    training, clips = job.training, data.train
    first, last = run.step + 1, training.steps
    order = clip_order(job.seed, first, last, clips.index, training.episodes_per_batch)
    single_clips = round(training.single_clip_share * last)
    state: Any = None
    is_saved = True
    if _is_matched(run, job):
        return
    tokens = training.episodes_per_batch * objective.TRANSITIONS * len(clips.mean_map)
    progress.start(run.step)
    for batch in read_ahead(clips.clips, order, run.device):
        if run.step % clips.clips_per_episode == 0 or run.step < single_clips:
            state = run.predictor.initial(len(batch.actions))
        loss, state = _advance(run, job, batch, state)
        progress.count(1, f"loss {loss:.4f}, {tokens * progress.rate:,.0f} tokens/s")
        if run.step % training.evaluate_every == 0 or run.step == last:
            _evaluate(run, job, data, progress)
            is_saved = False
        # Between episodes there is no state to keep, so a checkpoint waits for the last clip.
        is_between = run.step % clips.clips_per_episode == 0 or run.step == last
        if is_between and not is_saved:
            checkpoint.save_state(job.checkpoint, fingerprint(job, data), run.pack())
            is_saved = True
        if is_saved and _is_matched(run, job):
            progress.say(f"stopped at step {run.step}: object skill {job.target:.3f} is reached")
            return


def _is_matched(run: Run, job: TrainJob) -> bool:
    """Whether a validation has reached the skill to stop at."""
    if job.target is None:
        return False
    skills = (row.value for row in run.rows if row.name == "skill")
    return any(skill >= job.target for skill in skills)


def _advance(run: Run, job: TrainJob, batch: ClipBatch, state: Any) -> tuple[float, Any]:
    """Make one optimiser step on one clip of every episode; return the loss and the next state."""
    training, predictor, step = job.training, run.predictor, run.step + 1
    with objective.precision(training, run.device):
        predicted = objective.forecast(
            predictor, state, batch.latents, batch.actions, training.rollout_steps
        )
        losses = objective.losses(predicted, batch.latents, training.rollout_loss)
    loss = losses.total.item()
    _require_finite("loss", loss, step, run, job)
    run.optimiser.zero_grad(set_to_none=True)
    losses.total.backward()
    norm = torch.nn.utils.clip_grad_norm_(predictor.parameters(), training.clip_norm).item()
    _require_finite("gradient norm", norm, step, run, job)
    rate = learning_rate(step, training)
    set_learning_rate(run.optimiser, rate)
    run.optimiser.step()
    run.step = step
    values = {
        "teacher_forcing": losses.teacher_forcing.item(),
        "rollout": losses.rollout.item(),
        "loss": loss,
        "learning_rate": rate,
        "grad_norm": norm,
    }
    run.rows += training_rows(step, values)
    return loss, predictor.new_clip(predictor.detach(predicted.end))


def _require_finite(what: str, value: float, step: int, run: Run, job: TrainJob) -> None:
    if math.isfinite(value):
        return
    write_history(job.checkpoint / DIVERGED_FILE, job.model, job.seed, run.rows)
    state = job.checkpoint / checkpoint.STATE_FILE
    saved = f"last good checkpoint {state}" if state.exists() else "no checkpoint yet"
    raise Diverged(
        f"{job.name}: {what} is {value} at step {step}; {saved}, history until here in "
        f"{DIVERGED_FILE} beside it; lower training.learning_rate or training.clip_norm"
    )


def _evaluate(run: Run, job: TrainJob, data: Data, progress: Progress) -> None:
    """Validate, add to the history, and keep the weights if they are the best so far."""
    mean_map = data.train.mean_map
    tell = functools.partial(progress.count, 0)
    scores = validate(run.predictor, data.validation, mean_map, job.training, run.device, tell)
    loss, skill = scores["loss", "all"], scores["skill", "object"]
    _require_finite("validation loss", loss, run.step, run, job)
    run.rows += validation_rows(run.step, scores)
    run.keep_if_best(scores, job.target)
    progress.say(f"step {run.step}: validation loss {loss:.4f}, object skill {skill:.3f}")


def _write_outputs(run: Run, job: TrainJob, data: Data, progress: Progress) -> None:
    best, outputs = run.best, job.outputs
    for path, weights, step in (
        (outputs.weights, best.weights, best.step),
        (outputs.last, run.predictor.state_dict(), run.step),
    ):
        save_weights(path, weights, _metadata(job, data.train.clips, step))
    write_history(outputs.history, job.model, job.seed, run.rows)
    gate = judge(best.scores, job.training)
    about = {"model": job.model, "seed": job.seed, "step": best.step}
    size = {"parameters": parameter_count(run.predictor)}
    write_json(outputs.gate, about | size | gate)
    progress.say(describe(gate))
    norms = [row.value for row in run.rows if row.name == "grad_norm"]
    is_clipped = [norm > job.training.clip_norm for norm in norms]
    cautions = [] if gate["passed"] else ["gate not passed"]
    cautions += mostly_clipped("training steps", sum(is_clipped) / max(len(norms), 1))
    for caution in cautions:
        print(f"caution: {caution} [{job.name}]", file=job.log, flush=True)


def _metadata(job: TrainJob, clips: ClipDataset, step: int) -> Metadata:
    return Metadata(
        model=job.kind,
        settings=job.settings,
        seed=job.seed,
        step=step,
        grid=clips.grid,
        feature_width=clips.feature_width,
        origin=clips.origin,
    )
