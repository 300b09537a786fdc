"""Scenarios come from the seed alone, stay in view and obey their ranges."""

import dataclasses
import math

import numpy as np
import pytest
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION

from hopeworld.settings import SPLITS, SettingsError
from hopeworld.simulation.scenario import Push, draw_scenario, stays_in_view


def draw(split, index, simulation=SIMULATION, appearance=APPEARANCE):
    return draw_scenario(simulation, appearance, CAMERA, split, index)


def test_order_does_not_matter():
    forward = [draw("train", i) for i in range(8)]
    backward = [draw("train", i) for i in reversed(range(8))]
    assert forward == backward[::-1]
    assert len(set(forward)) == 8


def test_clips_of_an_episode_share_hidden_physics_and_nothing_else():
    clips = [draw("train", i) for i in range(8)]
    hidden = [(c.friction, c.mass) for c in clips]
    assert hidden[0] == hidden[3] != hidden[4] == hidden[7]
    assert [c.episode for c in clips] == [0] * 4 + [1] * 4
    assert len({c.push for c in clips}) == len({c.look for c in clips}) == 8


def test_splits_are_disjoint():
    clips = [draw(split, i) for split in SPLITS for i in range(4)]
    assert len({c.push for c in clips}) == len(clips)
    assert len({(c.friction, c.mass) for c in clips}) == len(SPLITS)


def test_seed_zero_is_a_seed():
    zero = dataclasses.replace(SIMULATION, seed=0)
    assert draw("train", 0, zero) == draw("train", 0, zero) != draw("train", 0)


def test_values_lie_in_their_ranges():
    for index in range(0, 80, 4):
        clip = draw("train", index)
        assert 0.15 <= clip.friction <= 0.25
        assert 0.8 <= clip.mass <= 1.2
        assert 12 <= math.hypot(*clip.push.force_n) <= 18
        assert clip.push.onset in SIMULATION.onset_frames
        assert max(map(abs, clip.push.start)) <= SIMULATION.start_m
        assert clip.look.shape in APPEARANCE.shapes


def test_ranges_of_equal_ends_fix_a_value():
    fixed = dataclasses.replace(
        APPEARANCE,
        shapes=("box",),
        half_width_m=(0.2, 0.2),
        aspect=(1.0, 1.0),
        height_ratio=(0.5, 0.5),
    )
    assert draw("train", 3, appearance=fixed).look.half_extents == (0.2, 0.2, 0.1)


@pytest.mark.parametrize("shape", ["slab", "disc"])
def test_flat_shapes_are_half_as_tall(shape):
    tall = {"slab": "box", "disc": "cylinder"}[shape]
    looks = [
        draw("train", 0, appearance=dataclasses.replace(APPEARANCE, shapes=(name,))).look
        for name in (shape, tall)
    ]
    assert looks[0].half_extents[:2] == looks[1].half_extents[:2]
    assert looks[0].half_extents[2] == looks[1].half_extents[2] / 2


def test_special_splits_draw_from_their_own_ranges():
    strong = [math.hypot(*draw("out_of_range", i).push.force_n) for i in range(8)]
    assert min(strong) >= 18
    assert {draw("held_out", i).look.shape for i in range(8)} == {"hexprism"}


def test_view_is_checked_at_both_ends_and_in_both_domains():
    clip = draw("train", 0)
    away = Push((0.0, 0.0), 0.0, (12.0, 0.0), 7)
    assert stays_in_view(dataclasses.replace(clip, push=away), SIMULATION, CAMERA)
    ice = dataclasses.replace(SIMULATION.domain_b, friction_scale=0.01, mass_scale=0.3)
    for domain in ("domain_a", "domain_b"):
        slippery = dataclasses.replace(SIMULATION, **{domain: ice})
        assert not stays_in_view(dataclasses.replace(clip, push=away), slippery, CAMERA)
    alike = dataclasses.replace(SIMULATION, domain_b=SIMULATION.domain_a)
    for start, is_seen in ((-0.8, True), (-1.5, False)):
        inward = dataclasses.replace(clip, push=Push((start, 0.0), 0.0, (40.0, 0.0), 7))
        assert stays_in_view(inward, alike, CAMERA) == is_seen


def test_impossible_view_names_the_remedy():
    violent = dataclasses.replace(SIMULATION, force_n=(90.0, 95.0))
    with pytest.raises(
        SettingsError, match=r"force_n.*clip 2 of train.*leave the view.*eye_m back"
    ):
        draw("train", 2, violent)


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draw("train", 0)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
