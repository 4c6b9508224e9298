"""The pages of the datasets in a real browser: finding, playing, phones, screen readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leaderboard.catalog.pictures import FRAMES_PER_SECOND
from tests.leaderboard.conftest import Open
from tests.leaderboard.test_browser_access import CONTRAST

SAMPLE = "datasets/VD4RL/walker_walk-random-sample-64px-v0.html"
RESULTS = "datasets/VD4RL/walker_walk-medium-84px-v0.html"
INDEX = "datasets/index.html"
SHOWN = "#datasets li:not([hidden])"


def shown(page: Any) -> list[str]:
    """Ids of the datasets that the list shows."""
    links = page.locator(f"{SHOWN} a").all()
    return [link.get_attribute("href").removesuffix(".html") for link in links]


def test_datasets_are_found(catalog: Path, open_page: Open) -> None:
    page = open_page(catalog, file=INDEX)
    number = len(json.loads((catalog / "leaderboard.json").read_text("utf-8"))["datasets"])
    assert page.locator(SHOWN).count() == number
    words = "walker medium 84 px"
    page.fill("#filter-words", words)
    page.select_option("#filter-distraction", "none")
    found = shown(page)
    assert "VD4RL/walker_walk-medium-84px-v0" in found
    assert all(words.split(maxsplit=1)[0] in name and "-84px-" in name for name in found)
    assert page.locator("#status").inner_text() == f"{len(found)} of {number} datasets"
    page.reload()  # the address holds what was asked
    assert shown(page) == found
    page.get_by_role("button", name="Reset").click()
    page.select_option("#filter-here", "shown")
    assert shown(page) == ["VD4RL/walker_walk-random-sample-64px-v0"]
    page.fill("#filter-words", "no such thing")
    assert page.locator("#nothing").is_visible()
    assert page.locator("#datasets section:visible").count() == 0
    page.get_by_role("button", name="Reset").click()
    page.select_option("#filter-how", "demos")
    assert shown(page)
    assert all(name.startswith("Kitchen/") for name in shown(page))


def test_the_film_plays_stops_and_goes_where_it_is_told_to(catalog: Path, open_page: Open) -> None:
    page = open_page(catalog, file=SAMPLE)
    told, button = page.locator(".told"), page.locator(".controls button")
    before = told.inner_text()
    page.wait_for_function(
        "(before) => document.querySelector('.told').textContent !== before", arg=before
    )
    button.press("Enter")
    stopped = told.inner_text()
    page.wait_for_timeout(3000 // FRAMES_PER_SECOND)
    assert told.inner_text() == stopped
    slider = page.get_by_label("Time step")
    slider.press("End")
    assert told.inner_text().startswith("t = 99, return ")
    assert slider.get_attribute("aria-valuetext") == told.inner_text()
    drawn = "() => { const c = document.querySelector('canvas'); return c.width * c.height; }"
    assert page.evaluate(drawn) == 64 * 64


def test_nothing_moves_for_those_who_asked_for_that(catalog: Path, open_page: Open) -> None:
    page = open_page(catalog, file=SAMPLE, reduced_motion="reduce")
    page.wait_for_selector(".told")
    page.wait_for_timeout(3000 // FRAMES_PER_SECOND)
    assert page.locator(".told").inner_text() == "t = 0, return 0.0"
    assert "Play" in page.locator(".controls button").inner_text()


def test_results_lead_to_their_entries_and_back(catalog: Path, open_page: Open) -> None:
    page = open_page(catalog, file=RESULTS)
    page.get_by_role("link", name="DrQ+BC", exact=True).click()
    page.wait_for_selector("h1:has-text('DrQ+BC on walker walk, medium')")
    page.locator(".crumbs a", has_text="walker_walk-medium").click()
    page.wait_for_selector("h1:has-text('walker walk, medium, 84 px')")
    page.get_by_role("link", name="expert, 84 px", exact=True).click()
    page.wait_for_selector("h1:has-text('walker walk, expert, 84 px')")
    page.locator(".crumbs a", has_text="walker walk").click()
    page.wait_for_selector("#told")
    assert {name.split("-")[0] for name in shown(page)} == {"VD4RL/walker_walk"}


CLIPBOARDS = {
    "granted": "",
    "none, as over plain http": "delete Navigator.prototype.clipboard;",
    "refused": "navigator.clipboard.writeText = () => Promise.reject(new DOMException('no'));",
    "nothing at all": "delete Navigator.prototype.clipboard; document.execCommand = () => false;",
}


@pytest.mark.parametrize("clipboard", CLIPBOARDS)
def test_a_command_is_copied_exactly_as_it_is_shown(
    catalog: Path, open_page: Open, clipboard: str
) -> None:
    page = open_page(catalog, file=SAMPLE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.add_init_script(CLIPBOARDS[clipboard])
    page.reload()
    blocks = page.locator(".command").all()
    assert len(blocks) > 3
    word = "Selected" if clipboard == "nothing at all" else "Copied"
    for block in blocks:
        shown = block.locator("code").inner_text()
        button = block.get_by_role("button")
        assert button.get_attribute("aria-label") == f"Copy: {block.locator('h3').inner_text()}"
        button.press("Enter")
        block.get_by_role("button").filter(has_text=word).wait_for()
        if word == "Selected":
            assert page.evaluate("() => getSelection().toString()") == shown
        else:
            assert pasted(page) == shown
        assert page.locator("#status").inner_text() == word


def pasted(page: Any) -> str:
    """What an empty field holds after Ctrl+V, with new lines as the clipboard has them."""
    page.evaluate(
        "() => { const field = document.createElement('textarea'); field.id = 'pasted';"
        " document.body.append(field); field.focus(); }"
    )
    page.keyboard.press("Control+V")
    found = page.locator("#pasted").input_value()
    page.evaluate("() => document.getElementById('pasted').remove()")
    return str(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_readable_on_any_screen(catalog: Path, open_page: Open, scheme: str, width: int) -> None:
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    page = open_page(catalog, file=INDEX, width=width, color_scheme=scheme)
    texts = {
        INDEX: (".lead", ".gallery small", "h2 small"),
        SAMPLE: (".id", ".badge", ".note"),
        RESULTS: ("dt", ".spread", ".axis"),
    }
    for file, selectors in texts.items():
        page.goto((catalog / file).as_uri())
        assert page.evaluate(wide) <= 0, file
        for selector in selectors:
            assert page.evaluate(CONTRAST, selector) >= 4.5, (selector, scheme)


def test_a_screen_reader_finds_its_way(catalog: Path, open_page: Open) -> None:
    page = open_page(catalog, file=INDEX)
    for file in (INDEX, SAMPLE, RESULTS):
        page.goto((catalog / file).as_uri())
        assert page.locator("h1").count() == 1
        unnamed = page.evaluate(
            "() => [...document.querySelectorAll('a, button, select, input, svg[role=img],"
            " [role=region], canvas')].filter((e) => !(e.textContent.trim()"
            " || e.getAttribute('aria-label') || e.labels?.length)).length"
        )
        assert unnamed == 0, file
        assert page.locator("img:not([alt])").count() == 0
        for table in page.locator("table").all():
            assert table.locator("caption").count() == 1
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("() => document.activeElement.id") == "main"
