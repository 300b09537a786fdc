"""ViT-AC against a slow, literal reading of Meta's predictor, through compare_with_meta.py."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import torch
from tests.parity.compare_with_meta import main
from tests.parity.reference_files import Sizes, write_reference

SCRIPT = Path(__file__).with_name("compare_with_meta.py")
PLAIN = Sizes(grid=(2, 2), head_width=24, heads=1, depth=1)
CASES = [
    *(
        Sizes(grid=grid, head_width=width, state=state)
        for grid, width, state in product(((3, 3), (2, 4)), (24, 32, 48, 64), (False, True))
    ),
    Sizes(grid=(3, 2), head_width=12, action_width=7, state=True, extrinsics=True),
    Sizes(grid=(2, 3), head_width=24, heads=3, depth=3, steps=2, action_width=5),
    Sizes(grid=(2, 2), head_width=7, heads=4, steps=6, batch=1),
]
FILE_KEY = "HOPEWORLD_META_REFERENCE"


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> Path:
    return write_reference(tmp_path_factory.mktemp("reference") / "numbers.pt", CASES)


@pytest.fixture
def one_case(tmp_path) -> tuple[Path, dict]:
    path = write_reference(tmp_path / "one.pt", [PLAIN])
    return path, torch.load(path, weights_only=True)


def test_vit_ac_is_the_slow_reference(numbers):
    run = subprocess.run([sys.executable, SCRIPT, numbers], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1].startswith("OK")
    for sizes in CASES:
        assert f"\n{sizes.name}\n" in "\n" + run.stdout


@pytest.mark.parametrize(
    "name", ["predictor_blocks.0.attn.qkv.weight", "predictor_norm.bias", "action_encoder.weight"]
)
def test_one_changed_weight_fails(one_case, capsys, name):
    path, content = one_case
    content["cases"][PLAIN.name]["state_dict"][name].view(-1)[-1] += 0.01
    torch.save(content, path)
    assert main([str(path)]) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["grads", "z_ar", "sloss", "out"])
def test_nan_and_changed_numbers_fail(one_case, capsys, part):
    path, content = one_case
    case = content["cases"][PLAIN.name]
    values = case["out"] if part == "out" else case["train"][part]
    (values["predictor_norm.bias"] if part == "grads" else values).mul_(float("nan"))
    torch.save(content, path)
    assert main([str(path)]) == 1
    assert capsys.readouterr().out.count("too large") >= 1


def test_a_gradient_of_a_parameter_that_is_not_there_fails(one_case, capsys):
    path, content = one_case
    content["cases"][PLAIN.name]["train"]["grads"]["state_encoder.bias"] = torch.ones(24)
    torch.save(content, path)
    assert main([str(path)]) == 1
    assert "gradients, state_encoder.bias" in capsys.readouterr().out


def _without_cases(content):
    content.pop("cases")


def _without_gradients(content):
    content["cases"][PLAIN.name]["train"]["grads"] = {}


def _of_another_grid(content):
    content["cases"][PLAIN.name]["config"]["img_size"] = (32, 48)


def _without_a_weight(content):
    content["cases"][PLAIN.name]["state_dict"].pop("predictor_norm.bias")


def _with_unknown_heads(content):
    content["cases"][PLAIN.name]["config"]["num_heads"] = 5


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_without_cases, "holds no `cases`"),
        (_without_gradients, "grads is empty"),
        (_of_another_grid, "case 2x2_hd24_a2: "),
        (_without_a_weight, "missing: predictor_norm.bias"),
        (_with_unknown_heads, "no multiple of 5 heads"),
    ],
)
def test_a_file_of_another_format_is_one_line(one_case, capsys, spoil, problem):
    path, content = one_case
    spoil(content)
    torch.save(content, path)
    assert main([str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert problem in lines[0]


def test_a_case_without_a_training_step_is_compared_as_far_as_it_goes(one_case, capsys):
    path, content = one_case
    content["cases"][PLAIN.name].pop("train")
    torch.save(content, path)
    assert main([str(path)]) == 0
    printed = capsys.readouterr().out
    assert "out" in printed
    assert "gradients, " not in printed


def test_an_unreadable_file_is_one_line(tmp_path, capsys):
    (tmp_path / "text").write_text("no tensors")
    for name in ("text", "absent"):
        assert main([str(tmp_path / name)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.skipif(
    FILE_KEY not in os.environ, reason=f"{FILE_KEY} names no file of Meta's numbers"
)
def test_vit_ac_is_metas_predictor():
    assert main([os.environ[FILE_KEY]]) == 0
