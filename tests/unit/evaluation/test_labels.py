"""One name for one thing."""

from hopeworld.evaluation.labels import drawn, in_order, label, own_predictors, stamp


def metrics(weights="random", passed=(True, True)):
    runs = [{"model": f"m{n}", "seed": s, "passed": p} for n, p in enumerate(passed) for s in "01"]
    gate = {"passed": all(passed), "runs": runs}
    return {"encoder": {"weights": weights, "mode": "tubelet"}, "gate": gate}


def test_random_weights_and_a_failed_gate_are_said():
    assert stamp(metrics()) == (
        "random encoder weights (no pretrained V-JEPA 2) · encoder mode: tubelet"
    )
    assert stamp(metrics(passed=(False, False))).endswith("· gate not passed")
    few = stamp(metrics(passed=(False, True, True)))
    assert few.endswith("· gate not passed by 2 of 6 trainings")


def test_pretrained_weights_are_named_without_their_folder():
    assert stamp(metrics("/data/models/vjepa2-vitl")) == (
        "encoder weights: vjepa2-vitl · encoder mode: tubelet"
    )


def test_methods_have_one_order_and_unknown_ones_keep_their_name():
    assert in_order(["zeta", "persistence", "hope", "alpha", "vit_tta"]) == [
        "vit_tta", "hope", "persistence", "alpha", "zeta",
    ]  # fmt: skip
    assert label("my_method") == "my method"


def ran(**models):
    kinds = {"hope": "hope", "static": "hope"}
    return {
        "methods": {name: {} for name in [*models, "persistence"]},
        "models": models,
        "kinds": kinds,
    }


def test_curves_show_the_wanted_methods_that_ran():
    study = ran(hope="hope", hope_frozen="hope", static="static")
    assert drawn(study, ("vit_tta", "hope", "hope_frozen")) == ["hope_frozen", "hope"]
    elsewhere = study | {"models": {**study["models"], "vit_tta": "vit_ac"}}
    assert drawn(elsewhere, ("vit_tta", "hope")) == ["hope"]


def test_variants_are_drawn_only_where_nothing_else_is():
    assert drawn(ran(a="hope", b="static", c="hope"), ()) == ["a", "c"]
    assert drawn(ran(b="static"), ()) == ["b"]
    kinds = {"hope": "hope", "static": "hope"}
    assert own_predictors({"hope": "hope", "static": "static"}, kinds) == ["hope"]
