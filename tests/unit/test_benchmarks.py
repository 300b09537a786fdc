"""The benchmarks measure what they say; nothing here looks at how fast anything is."""

from __future__ import annotations

import io
import json

import pytest
import torch
from benchmarks import run, table
from benchmarks.contestant import Contestant, NotInstalled, Setting, forward_backward
from benchmarks.contestants import everyone, find, groups, of_group
from benchmarks.documents import DOCUMENT, with_table
from benchmarks.peers.dense_attention import DensePredictor, Shape
from benchmarks.predictors import build, build_plain, clip, project_loss, roll_cached, roll_plain
from benchmarks.rounds import Measured, measure
from benchmarks.sizes import SIZES
from benchmarks.worker import Order, serve
from tests.small_models import GRID, PATCHES, VIT, WIDTH, clips, small

SMALL = Setting(SIZES["small"], "cpu", "float32", 1)
FIELDS = {"size": "small", "device": "cpu", "mode": "float32", "batch": 1, "threads": 1}
PLAIN = find("mixers", "plain attention, dense mask")


def an_order(name: str = PLAIN.name, group: str = PLAIN.group) -> Order:
    return Order(group=group, name=name, warm_up=0, **FIELDS)


def measured(name: str, cpu_ms: list[float], **more) -> Measured:
    return Measured(an_order(name), wall_ms=[9.0] * len(cpu_ms), cpu_ms=cpu_ms, **more)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("contestant", everyone(), ids=lambda c: f"{c.group}: {c.name}")
def test_every_contestant_runs(contestant: Contestant):
    try:
        repeat = contestant.build(SMALL)
    except NotInstalled as missing:
        pytest.skip(str(missing))
    repeat()
    repeat()


def test_every_base_is_in_the_group_of_its_contestant():
    for contestant in everyone():
        assert contestant.base in {c.name for c in of_group(contestant.group)}


def test_the_plain_formulation_is_vit_ac_on_a_grid_that_is_no_square():
    vit = small("vit_ac")
    plain = DensePredictor(Shape(VIT.depth, VIT.width, VIT.heads, 4 * VIT.width, GRID, WIDTH, 7))
    weights = {name: w for name, w in vit.state_dict().items() if name != "action_scale"}
    plain.load_state_dict(weights)
    latents, actions = clips(batch=2, steps=5)
    theirs = vit.predict(vit.initial(2), latents, actions)[0]
    assert theirs.shape == (2, 5, PATCHES, WIDTH)
    torch.testing.assert_close(plain(latents, actions), theirs, atol=1e-5, rtol=0)


def test_the_plain_training_step_has_the_loss_and_the_gradients_of_vit_ac():
    vit, plain = build("vit_ac", SMALL, 2), build_plain(SMALL, 2, steps=8)
    latents, actions = clip(SMALL, 8)
    ours, theirs = project_loss(vit, latents, actions), plain.loss(latents, actions, 2)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    ours.backward()
    theirs.backward()
    gradients = dict(plain.named_parameters())
    for name, parameter in vit.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name].grad, atol=1e-5, rtol=1e-4)


def test_the_plain_rollout_is_vit_acs():
    latents, actions = clip(SMALL, 7)
    plain, cached = roll_plain(SMALL), roll_cached(SMALL, "vit_ac")
    with torch.no_grad():
        theirs, ours = (roll(latents[:, :1], actions, 7) for roll in (plain, cached))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_full_size_mixers_have_2056_tokens_of_width_384():
    size = SIZES["full"]
    assert size.latents * size.tokens == 2056
    assert size.vit_ac(1).width == size.hope(1).width == 384


def test_a_repeat_goes_back_to_its_input_and_every_weight():
    module, x = torch.nn.Linear(3, 3), SMALL.normal(2, 3)
    repeat = forward_backward(SMALL, module, module, x)
    for _ in range(2):
        repeat()
        torch.testing.assert_close(module.bias.grad, SMALL.normal(2, 3).sum(0))
        torch.testing.assert_close(x.grad, SMALL.normal(2, 3) @ module.weight.detach())


def test_a_worker_answers_each_line_with_the_times_of_one_repeat():
    answers = io.StringIO()
    serve(an_order(), io.StringIO("\n\n"), answers)
    ready, *repeats, last = map(json.loads, answers.getvalue().splitlines())
    assert ready == {"ready": True}
    assert [set(r) for r in repeats] == [{"wall_ms", "cpu_ms"}] * 2
    assert last["peak_mb"] > 0


