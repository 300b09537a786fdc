"""Figures of the streams: what they show of known truths, and what they leave out."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from tests import figure_inputs, synthetic
from tests.figure_checks import assert_no_collisions, drawn_texts, module_of
from tests.figure_inputs import FIGURES
from tests.synthetic_truth import DRIFT

from hopeworld import settings
from hopeworld.figures import style
from hopeworld.figures.claims import claims, number

NAMES = (
    "protocol",
    "online_loss",
    "paired_gain",
    "forgetting_recovery",
    "probe_curves",
    "recovery",
    "horizon",
    "physics_probe",
    "learning_rates",
    "contrasts",
)
CURVES = tuple(name for name in NAMES if name not in ("protocol", "learning_rates", "contrasts"))


@pytest.fixture(scope="session")
def streams(study):
    """The inputs of the figures of the streams."""
    return figure_inputs.stream_inputs(study)


def compose(name, inputs, figures=FIGURES):
    with style.styled(figures):
        return module_of(name).compose(inputs, figures)


def words(figure, monkeypatch):
    """The texts of a figure, none of which covers another."""
    texts = drawn_texts(figure, monkeypatch)
    assert_no_collisions(figure, texts)
    return " ".join(text.get_text() for text in texts)


@pytest.mark.parametrize("name", CURVES)
def test_only_the_methods_of_the_settings_are_drawn(name, streams, monkeypatch):
    one = dataclasses.replace(FIGURES, methods=("hope", "hope_tta"))
    figure, plotted = compose(name, streams[name], one)
    assert set(plotted["method"]) - {"persistence"} == {"hope"}
    assert "ViT" not in words(figure, monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_a_study_that_learns_nothing_is_drawn(name, null, monkeypatch):
    figure, plotted = compose(name, null[name])
    assert len(plotted) > 0
    words(figure, monkeypatch)


def test_values_that_are_not_there_are_said_to_be_na(null, monkeypatch):
    assert "half-life NA" in words(compose("paired_gain", null["paired_gain"])[0], monkeypatch)
    figure, _ = compose("forgetting_recovery", null["forgetting_recovery"])
    assert "NA: no skill to forget" in words(figure, monkeypatch)


def test_protocol_names_the_real_domain_of_the_placebo(streams, monkeypatch):
    figure, plotted = compose("protocol", streams["protocol"])
    rows = plotted[(plotted["item"] == "phase") & (plotted["stream"] == "placebo")]
    assert rows["name"].tolist() == ["A1", "B", "A2"]
    assert rows["domain"].tolist() == ["A", "A", "A"]
    assert rows["friction_scale"].tolist() == [1.0, 1.0, 1.0]
    found = words(figure, monkeypatch)
    assert "A: 64 clips" in found
    assert "B: 64 clips\nfriction × 0.4" in found


def test_protocol_draws_four_phases_and_severities(streams, tmp_path, monkeypatch):
    inputs, clips = streams["protocol"], synthetic.CLIPS | {"B2": 32}
    main = synthetic.stream("hope", synthetic.TRUTHS["hope"])
    returns = synthetic.stream("hope", synthetic.TRUTHS["hope"], clips=clips)
    path = tmp_path / "stream.parquet"
    pd.concat([main, *(returns.assign(stream=n) for n in ("return", "mild"))]).to_parquet(path)
    plans = dict(inputs.adaptation.streams)
    plans["mild"] = settings.StreamPlan(("A", "mild", "A", "mild"), tuple(clips.values()), ())
    adaptation = dataclasses.replace(inputs.adaptation, streams=plans)
    wide = dataclasses.replace(inputs, stream=path, adaptation=adaptation)
    figure, plotted = compose("protocol", wide)
    assert set(plotted.loc[plotted["item"] == "phase", "stream"]) == {"main", "return", "mild"}
    found = words(figure, monkeypatch)
    assert "B₂: 32 clips" in found
    assert "mild: 32 clips" in found


def test_protocol_has_room_for_all_contestants(streams, tmp_path, monkeypatch):
    adaptation = figure_inputs.study_settings().adaptation
    metrics = json.loads(streams["protocol"].metrics.read_text())
    metrics["methods"] |= {name: {} for name in adaptation.methods}
    metrics["models"] |= {name: method.model for name, method in adaptation.methods.items()}
    metrics["kinds"] |= {model: model.split("_")[0] for model in metrics["models"].values()}
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(metrics))
    inputs = dataclasses.replace(streams["protocol"], metrics=path, adaptation=adaptation)
    all_methods = dataclasses.replace(FIGURES, methods=tuple(adaptation.methods))
    figure, plotted = compose("protocol", inputs, all_methods)
    assert (plotted["item"] == "method").sum() == len(adaptation.methods)
    words(figure, monkeypatch)


def test_protocol_says_what_is_adapted_and_when_it_is_dropped(streams):
    inputs = streams["protocol"]
    method = dataclasses.replace(inputs.adaptation.methods["vit_tta"], adapt="all", reset="every")
    methods = inputs.adaptation.methods | {"vit_tta": method}
    adaptation = dataclasses.replace(inputs.adaptation, methods=methods, reset_every=16)
    _, plotted = compose("protocol", dataclasses.replace(inputs, adaptation=adaptation))
    row = plotted[plotted["name"] == "vit_tta"].iloc[0]
    assert row["gradient steps"] == "all parameters"
    assert row["reset"] == "every 16 clips"


def test_the_placebo_lies_at_the_phases_of_the_main_stream(streams, monkeypatch):
    figure, plotted = compose("paired_gain", streams["paired_gain"])
    placebo = plotted[plotted["panel"] == "placebo"].set_index(["method", "k"])
    gain = plotted[plotted["panel"] == "gain"].set_index(["method", "k"])
    assert (placebo["phase"] == gain["phase"].loc[placebo.index]).all()
    late = placebo[placebo["phase"] == "B"].loc["hope"]["mean"].iloc[-8:].mean()
    assert late == pytest.approx(DRIFT * 0.040, abs=0.003)
    assert "placebo, all phases of A" in words(figure, monkeypatch)


def test_a_shorter_placebo_stays_within_its_phases(streams, tmp_path):
    table = pd.read_parquet(streams["paired_gain"].stream)
    keep = (table["stream"] == "main") | (table["k"] < 40)
    path = tmp_path / "stream.parquet"
    table[keep].to_parquet(path)
    _, plotted = compose("paired_gain", dataclasses.replace(streams["paired_gain"], stream=path))
    placebo = plotted[plotted["panel"] == "placebo"]
    assert placebo.groupby("phase")["k"].max().to_dict() == {"A1": 31, "B": 39}


def test_without_a_placebo_there_is_no_word_of_it(smallest, monkeypatch):
    figure, plotted = compose("paired_gain", smallest["paired_gain"])
    assert set(plotted["panel"]) == {"gain", "cumulative"}
    assert "placebo" not in words(figure, monkeypatch)


def test_probes_show_what_is_paid_on_a_and_won_on_b(streams):
    _, plotted = compose("probe_curves", streams["probe_curves"])
    at = plotted.set_index(["domain", "method", "k"])["mean"]
    assert at["A", "vit_tta", 96] - at["A", "vit_tta", 32] == pytest.approx(0.029, abs=1e-6)
    assert at["B", "hope", 96] < at["B", "hope", 32] - 0.035
    assert at["A", "vit_frozen", 96] == pytest.approx(at["A", "vit_frozen", 0])


def test_recovery_falls_into_its_corridor(streams):
    _, plotted = compose("recovery", streams["recovery"])
    assert set(plotted["method"]) == {"vit_tta", "vit_force_scale", "hope"}
    tta = plotted[plotted["method"] == "vit_tta"].set_index("clip")
    assert tta.index.min() == 1
    assert tta["mean"][1] > tta["margin"][1]
    assert abs(tta["mean"].iloc[-8:].mean()) < tta["margin"][1]
    assert tta["margin"][1] == pytest.approx(0.003, rel=0.1)


def test_recovery_counts_runs_that_never_recover():
    text = module_of("recovery").recovery_text
    assert text({"mean": None, "n": 0, "censored": 2}) == "recovery NA, 2 runs not within A₂"
    assert text({"mean": 3.0, "n": 2, "censored": 0}) == "recovered after 3.0 clips, n = 2"


def test_horizons_are_those_of_the_metrics(streams):
    _, plotted = compose("horizon", streams["horizon"])
    metrics = json.loads(streams["horizon"].metrics.read_text())
    assert plotted["phase"].unique().tolist() == ["A1", "B", "A2"]
    at = plotted.set_index(["method", "phase", "horizon"])["mean"].sort_index()
    for name in ("hope", "persistence"):
        entry = metrics["methods"][name]["rollout_loss_B_7"]
        assert at[name, "B", 7] == pytest.approx(entry["mean"])
    assert (at["hope", "B"] < at["persistence", "B"]).all()


def test_objects_are_predicted_to_stop_too_early_in_b(streams):
    _, plotted = compose("physics_probe", streams["physics_probe"])
    at = plotted.set_index(["panel", "method", "phase", "horizon"])["mean"].sort_index()
    assert at["centre_signed", "vit_frozen", "B", 7] < -0.03
    assert at["centre_error", "vit_frozen", "B", 7] > at["centre_error", "hope", "B", 7] > 0


def test_a_study_without_decoded_centres_says_so(streams, tmp_path, monkeypatch):
    metrics = json.loads(streams["physics_probe"].metrics.read_text())
    for run in metrics["runs"].values():
        for name in [name for name in run if name.startswith("centre_")]:
            del run[name]
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(metrics))
    figure, plotted = compose("physics_probe", module_of("physics_probe").Inputs(path))
    assert plotted.empty
    assert "no centres were decoded" in words(figure, monkeypatch)


def rates_table():
    """Rates of one method: a valley, and a last rate that diverged."""
    rows = {"rate": [0.001, 0.01, 0.1, 1.0], "loss_B": [0.34, 0.31, 0.33, np.inf]}
    rows["loss_A2"] = [0.200, 0.205, 0.9, np.inf]
    rows["best"] = [False, True, False, False]
    return pd.DataFrame(rows).assign(method="hope", seeds=2)


def test_rates_beyond_the_frame_are_counted(streams, tmp_path, monkeypatch):
    path = tmp_path / "tuning.csv"
    rates_table().to_csv(path, index=False)
    inputs = dataclasses.replace(streams["learning_rates"], tuning=path)
    figure, plotted = compose("learning_rates", inputs)
    assert len(plotted) == 4
    assert figure.axes[0].get_ylim()[1] < 0.3
    found = words(figure, monkeypatch)
    assert "HOPE: chosen 0.01 of 0.001, 0.01, 0.1, 1" in found
    assert "2 beyond the frame" in found


@pytest.mark.parametrize("font_pt", [8.0, 9.0])
def test_the_verdict_is_on_the_face_of_the_contrasts(font_pt, streams, tmp_path, monkeypatch):
    sentence = "HOPE beats ViT-AC + TTA: " + "overall -0.03 [-0.04, -0.02], and so on; " * 6
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps({"outcome": "hope", "sentence": sentence}))
    inputs = dataclasses.replace(streams["contrasts"], verdict=path)
    figure, plotted = compose("contrasts", inputs, dataclasses.replace(FIGURES, font_pt=font_pt))
    found = words(figure, monkeypatch).replace("\n", " ")
    assert f"Verdict: {sentence.strip()}" in found
    assert plotted["endpoint"].nunique() == len(figure.axes) == 3


def test_contrasts_show_seeds_margins_and_what_is_not_there(streams, tmp_path, monkeypatch):
    table = pd.read_csv(streams["contrasts"].contrasts)
    table = table[table["contrast"].isin(["hope - vit_tta", "hope - vit_force_scale"])]
    absent = (table["contrast"] == "hope - vit_force_scale") & (table["endpoint"] == "stability")
    numbers = ["estimate", "low", "high", "p", "p_holm", "delta", "seed0", "seed1"]
    table.loc[absent, numbers] = np.nan
    path = tmp_path / "contrasts.csv"
    table.to_csv(path, index=False)
    figure, _ = compose("contrasts", dataclasses.replace(streams["contrasts"], contrasts=path))
    stability = figure.axes[1]
    seeds = [line for line in stability.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in seeds] == [2]
    assert len(stability.patches) == 1
    assert stability.patches[0].get_width() == pytest.approx(2.0)
    found = words(figure, monkeypatch)
    assert "NA" in found
    assert "No verdict: n = 2 < 6." in found


def test_claims_state_the_numbers_of_every_caption(streams, tmp_path):
    folder = tmp_path / "figures"
    assert claims(folder) == {}
    for name in NAMES:
        paths = (folder / f"{name}.{suffix}" for suffix in ("pdf", "png", "csv"))
        module_of(name).draw(streams[name], FIGURES, style.Paths(*paths))
    for name in ("metrics.json", "verdict.json"):
        (tmp_path / name).write_bytes((streams["horizon"].metrics.parent / name).read_bytes())
    found = claims(folder)
    assert set(found) == set(NAMES) - {"protocol"}
    assert found["contrasts"] == "No verdict: n = 2 < 6."
    assert found["learning_rates"].endswith("HOPE 1.")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    gain = metrics["methods"]["hope"]["adaptation_gain"]["mean"]
    assert f"HOPE {gain:+.4f} (" in found["paired_gain"]
    assert re.search(r"ViT-AC \+ TTA \d+ % and \d+ %", found["forgetting_recovery"])
    assert "ViT-AC, frozen" not in found["probe_curves"]


def test_a_number_that_is_not_there_is_na_in_a_claim():
    metrics = {"methods": {"hope": {"net_gain": {"mean": None}}}}
    assert number(metrics, "hope", "net_gain", "+.4f") == "NA"
    assert number(metrics, "hope", "centre_error_B_7", ".1f", 100) == "NA"


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_a_caption_a_script_and_a_rule(name):
    root = figure_inputs.Path(__file__).parents[3] / "workflow"
    assert (root / "scripts" / f"draw_{name}.py").is_file()
    caption = (root / "report" / f"{name}.rst").read_text()
    assert name == "protocol" or f'["claims"]["{name}"]' in caption
    rules = "".join(path.read_text() for path in sorted((root / "rules").glob("*figures.smk")))
    assert f"rule draw_{name}:" in rules
