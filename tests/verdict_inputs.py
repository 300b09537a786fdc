"""The part of metrics.json that a verdict reads, of a study that never ran."""

from __future__ import annotations

from hopeworld import settings

MODELS = {
    "vit_frozen": "vit_ac",
    "vit_tta": "vit_ac",
    "vit_tta_at_change": "vit_ac",
    "vit_force_scale": "vit_ac",
    "vit_on_b": "vit_on_b",
    "hope_frozen": "hope",
    "hope_per_clip": "hope",
    "hope": "hope",
    "mean_map": "mean_map",
}
TWINS = {name: f"{name.split('_')[0]}_frozen" for name in MODELS}
TWINS |= {"vit_on_b": "vit_on_b", "mean_map": "mean_map"}
METHODS = {
    name: settings.Method(
        model=MODELS[name],
        adapt="force_scale" if name == "vit_force_scale" else "none",
        learning_rate=0.0,
        reset="at_change" if name == "vit_tta_at_change" else "never",
        look_back_rate=0.0,
        twin=TWINS[name],
    )
    for name in MODELS
}
LOSS = {"hope": 0.24, "vit_tta": 0.30, "mean_map": 0.50, "persistence": 0.60}


def run(method, seed, order, **changes):
    return {
        "method": method,
        "seed": seed,
        "order": order,
        "loss_B": LOSS.get(method, 0.4) + 0.01 * order,
        "persistence_B": 0.60,
        "anytime_loss": LOSS.get(method, 0.4) - 0.1,
        "persistence_anytime": 0.50,
        "forgetting_rate": 0.1 if method == "hope" else 0.3,
        "skill_frozen_A1": 0.5,
        "domain_gap_matched": 0.2,
        "oracle_gain": 0.05 if method == "vit_frozen" else None,
        "adaptation_gain": 0.05,
        "net_gain": 0.03,
        "collapsed": 0.0,
        "diverged": 0.0,
    } | changes


def study(seeds=(0, 1), orders=(0, 1)):
    def runs(stream, names):
        found = (run(n, s, o) for n in names for s in seeds for o in orders)
        return {f"{stream}_{r['method']}_seed{r['seed']}_order{r['order']}": r for r in found}

    placebo = runs("placebo", ("hope", "vit_tta"))
    for one in placebo.values():
        # The difference hope - vit_tta of loss_B is 0.06 s + 0.01 o over a persistence of 0.6.
        one["loss_B"] = 0.06 * one["seed"] + 0.01 * one["order"] if one["method"] == "hope" else 0.0
    return {
        "seeds": list(seeds),
        "orders": list(orders),
        "runs": runs("main", (*MODELS, "persistence")),
        "methods": {name: {} for name in (*MODELS, "persistence")},
        "streams": {
            "mild": {"domains": ["A", "mild", "A"], "runs": {}},
            "placebo": {"domains": ["A", "A", "A"], "runs": placebo},
        },
        "twins": TWINS,
        "models": MODELS,
        "kinds": {"vit_ac": "vit_ac", "hope": "hope", "vit_on_b": "vit_ac", "mean_map": "mean_map"},
    }