def test_a_contestant_that_fails_says_why_in_its_row(monkeypatch):
    def fail(setting: Setting):
        raise NotInstalled("no such package")

    monkeypatch.setattr("benchmarks.worker.find", lambda *_: Contestant("g", "n", "n", fail))
    answers = io.StringIO()
    serve(an_order(), io.StringIO("\n"), answers)
    error = json.loads(answers.getvalue())["error"]
    row = table.rows([measured(PLAIN.name, [], error=error)])[0]
    assert (row.ms, row.ratio) == (None, None)
    assert "| not installed |" in table.as_markdown({}, [row])


def test_rows_are_medians_and_ratios_of_medians():
    plain = measured(PLAIN.name, [10.0, 12.0, 30.0])
    fast, slow = measured("linear, proximal", [3.0]), measured("MLP, static, proximal", [12.0])
    rows = table.rows([plain, fast, slow])
    assert [row.ms for row in rows] == [12.0, 3.0, 12.0]
    assert [row.ratio for row in rows] == [1.0, 0.25, 1.0]
    assert [row.reached for row in rows] == [None, True, False]


def test_the_last_line_counts_the_targets_and_names_what_is_missed():
    rows = table.rows([measured(PLAIN.name, [10.0]), measured("linear, proximal", [9.0])])
    last = table.as_markdown({"threads": 1}, rows).splitlines()[-1]
    assert last == "targets: 0 of 1 reached; not reached: mixers: linear, proximal (float32)"


def test_a_contestant_without_a_time_does_not_reach_its_target():
    rows = table.rows([measured(PLAIN.name, [10.0]), measured("linear, proximal", [], error="no")])
    assert rows[1].reached is False


@pytest.mark.parametrize(
    ("device", "threads", "used"),
    [("cpu", 1, "cpu_ms"), ("cpu", 2, "wall_ms"), ("cuda", 1, "wall_ms")],
)
def test_one_thread_is_measured_in_cpu_time(device, threads, used):
    assert table.time_used(device, threads) == used


def test_what_waits_for_the_disk_is_measured_in_wall_time():
    cold, warm = ("memory-mapped .npy, float16, cold", "memory-mapped .npy, float16, warm")
    orders = [an_order(name, "reading features") for name in (cold, warm)]
    rows = table.rows([Measured(order, wall_ms=[9.0], cpu_ms=[2.0]) for order in orders])
    assert [row.ms for row in rows] == [9.0, 2.0]


@pytest.mark.slow
def test_a_run_writes_its_table_and_its_repeats(tmp_path, monkeypatch, capsys):
    few = [PLAIN, find("mixers", "linear, proximal")]
    monkeypatch.setattr("benchmarks.run.of_group", lambda group: few)
    run.main(["--small", "--only", "mixers", "--repeats", "3", "--out", str(tmp_path)])
    written = json.loads((tmp_path / "cpu.json").read_text())
    assert {"processor", "threads", "torch", "commit"} <= set(written["machine"])
    assert [row["name"] for row in written["rows"]] == [c.name for c in few]
    for row in written["rows"]:
        assert len(row["measured"]["wall_ms"]) == len(row["measured"]["cpu_ms"]) == 3
        assert row["ms"] > 0
    text = (tmp_path / "cpu.md").read_text()
    assert capsys.readouterr().out == text
    assert text.splitlines()[-1].startswith("targets: ")


def test_a_process_that_dies_is_a_row_with_an_error():
    unknown = an_order("no such contestant")
    assert measure([unknown], repeats=1)[0].error == "the process ended"


def test_the_page_has_a_place_for_the_table_of_each_device():
    page = DOCUMENT.read_text()
    for device in ("cpu", "cuda"):
        assert "\n\nfresh\n\n" in with_table(device, "fresh", page)
    with pytest.raises(ValueError, match="marks are missing"):
        with_table("cpu", "fresh", "# Benchmarks\n")


def test_a_group_that_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit):
        run.read_options(["--only", "mixer"])
    assert "mixers" in capsys.readouterr().err
    assert set(run.read_options([]).only) == set(groups())
