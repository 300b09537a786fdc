"""docs/method.md says what the code does: names, keys, defaults, sizes, numbers, links, figures."""

from __future__ import annotations

import dataclasses
import importlib
import math
import re

import pandas as pd
import pytest
import torch
from tests.small_models import GRID, HOPE, small
from tests.snakemake_runs import ROOT, read_config

from hopeworld import checks, settings
from hopeworld.models.build import build_predictor
from hopeworld.models.hope.memory import unit
from hopeworld.models.predictor import parameter_count
from hopeworld.models.rotary import rotary_tables, rotate

FOLDER = ROOT / "docs" / "method"
TEXT = (ROOT / "docs" / "method.md").read_text()
PARTS = ("block.svg", "write.svg", "rules.svg", "rules.csv")


def rows(title: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its header."""
    below = TEXT.split(f"\n## {title}", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", below, flags=re.MULTILINE).group()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()][2:]


SYMBOLS = [
    (name, row[3].strip("`")) for row in rows("5.") for name in re.findall(r"`([\w.]+)`", row[2])
]


@pytest.fixture(scope="module")
def instances():
    """Modules of both predictors by the name of their class."""
    local = build_predictor(dataclasses.replace(HOPE, cms_loss="local"), GRID, 20, 0)
    parts = [*small("vit_ac").modules(), *small("hope").modules(), *local.modules()]
    found = {type(part).__name__: part for part in parts}
    return found | {"Predictor": local}


@pytest.mark.parametrize(("name", "file"), SYMBOLS)
def test_a_symbol_is_in_the_code_where_the_table_says(name, file, instances):
    module = importlib.import_module("hopeworld.models." + file[:-3].replace("/", "."))
    first, *attributes = name.split(".")
    owner = getattr(module, first)
    assert owner.__module__ == module.__name__
    if attributes:
        fields = (
            {f.name for f in dataclasses.fields(owner)} if dataclasses.is_dataclass(owner) else ()
        )
        on_part = hasattr(instances.get(first), attributes[0])
        assert attributes[0] in fields or hasattr(owner, attributes[0]) or on_part


def test_the_table_of_symbols_is_not_empty():
    assert len(SYMBOLS) > 50


def test_every_switch_has_its_row_and_default():
    defaults = checks.parse(read_config()).models.hope
    written = {}
    for keys, default, _ in rows("6."):
        written |= {key: default.strip('`"') for key in re.findall(r"`(\w+)`", keys)}
    assert set(written) == {field.name for field in dataclasses.fields(settings.Hope)}
    for key, default in written.items():
        if default:
            value = getattr(defaults, key)
            shown = f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
            assert default.lower() == shown.lower(), key


def test_sizes_are_those_of_the_studies():
    for name, depth, width, heads, *counts in rows("2."):
        overlays = [] if "config.yaml" in name else ["thesis"]
        models = checks.parse(read_config(*overlays)).models
        pair = models.vit_ac, models.hope
        assert {(m.depth, m.width) for m in pair} == {(int(depth), int(width))}
        assert heads == f"{pair[0].heads} / {pair[1].heads}"
        built = [parameter_count(build_predictor(model, (8, 8), 1024, 0)) for model in pair]
        assert [int(count.replace(",", "")) for count in counts] == built


def test_half_lives_are_those_of_the_defaults():
    hope = checks.parse(read_config()).models.hope
    kept = torch.sigmoid(small_bias()).item()
    assert f"= {kept:.3f}$" in TEXT
    assert f"= {math.log(0.5) / math.log(kept):.0f}$ steps" in TEXT
    updates = math.log(0.5) / math.log(hope.cms_decay)
    fast, medium, slow = (round(updates * period) for period in hope.cms_periods)
    assert f"= {updates:.1f}$ updates" in TEXT
    assert f"{fast}, {medium} and {slow} transitions" in TEXT


def small_bias() -> torch.Tensor:
    """Bias of alpha in a new model."""
    return build_predictor(HOPE, GRID, 20, 0).blocks[0].mixer.gate.bias[-1].detach()


def test_meta_rope_changes_lengths_as_much_as_is_said():
    generator = torch.Generator().manual_seed(0)
    keys = unit(torch.randn(50, 7, 65, 24, generator=generator))
    spread = {}
    for rope in ("meta", "standard"):
        tables = rotary_tables(0, 7, (8, 8), 24, rope, torch.device("cpu"))
        spread[rope] = rotate(keys, tables).norm(dim=-1).std().item()
    assert f"varies by {100 * spread['meta']:.0f} %" in TEXT
    assert spread["standard"] < 1e-6


def test_links_and_named_tests_exist():
    for page in (TEXT, (ROOT / "docs" / "README.md").read_text()):
        for link in re.findall(r"\]\(([^)#:]+)\)", page):
            assert (ROOT / "docs" / link).exists(), link
        for path in re.findall(r"`((?:tests|docs|config)/[\w/.-]+)`", page):
            assert (ROOT / path).exists(), path


def test_headings_that_are_linked_exist():
    titles = re.findall(r"^#+ (.*)$", TEXT, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors


def test_inline_formulas_survive_markdown():
    """GitHub takes a backslash before punctuation, and may read an underscore as emphasis."""
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    prose = re.sub(r"`[^`\n]*`", "", prose)
    assert prose.count("$") % 2 == 0
    for formula in re.findall(r"\$([^$]*)\$", prose):
        assert not re.search(r"[^A-Za-z0-9]_|\\[^A-Za-z]|[\n*|]", formula), formula


def test_figures_are_drawn_to_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    draw, folders = importlib.import_module("draw"), (tmp_path / "one", tmp_path / "other")
    for folder in folders:
        folder.mkdir()
        draw.main(folder)
    for name in PARTS:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    drawn, kept = (pd.read_csv(folder / "rules.csv") for folder in (folders[0], FOLDER))
    pd.testing.assert_frame_equal(drawn, kept, rtol=5e-3)


def test_the_figure_of_the_rules_shows_what_its_caption_says():
    numbers = pd.read_csv(FOLDER / "rules.csv")
    pair = numbers[numbers.panel == "pair"]
    ends = pair[pair.x == pair.x.max()].set_index(["rule", "memory"]).y
    linear, mlp = (f"{ends['dgd', kind]:.2f}" for kind in ("linear", "MLP"))
    said = f"stops at {linear} in a linear memory and at {mlp} in an MLP"
    assert said in " ".join(TEXT.split())
    assert (ends[["proximal", "delta"]] > 0.9).all()
