"""What a study takes: units of work are counted as the workflow makes them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from benchmarks import scale, units
from benchmarks.sizes import read_study
from tests.snakemake_runs import clip_parts, feature_parts, read_config


@pytest.mark.parametrize("name", ["smoke", "thesis"])
def test_clips_are_those_that_the_workflow_simulates(name):
    config, counts = read_config(name), scale.clip_counts(read_study(name))
    sizes = config["splits"]
    expected = {(s, d): sizes[s]["a" if d == "A" else "b"] for s, d in clip_parts(config)}
    assert {part: n for part, n in counts.items() if n} == {p: n for p, n in expected.items() if n}


def clips_of(config, parts):
    return sum(config["splits"][split]["a" if d == "A" else "b"] for split, d in parts)


@pytest.mark.parametrize("name", ["smoke", "thesis"])
def test_encoded_clips_are_those_that_the_workflow_encodes(name):
    config, counts = read_config(name), scale.encoded_counts(read_study(name))
    own = clips_of(config, feature_parts(config))
    both = clips_of(config, {("leakage", "A"), ("leakage", "B")})
    latents = (max(config["simulation"]["onset_frames"]) + 1) // 2
    expected = {(mode, latents): both for mode in config["leakage"]["modes"]}
    assert counts == {("tubelet", 8): own} | expected


def test_stream_clips_are_counted_by_hand_once():
    # Per contestant and twin: 24 clips of main and 12 of the placebo.
    assert scale.stream_counts(read_study("smoke")) == {
        "vit_frozen": 36,
        "vit_tta": 24 + 12 + 24,
        "hope_frozen": 36,
        "hope": 36,
    }


def test_sweeps_are_counted_where_rates_are_tuned():
    study = read_study("smoke")
    tuned = dataclasses.replace(study.adaptation, rates="tuned")
    # 12 clips per rate; after 0, 4, 8 and 12 of them four probe clips of A.
    swept = dataclasses.replace(study, adaptation=tuned)
    assert scale.stream_counts(swept) - scale.stream_counts(study) == {"vit_tta": 48, "hope": 24}
    assert scale.probe_counts(swept) - scale.probe_counts(study) == {"vit_ac": 64, "hope": 32}


def test_what_learns_nothing_is_probed_once():
    # Main: after 0, 8, 16 and 24 clips; placebo: after 0, 4, 8 and 12. Eight probe clips a point.
    assert scale.probe_counts(read_study("smoke")) == {
        "vit_ac": 8 * (4 + 4 + 1 + 4 + 1),
        "hope": 8 * (4 + 1 + 4 + 1),
    }


def test_features_of_a_clip_take_four_mebibytes():
    assert scale.feature_bytes(read_study("thesis")) == 4 * 2**20


def test_a_line_through_two_depths_is_extended():
    assert units._extended({1: 5.0, 2: 7.0}, 24) == pytest.approx(5 + 23 * 2)
    assert units._extended({24: 3.0}, 24) == 3.0


def test_what_a_graph_keeps_is_counted_once():
    x = torch.ones(1000, requires_grad=True)
    with units._counted() as found:
        _ = x.sin().exp()
    # sin keeps x, exp keeps its own result: 4000 bytes each.
    assert sum(found.values()) == 8000
