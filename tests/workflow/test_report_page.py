"""The report as a reader sees it: opened in headless Chromium, without a network, and clicked."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from dataclasses import dataclass, field

import pytest
from tests import system_packages
from tests.snakemake_runs import FIGURES, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.browser]
FIGURE_NAMES = sorted(rule.removeprefix("draw_").replace("_", " ") for rule in FIGURES)
# With the file of the caption.
TABLES = {
    "contrasts and verdict": "verdict",
    "T1 final losses": "final_losses",
    "T2 metrics": "metrics",
    "T3 costs": "costs",
}
GATE = {"gate of every training": "gate"}
# What is not the same in every study, and what docutils takes for markup.
CHANGING = re.compile(r"\{% (if|for) .*?\{% end\1 %\}|\{\{.*?\}\}|\{%.*?%\}|[`*|\\]", re.DOTALL)
SECTIONS = ["The question", "What was found", "Gate", "Warnings", "Study", "Provenance"]
WINDOW = {"width": 1400, "height": 900}
# What Snakemake's own page says of the style sheet and of the library of plots that it carries.
KNOWN = ("cdn.tailwindcss.com should not be used", "The input spec uses Vega-Lite v3")


@dataclass
class Seen:
    """The open page, and what went wrong on it."""

    page: object
    home: str
    wrong: list[str] = field(default_factory=list)

    def open(self, category: str) -> None:
        """Load the page and click a category."""
        self.page.goto(self.home)
        self.page.get_by_role("link", name=category, exact=True).click()

    def names(self) -> list[str]:
        """The first column of the list of results."""
        return self.page.locator("tbody tr td:first-child").all_inner_texts()

    def row(self, name: str) -> object:
        """The two buttons of a result: show or download it, and tell of it."""
        rows = self.page.locator("tbody tr")
        named = rows.filter(has=self.page.get_by_role("cell", name=name, exact=True))
        return named.get_by_role("link")

    def caption(self, name: str) -> str:
        """The caption that the button of a result opens; goes back to the list."""
        self.row(name).nth(1).click()
        text = self.page.locator("nav .prose").inner_text()
        self.page.locator("nav ol a").nth(2).click()
        return text


@pytest.fixture(scope="module")
def seen(smoke):
    """The report of the smoke study in a browser that reaches nothing."""
    system_packages.require(("chromium",), ("chromium",))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            # Chromium refuses to run as root with its sandbox; the page is our own.
            args=["--disable-dev-shm-usage", *["--no-sandbox"] * (os.geteuid() == 0)],
        )
        context = browser.new_context(viewport=WINDOW, offline=True)
        context.set_default_timeout(20_000)
        seen = Seen(context.new_page(), (smoke.results / "report.html").as_uri())
        watch(seen)
        yield seen
        browser.close()


def watch(seen: Seen) -> None:
    """Note every error, warning, failed request, and request that leaves the machine."""

    def request(asked) -> None:
        if not asked.url.startswith(("file:", "data:", "blob:")):
            seen.wrong.append(f"request {asked.url}")

    def console(message) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(KNOWN):
            seen.wrong.append(f"console {message.type}: {message.text}")

    seen.page.on("request", request)
    seen.page.on("console", console)
    seen.page.on("pageerror", lambda error: seen.wrong.append(f"error {error}"))
    seen.page.on("requestfailed", lambda asked: seen.wrong.append(f"failed {asked.url[:80]}"))


@pytest.fixture(autouse=True)
def _clean(seen):
    """No test leaves an error on the page, whatever else it looks at."""
    seen.wrong.clear()
    yield
    assert seen.wrong == []


def is_prose(text: str) -> bool:
    """Whether a text is whole: no template, no complaint of docutils, no missing value."""
    marks = (
        r"\{[{%#]|[}%#]\}|System Message|Undefined|\bNone\b(?!:)|\bnan\b|seed\(s\)|-0\.0+\b(?!\d)"
    )
    return len(text) > 80 and not re.search(marks, text)


def own_words(name: str) -> str:
    """The longest run of words that a caption's file gives to every study."""
    text = (ROOT / "workflow" / "report" / f"{name}.rst").read_text()
    runs = (" ".join(run.split()) for run in CHANGING.sub("\0", text).split("\0"))
    return max(runs, key=len)


def is_caption(text: str, name: str) -> bool:
    """Whether a text is prose, and that of one file of `workflow/report/`."""
    return is_prose(text) and own_words(name) in " ".join(text.split())


