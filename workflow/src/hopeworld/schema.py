"""Name, axes, dtype and unit of every stored array and column.

One legend of axes for the project: N clips of a shard, F frames, T steps (tubelets), P patches,
D feature width, A action. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Array:
    """A stored array: its axes, numpy dtype, unit and meaning."""

    axes: str
    dtype: str
    unit: str
    meaning: str


CLIP_SHARD = {
    "clip": Array("N", "int64", "", "index of the clip in its split"),
    "episode": Array("N", "int64", "", "episode; its clips share friction and mass"),
    "force": Array("N F 2", "float64", "N", "force (x, y) on the object during [f, f + 1) frames"),
    "action": Array("N T 2", "float64", "N", "force that drives z_t to z_{t+1}: force[2t + 1]"),
    "position": Array("N F 3", "float64", "m", "centre of the object"),
    "quaternion": Array("N F 4", "float64", "", "orientation (x, y, z, w)"),
    "velocity": Array("N F 3", "float64", "m/s", "linear velocity"),
    "angular_velocity": Array("N F 3", "float64", "rad/s", "angular velocity"),
    "pixel": Array("N F 2", "float64", "px", "projected centre (right, down from the top left)"),
    "friction": Array("N", "float64", "", "friction coefficient that acted"),
    "mass": Array("N", "float64", "kg", "mass that acted"),
    "onset": Array("N", "int64", "frame", "frame n: the push acts during [n, n + 1)"),
    "half_extents": Array("N 3", "float64", "m", "half extents; (radius, radius, half height)"),
    "colour": Array("N 3", "float64", "", "RGB of the object in [0, 1]"),
    "mask_now": Array("N T P", "bool", "", "patches that the object touches in this tubelet"),
    "mask_next": Array("N T P", "bool", "", "patches touched in this tubelet or the next"),
    "shape": Array("N", "str", "", "name of the shape"),
    "states_sha256": Array("N", "str", "", "digest of position, quaternion and velocities"),
    "frames_sha256": Array("N", "str", "", "digest of the RGB frames"),
}

FEATURE_SHARD = {
    "latent": Array("N T P D", "float16", "", "encoder output, before the affine-free LayerNorm"),
    "clip": Array("N", "int64", "", "index of the clip in its split"),
    "crc32c": Array("N", "uint32", "", "checksum of latent[i]"),
}

REGIONS = ("object", "background", "all")

HISTORY = {
    "model": "predictor",
    "seed": "training seed",
    "step": "optimiser step, from 1; 0 is before training",
    "split": "train or validation",
    "name": "teacher_forcing, rollout, loss, learning_rate, grad_norm, persistence, "
    "mean_map, zero_action, shuffled_action, skill, skill_zero_action, skill_shuffled_action",
    "region": "object, background or all; all for scalars without a region",
    "value": "the number",
}

STREAM = {
    "run": "stream, method, seed and order as one name",
    "stream": "main, placebo or another of adaptation.streams",
    "seed": "training seed",
    "order": "order of the episodes",
    "method": "contestant",
    "k": "clip of the stream, from 0",
    "phase": "A1, B, A2 or B2, by position: the placebo's B holds clips of A",
    "clip": "index of the clip in its split",
    "t": "transition z_t to z_{t+1} (online), horizon H = 1 ... 7 (rollout)",
    "kind": "online (one step ahead) or rollout (free, from z_0)",
    "region": "object, background or all",
    "loss": "L1 in LayerNorm space, before any update",
    "loss_frozen": "the same of the frozen twin on the same clip",
    "persistence": "L1 of copying z_t (online) or z_0 (rollout)",
    "grad_norm_pre": "gradient norm before clipping; NaN without a TTA step",
    "clipped": "whether the gradient was clipped",
    "drift": "distance of the adapted parameters from the trained ones over their norm",
    "time_ms": "wall time of predict, score and learn, shared equally by the streams of a batch; "
    "NaN where memories were diagnosed. ViT-AC computes the past of its clip anew, frozen or not, "
    "for its parameters may have changed",
}

PROBES = {
    "run": "stream, method, seed and order as one name",
    "stream": "main, placebo or another of adaptation.streams",
    "seed": "training seed",
    "order": "order of the episodes",
    "method": "contestant",
    "k": "clips of the stream seen before this probe",
    "phase": "phase of the last clip seen; start before the first",
    "domain": "A or B",
    "region": "object, background or all",
    "loss": "mean L1 over the probe clips",
    "persistence": "mean L1 of copying z_t",
}

MEMORY = {
    "run": "stream, method, seed and order as one name",
    "stream": "main, placebo or another of adaptation.streams",
    "seed": "training seed",
    "order": "order of the episodes",
    "method": "contestant",
    "k": "clip of the stream, from 0",
    "phase": "A1, B, A2 or B2, by position: the placebo's B holds clips of A",
    "t": "transition",
    "layer": "block, from 0; -1 for the whole predictor",
    "head": "head; -1 where there is none",
    "memory": "memory, k, v, eta, alpha, cms_<period>; cms or state for the whole predictor",
    "name": "surprise_before, surprise_after, write_gain, gate, write_scale (the learned s), "
    "write_sum (sum of w over the tokens), eta, eta_p05, eta_p95, share_at_bounds, alpha, "
    "grad_norm, step, drift, retained_share (of the old Delta, by one empty step), lambda_max, "
    "delta, updates, dead, clipped (the gradient of a write, or of a CMS level's last update), "
    "loss_before and loss_after (a transition, and again with what it taught), carry_benefit",
    "value": "the number",
}

CENTRES = {
    "run": "stream, method, seed and order as one name",
    "stream": "main, placebo or another of adaptation.streams",
    "seed": "training seed",
    "order": "order of the episodes",
    "method": "contestant",
    "k": "clip of the stream, from 0",
    "phase": "A1, B, A2 or B2, by position",
    "clip": "index of the clip in its split",
    "kind": "online (one step ahead) or rollout (free, from z_0)",
    "t": "transition z_t to z_{t+1} (online), horizon H = 1 ... 7 (rollout)",
    "start_x": "true centre at z_0, metres",
    "start_y": "the same along y",
    "true_x": "true centre at the latent predicted, metres",
    "true_y": "the same along y",
    "decoded_x": "centre that the probe reads from the true latent, metres",
    "decoded_y": "the same along y",
    "predicted_x": "centre that the probe reads from the prediction, metres",
    "predicted_y": "the same along y",
}
