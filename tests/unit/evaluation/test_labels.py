"""One name for one thing."""

from hopeworld.evaluation.labels import in_order, label, stamp


def metrics(weights="random", passed=True):
    return {"encoder": {"weights": weights, "mode": "tubelet"}, "gate": {"passed": passed}}


def test_random_weights_and_a_failed_gate_are_said():
    assert stamp(metrics()) == (
        "random encoder weights (no pretrained V-JEPA 2) · encoder mode: tubelet"
    )
    assert stamp(metrics(passed=False)).endswith("· gate not passed")


def test_pretrained_weights_are_named_without_their_folder():
    assert stamp(metrics("/data/models/vjepa2-vitl")) == (
        "encoder weights: vjepa2-vitl · encoder mode: tubelet"
    )


def test_methods_have_one_order_and_unknown_ones_keep_their_name():
    assert in_order(["zeta", "persistence", "hope", "alpha", "vit_tta"]) == [
        "vit_tta", "hope", "persistence", "alpha", "zeta",
    ]  # fmt: skip
    assert label("my_method") == "my method"
