"""The page in a real browser, for everybody: phones, themes, contrast, keyboard, screen readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.leaderboard.conftest import MAIN, Open


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_readable_on_any_screen(site: Path, open_page: Open, scheme: str, width: int) -> None:
    addresses = ("VD4RL", "LQVD4RL", "entries", "printed", "about")
    page = open_page(site, "VD4RL", width=width, color_scheme=scheme)
    for address in addresses:
        page.goto(page.url.split("#")[0] + f"#/{address}")
        page.wait_for_timeout(50)
        wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0, address  # tables scroll, the page does not
    for selector in (".lead", "thead th", ".spread", ".badge", "nav a"):
        page.goto(page.url.split("#")[0] + "#/VD4RL")
        page.wait_for_selector(MAIN)
        assert page.evaluate(CONTRAST, selector) >= 4.5, (selector, scheme)


CONTRAST = """(selector) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colors) => {
    canvas.globalCompositeOperation = "source-over";
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let worst = 99;
  for (const element of [...document.querySelectorAll(selector)].slice(0, 200)) {
    const backgrounds = [];
    for (let at = element; at; at = at.parentElement) {
      backgrounds.unshift(getComputedStyle(at).backgroundColor);
    }
    const behind = paint(["white", ...backgrounds]);
    const ink = paint(["white", ...backgrounds, getComputedStyle(element).color]);
    const [a, b] = [luminance(behind), luminance(ink)].sort((x, y) => y - x);
    worst = Math.min(worst, (a + 0.05) / (b + 0.05));
  }
  return worst;
}"""


def test_the_theme_can_be_chosen(site: Path, open_page: Open) -> None:
    page = open_page(site, color_scheme="light")
    color = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(color)
    button = page.locator("#theme")
    button.click()
    assert page.evaluate(color) == light
    button.click()
    assert page.evaluate(color) != light
    assert "dark" in button.get_attribute("aria-label")


def test_a_screen_reader_finds_its_way(site: Path, open_page: Open) -> None:
    page = open_page(site)
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("main, nav, header.top, footer").count() >= 4
    assert page.locator("h1").count() == 1
    for table in page.locator("table").all():
        assert table.locator("caption").count() == 1
        assert table.locator("tbody th[scope=row]").count() == table.locator("tbody tr").count()
    unnamed = page.evaluate(
        "() => [...document.querySelectorAll('a, button, select, input, svg[role=img]')].filter("
        "(e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length"
    )
    assert unnamed == 0
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to the tables"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
