"""The page in a real browser: sorting, filters, links, sources, figures, size."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from leaderboard.site import build_site
from leaderboard.store import place_of
from tests.leaderboard.conftest import MAIN, Open, column
from tests.leaderboard.making import make_entry, make_store
from vd4rl_data.results import Algorithm, write_result
from vd4rl_data.seeding import EVALUATION_PROTOCOL

MISSING = "\u2013"


def _payload(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "leaderboard.json").read_text("utf-8"))
    return content


def test_ranks_of_the_page_are_the_papers(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site)
    assert page.locator("h1").inner_text() == "V-D4RL"
    ranks = dict(zip(column(page, "Algorithm"), column(page, "Rank in its paper"), strict=True))
    wanted = {"DrQ+BC": "2.37", "BC": "2.43", "Offline DV2": "3.30", "CQL": "3.40", "LOMPO": "3.50"}
    assert {name: ranks[name] for name in wanted} == wanted


def wait_for_order(header: Any, order: str) -> None:
    """A table is sorted a moment after the key or the click."""
    from playwright.sync_api import expect

    expect(header).to_have_attribute("aria-sort", order)


def test_columns_sort_by_mouse_and_by_keyboard(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site)
    header = page.locator(f"{MAIN} thead tr:last-child th", has_text="Mean")
    header.click()
    wait_for_order(header, "descending")
    means = [float(text) for text in column(page, "Mean") if text != MISSING]
    assert means == sorted(means, reverse=True)

    algorithm = page.locator(f"{MAIN} thead tr:last-child th", has_text="Algorithm")
    algorithm.locator("[tabindex='0'], button").first.press("Enter")
    wait_for_order(algorithm, "ascending")
    names = column(page, "Algorithm")
    assert names == sorted(names, key=str.lower)
    algorithm.locator("[tabindex='0'], button").first.press("Enter")
    wait_for_order(algorithm, "descending")
    assert column(page, "Algorithm") == names[::-1]


def test_filters_take_away_and_say_so(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site)
    page.select_option("#filter-size", "64")
    assert set(column(page, "Size")) == {"64"}
    page.select_option("#filter-behavior", "expert")
    titles = page.locator(f"{MAIN} thead tr:last-child th").all_inner_texts()
    assert [title.strip() for title in titles].count("expert") == 3
    assert "random" not in [title.strip() for title in titles]
    assert "rows" in page.locator("#status").inner_text()
    assert page.url.endswith("#/VD4RL?behavior=expert&size=64")

    page.reload()  # the address holds the filters
    page.wait_for_selector("h1")
    assert page.locator("#filter-size").input_value() == "64"
    assert set(column(page, "Size")) == {"64"}
    filtered = len(column(page, "Algorithm"))
    page.get_by_role("button", name="Reset").click()
    assert len(column(page, "Algorithm")) > filtered

    page.select_option("#filter-provenance", "replayed")
    assert "Uniform random" in column(page, "Algorithm")
    assert set(column(page, "Size")) == {"64"}
    page.select_option("#filter-distraction", "high")  # which nothing can replay
    assert "Nothing" in page.locator("#tables").inner_text()
    page.get_by_role("button", name="Reset").click()
    page.select_option("#filter-distraction", "high")
    assert page.locator("section.table").count() == 1
    assert page.locator("#vd4rl_distractions tbody tr").count() == 10


def test_means_and_ranks_follow_the_filter(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site, "VD4RL?behavior=expert&size=84")
    means = dict(zip(column(page, "Algorithm"), column(page, "Mean"), strict=True))
    ranks = dict(zip(column(page, "Algorithm"), column(page, "Rank"), strict=True))
    assert means["BC"] == f"{(91.5 + 67.4 + 6.1) / 3:.1f}"
    best = min((name for name in ranks if ranks[name] != MISSING), key=lambda n: float(ranks[n]))
    assert float(means[best]) == max(float(text) for text in means.values() if text != MISSING)


def test_every_suite_and_page_opens(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site, "about")
    titles = page.locator("nav a").all_inner_texts()
    assert titles == [
        "V-D4RL", "LQV-D4RL", "LOMPO", "Kitchen", "MetaWorld", "All entries", "Printed numbers",
        "About",
    ]  # fmt: skip
    for title in titles:
        page.locator("nav a", has_text=title).filter(
            has=page.locator(f"text=/^{title}$/")
        ).first.click()
        page.wait_for_function("() => document.activeElement === document.getElementById('main')")
        assert page.locator("nav a[aria-current=page]").inner_text() == title
        assert page.title().endswith("Offline RL from pixels")
    for unknown in ("nothing", "entry/none", "entry/%", "__proto__", "constructor"):
        page.goto(page.url.split("#")[0] + f"#/{unknown}")
        page.wait_for_function(
            "() => document.querySelector('h1').textContent.startsWith('There is no')"
        )


def test_a_number_leads_to_its_source(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site)
    row = page.locator(f"{MAIN} tbody tr", has_text="Offline DV2")
    row.get_by_role("link", name="walker walk medium:").click()
    page.wait_for_function(
        "() => document.querySelector('h1').textContent.startsWith('Offline DV2')"
    )
    text = page.locator("main").inner_text()
    for words in ("34.1 ± 19.7", "Table 4, column 100K", "swapped with LOMPO", "not stated"):
        assert words in text
    link = page.get_by_role("link", name="SeMOPO (Wan et al., ICML 2024)")
    assert link.get_attribute("href") == "https://arxiv.org/abs/2406.09486"
    assert "noopener" in link.get_attribute("rel")
    page.go_back()
    page.wait_for_selector(MAIN)


def test_raw_entries_show_every_episode_and_their_badges(grown_site: Path, open_page: Open) -> None:
    key = quote("VD4RL/walker_walk-random-v0/uniform_random", safe="")
    page = open_page(grown_site, f"entry/{key}")
    badges = page.locator(".badges .badge").all_inner_texts()
    assert [badge.strip("✓ ") for badge in badges][:2] == ["replayed", "reproduced"]
    assert page.locator("section.wide tbody tr").count() == 5  # seeds of this entry
    assert "95 % interval" in page.locator("main").inner_text()


def test_all_entries_are_searched_and_paged(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site, "entries")
    scores = sum(len(entry["scores"]) for entry in _payload(grown_site)["entries"])
    assert f"of {scores}" in page.locator(".dt-info").inner_text()
    page.fill("#filter-words", "semopo walker")
    assert set(column(page, "Algorithm", "table.list")) == {"SeMOPO"}
    page.fill("#filter-words", "")
    page.select_option("#filter-suite", "Kitchen")
    kitchen = {e["algorithm"] for e in _payload(grown_site)["entries"] if e["suite"] == "Kitchen"}
    assert set(column(page, "Algorithm", "table.list")) == kitchen
    page.select_option("#filter-suite", "")
    first = column(page, "Score", "table.list")
    page.locator(".dt-paging-button.next").click()
    assert float(column(page, "Score", "table.list")[0]) <= float(first[-1])


def test_every_printed_number_is_listed(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site, "printed")
    payload = _payload(grown_site)
    printed = [one for entry in payload["entries"] for one in entry["content"].get("published", [])]
    total = len(printed) + len(payload["printed"])
    assert f"of {total}" in page.locator(".dt-info").inner_text()
    page.fill("#filter-words", "real robot")
    robots = [one for one in payload["printed"] if "real robot" in one["subject"]]
    assert page.locator("table.list tbody tr").count() == len(robots) > 0
    page.fill("#filter-words", "gain")
    assert {text.split()[0] for text in column(page, "Printed", "table.list")} >= {
        "42.1",
        "32.5",
        "10.8",
    }


def test_marks_stand_beside_what_cannot_be_compared(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site)
    row = page.locator("#vd4rl_data table.matrix tbody tr")
    assert row.locator(".badge.mark").all_inner_texts() == ["regenerated"]
    assert "collected anew" in row.locator(".badge.mark").get_attribute("title")
    assert page.locator("#vd4rl_data td.best").count() == 0
    assert "no data" in page.locator(f"{MAIN} tbody tr", has_text="Uniform").first.inner_text()
    assert page.locator(f"{MAIN} tbody tr", has_text="Best of all").locator(".mark").count() == 0
    row.locator("td.cell a").first.click()
    page.wait_for_selector(".badges .mark")
    text = page.locator("main").inner_text()
    for words in ("regenerated", "Evaluation protocol", "version", "Episode seeds", "not given"):
        assert words in text


def test_the_mark_of_some_cells_stands_at_these(tmp_path: Path, open_page: Open) -> None:
    """A row of two results, one evaluated by an older protocol."""
    for place, version in (("medium", EVALUATION_PROTOCOL), ("expert", 1)):
        made = make_entry(Algorithm(name="Mine"), f"VD4RL/walker_walk-{place}-v0", 84, 0.5)
        protocol = dataclasses.replace(made.protocol, version=version)
        path = tmp_path / "store" / place_of(made)
        path.parent.mkdir(parents=True)
        write_result(path, dataclasses.replace(made, protocol=protocol))
    page = open_page(build_site(tmp_path / "store", tmp_path / "site").folder)
    assert page.locator(f"{MAIN} tbody .badge.mark").all_inner_texts() == ["protocol 1"]
    links = page.locator(f"{MAIN} tbody td.cell a")
    daggers = {link.get_attribute("title"): link.locator("sup").count() for link in links.all()}
    assert daggers == {"": 0, "protocol 1": 1}


def test_exports_are_linked_and_there(grown_site: Path, open_page: Open) -> None:
    page = open_page(grown_site)
    links = page.locator(".exports a")
    assert links.count() == 3 * page.locator("section.table").count()
    for link in links.all():
        assert (grown_site / link.get_attribute("href")).is_file()


def test_hostile_words_are_shown_as_words(tmp_path: Path, open_page: Open) -> None:
    words = "<img src=x onerror=document.title=1>"
    script = "</script><script>document.title='owned'</script>"
    made = make_entry(Algorithm(name=words, label=script), "VD4RL/walker_walk-medium-v0", 84, 0.4)
    path = tmp_path / "store" / place_of(made)
    path.parent.mkdir(parents=True)
    write_result(path, made)
    site = build_site(tmp_path / "store", tmp_path / "site").folder
    page = open_page(site)
    key = quote(place_of(made).with_suffix("").as_posix(), safe="")
    for address in ("VD4RL", "entries", "printed", f"entry/{key}"):
        page.goto(page.url.split("#")[0] + f"#/{address}")
        page.wait_for_timeout(100)
        assert page.locator("img").count() == 0
        assert page.locator("script:not([src]):not([type='application/json'])").count() == 0
        assert "owned" not in page.title() or script in page.title()
        if address != "printed":
            assert words in page.locator("main").inner_text()


def test_figures_of_raw_results(raw_store: Path, tmp_path: Path, open_page: Open) -> None:
    page = open_page(build_site(raw_store, tmp_path / "site").folder)
    page.wait_for_selector(".learning svg")  # the last one; they are drawn after the tables
    captions = page.locator("figcaption").all_inner_texts()
    titles = [caption.split("\n")[0] for caption in captions]
    assert titles == [
        "Scores by dataset",
        "Performance profiles",
        "Probability of improvement",
        "Learning curves",
    ]
    assert page.locator("figure svg[role=img]").count() == 4
    assert page.locator("figure svg path[d*='NaN']").count() == 0
    before = page.locator(".learning svg").inner_html()
    page.locator(".learning select").select_option(index=3)
    assert page.locator(".learning svg").inner_html() != before
    iqm = column(page, "IQM")
    assert all(float(value) > 0 for value in iqm)
    page.locator(f"{MAIN} tbody td.cell a").first.click()
    page.wait_for_selector("section.wide figure svg")


@pytest.fixture(scope="module")
def large_site(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A thousand entries, built by a process of its own: without the tests' type checks."""
    folder = tmp_path_factory.mktemp("large")
    store = make_store(folder / "store", 1000)
    command = [sys.executable, "-m", "leaderboard", "build", "--out", str(folder / "site")]
    subprocess.run([*command, "--store", str(store)], cwd=repository, check=True, timeout=300)
    return folder / "site"