def test_no_two_captions_have_the_same_words():
    names = sorted(path.stem for path in (ROOT / "workflow" / "report").glob("*.rst"))
    for name in names:
        assert len(own_words(name)) > 40, name
        texts = {n: (ROOT / "workflow" / "report" / f"{n}.rst").read_text() for n in names}
        holders = [n for n, text in texts.items() if own_words(name) in " ".join(text.split())]
        assert holders == [name]


def test_a_mark_of_a_broken_caption_is_found():
    whole = (
        "Mean object loss in B, mean over the clips of each phase, on a copy of the state, 0.05."
    )
    assert is_prose(whole)
    for broken in ("{{ x }}", "System Message: ERROR/3", "gain -0.0000", "1 seed(s)", "None"):
        assert not is_prose(f"{whole} {broken}")


def test_a_page_that_fails_or_asks_the_network_is_found(seen):
    with seen.page.expect_event("requestfailed"):
        seen.page.set_content(
            "<script>console.error('here')</script><img src='http://127.0.0.1:9/there.png'>"
        )
    found = " ".join(seen.wrong)
    seen.wrong.clear()
    for words in ("console error: here", "request http://127.0.0.1:9", "failed http://127.0.0.1:9"):
        assert words in found


def test_the_first_page_begins_with_the_question_and_can_be_read_to_its_end(seen):
    seen.page.goto(seen.home)
    titles = seen.page.locator(".prose h1")
    assert set(SECTIONS) <= set(titles.all_inner_texts())
    assert titles.first.inner_text() == "The question"
    assert titles.first.bounding_box()["y"] >= 0
    last = seen.page.locator(".prose li").last
    last.scroll_into_view_if_needed()
    assert last.bounding_box()["y"] < WINDOW["height"]
    assert is_prose(seen.page.locator(".prose").first.inner_text())


def is_drawn(canvas) -> bool:
    """Whether a canvas holds more than one colour."""
    colours = """canvas => new Set(new Uint32Array(canvas.getContext("2d").getImageData(
        0, 0, canvas.width, canvas.height).data.buffer)).size"""
    return canvas.evaluate(colours) > 1


def test_the_graph_of_the_rules_and_the_run_times_are_drawn(seen):
    seen.page.goto(seen.home)
    assert is_drawn(seen.page.locator("#rulegraph canvas"))
    seen.page.get_by_role("link", name="Statistics", exact=True).click()
    assert is_drawn(seen.page.locator("#runtimes canvas"))


def test_every_figure_is_drawn_and_has_its_caption(seen):
    seen.open("2 Figures")
    assert seen.names() == FIGURE_NAMES
    for name in FIGURE_NAMES:
        seen.row(name).nth(0).click()
        image = seen.page.locator("img[src^='data:image/png']")
        image.wait_for()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
        assert is_caption(seen.caption(name), name.replace(" ", "_")), name
    assert image.bounding_box()["y"] >= 0


def test_every_figure_is_there_as_a_vector_graphic(seen):
    seen.open("2 Figures")
    seen.page.get_by_text("vector PDF", exact=True).click()
    assert seen.names() == FIGURE_NAMES
    files = "Object.values(results).map(r => r.data_uri).filter(uri => uri.includes('/pdf;'))"
    contents = [base64.b64decode(uri.partition(",")[2]) for uri in seen.page.evaluate(files)]
    assert [content[:5] for content in contents] == [b"%PDF-"] * len(FIGURE_NAMES)


def test_every_table_can_be_downloaded_and_has_its_caption(seen, smoke):
    for category, names in (("1 Gate", GATE), ("3 Tables", TABLES)):
        seen.open(category)
        assert sorted(seen.names()) == sorted(names)
        for name, caption in names.items():
            link = seen.row(name).nth(0)
            file = smoke.results / "tables" / link.get_attribute("download")
            with seen.page.expect_download() as download:
                link.click()
            assert download.value.path().read_bytes() == file.read_bytes()
            assert is_caption(seen.caption(name), caption), name


def test_the_data_set_is_shown(seen):
    seen.open("4 Data set")
    assert seen.names() == ["probe_A", "probe_B"]
    seen.row("probe_B").nth(0).click()
    image = seen.page.locator("img[src^='data:image/png']")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    assert is_caption(seen.caption("probe_B"), "dataset")


def test_what_was_found_is_on_the_first_page(seen, smoke):
    sentence = json.loads((smoke.results / "verdict.json").read_text())["sentence"]
    seen.page.goto(seen.home)
    assert seen.page.get_by_text(sentence).is_visible()
