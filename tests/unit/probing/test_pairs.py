"""Kernels of the latents before the push: sums over latents, and nothing of what comes after."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests import tiny_clips
from tests.synthetic_leakage import (
    PATCHES,
    STEPS,
    Truth,
    draw_clips,
    draw_latents,
    write_latents,
    write_tables,
)
from tests.tiny_features import HEADER, RESOURCES, TINY, encoder_settings, write_features

from hopeworld.features.encoder import EncodeJob, encode_shard
from hopeworld.features.store import write_shard
from hopeworld.models.predictor import standardise
from hopeworld.probing import pairs
from hopeworld.probing.pairs import PairError, read_pairs, see_latents
from hopeworld.simulation.shards import simulate_shard

CLIPS = draw_clips(20)


@pytest.fixture
def written(tmp_path):
    """Pairs, and the shards of both domains."""
    tables = write_tables(tmp_path, CLIPS, shard=8)
    latents = write_latents(tmp_path, CLIPS, Truth(displacement=1.0), shard=8)
    return read_pairs(tables["A"], tables["B"]), latents


def centred(kernel):
    return kernel - kernel.mean(0) - kernel.mean(1, keepdims=True) + kernel.mean()


@pytest.mark.parametrize("clips", [3, 16])
def test_the_kernel_of_some_latents_is_that_of_all_their_features(written, clips, monkeypatch):
    monkeypatch.setattr(pairs, "CLIPS", clips)
    monkeypatch.setattr(pairs, "PATCHES", 1)
    found, shards = written
    latents = np.concatenate(list(draw_latents(CLIPS, Truth(displacement=1.0)).values()))
    rows = standardise(torch.from_numpy(latents).float()).numpy().astype(np.float64)
    for seen in see_latents(found, shards["A"], shards["B"]):
        assert seen.rows.tolist() == np.flatnonzero(found.at_rest >= seen.steps).tolist()
        first = rows[seen.rows, : seen.steps].reshape(len(seen.rows), -1)
        np.testing.assert_allclose(centred(seen.kernel), centred(first @ first.T), atol=1e-4)
    assert seen.steps == STEPS


def test_a_latent_after_the_push_changes_nothing(written, tmp_path):
    found, shards = written
    changed = {}
    for domain, values in draw_latents(CLIPS, Truth(displacement=1.0)).items():
        values[CLIPS[domain]["onset"] == 3, 2] = 7.0
        changed[domain] = [tmp_path / f"changed_{domain}.h5"]
        write_shard(changed[domain][0], HEADER, CLIPS[domain]["clip"], iter(values))
    both = (see_latents(found, s["A"], s["B"]) for s in (shards, changed))
    for one, other in zip(*both, strict=True):
        np.testing.assert_array_equal(one.kernel, other.kernel)


def test_a_pair_has_one_start_and_rests_equally_long(written):
    found, _ = written
    assert found.at_rest.tolist() == 2 * ((CLIPS["A"]["onset"] + 1) // 2).tolist()
    assert np.array_equal(*np.split(found.start, 2))
    assert found.is_b.tolist() == [False] * 20 + [True] * 20
    assert found.displacement.std() == pytest.approx(1.0, abs=0.2)


def test_clips_that_are_no_pairs_are_refused(tmp_path):
    other = draw_clips(20, seed=1)
    tables = write_tables(tmp_path, {"A": CLIPS["A"], "B": other["B"]})
    with pytest.raises(PairError, match="hold no pairs; simulate split leakage again"):
        read_pairs(tables["A"], tables["B"])


def test_features_of_other_clips_or_of_too_few_latents_are_refused(written, tmp_path):
    found, shards = written
    with pytest.raises(PairError, match=r"hold 36 clips of 3 latents, not 40 .* encode them again"):
        next(see_latents(found, shards["A"], shards["B"][:-1]))
    for domain in "AB":
        write_features(tmp_path / f"short_{domain}.h5", range(20), shape=(2, PATCHES, 16))
    with pytest.raises(PairError, match="40 clips of 2 latents"):
        next(see_latents(found, [tmp_path / "short_A.h5"], [tmp_path / "short_B.h5"]))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Four real pairs of the small world."""
    folder = tmp_path_factory.mktemp("pairs")
    jobs = {d: tiny_clips.shard_job(folder, "leakage", d, range(4)) for d in "AB"}
    for job in jobs.values():
        with (folder / "log").open("w") as log:
            simulate_shard(job, log)
    return jobs


@pytest.mark.parametrize(("mode", "share"), [("tubelet", 1.0), ("prefix", 1.0), ("clip", 0.0)])
def test_causal_features_of_a_pair_are_equal_bit_for_bit(mode, share, simulated, tmp_path):
    found = read_pairs([simulated["A"].table], [simulated["B"].table])
    shards = {}
    for domain, job in simulated.items():
        shards[domain] = tmp_path / f"{mode}_{domain}.h5"
        settings = encoder_settings(mode=mode)
        encode_shard(
            EncodeJob(
                table=job.table,
                clips=job.folder,
                output=shards[domain],
                resources=RESOURCES,
                settings=settings,
                architecture=TINY,
                device="cpu",
                steps=int(found.at_rest.max()),
                memory_mb=1000,
            )
        )
    seen = list(see_latents(found, [shards["A"]], [shards["B"]]))
    assert [one.equal.mean() for one in seen] == [share] * len(seen)