# From the event to the second frame after it, which is when its effect has been painted.
TIMED = """async ([selector, value]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const element = document.querySelector(selector);
  const times = [];
  for (let i = 0; i < 7; i++) {
    if (value !== null) { element.value = ""; element.dispatchEvent(new Event("change")); }
    await frame(); await frame(); await frame();
    const start = performance.now();
    if (value === null) element.click();
    else { element.value = value; element.dispatchEvent(new Event("change")); }
    await frame(); await frame();
    times.push(performance.now() - start);
  }
  return Math.min(...times); // a busy machine only ever adds
}"""


def test_a_thousand_entries_filter_at_once(large_site: Path, open_page: Open) -> None:
    for address, total in (("entries", "of 1,000"), ("VD4RL", "of 67 rows")):
        page = open_page(large_site, address)
        page.wait_for_selector("tbody tr")
        page.wait_for_timeout(2000)  # figures are drawn after the tables
        assert total in page.locator(".dt-info").first.inner_text()
        empty = page.evaluate(TIMED, ["h1", None])
        for name, value in (("size", "64"), ("behavior", "expert"), ("provenance", "submitted")):
            filtered = page.evaluate(TIMED, [f"#filter-{name}", value])
            assert filtered <= 5 * empty, (address, name, filtered, empty)
