"""Offline, then online: from a training loop to a line of a table of its own."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.adding import put_entry
from leaderboard.check import check_file
from leaderboard.exports import to_csv, to_latex, to_markdown
from leaderboard.site import build_site
from leaderboard.store import RESULTS
from tests.leaderboard.conftest import Open
from tests.results.online import STEPS, make_online
from vd4rl_data.results import Algorithm, read_result, write_result

KITCHEN = "Kitchen/microwave_kettle_light_slide-demos-64px-v0"
BUDGET = (0, 100_000, 500_000)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MetaWorld, Kitchen with MOTO's budget, and Kitchen with another; beside MOTO's own number."""
    folder = tmp_path_factory.mktemp("online")
    moto = Path("Kitchen/microwave_kettle_light_slide-demos-v0/moto.json")
    (folder / "results" / moto).parent.mkdir(parents=True)
    shutil.copy(RESULTS / moto, folder / "results" / moto)
    made = {
        "metaworld": make_online(),
        "kitchen": make_online(KITCHEN, BUDGET),
        "short": make_online(KITCHEN, (0, 1000), note="with less"),
    }
    for name, submission in made.items():
        path = submission.write(folder / f"{name}.json")
        report = check_file(path, store=folder / "results")
        assert report.ok, report.problems
        if name != "short":
            put_entry(report, folder / "results")
    return folder


def tables_of(store: Path, folder: Path) -> dict[str, Any]:
    site = build_site(store / "results", folder).folder
    payload = json.loads((site / "leaderboard.json").read_text("utf-8"))
    return {table["key"]: table for table in payload["tables"]}


def test_scores_stand_from_the_offline_point_to_the_end(store: Path, tmp_path: Path) -> None:
    table = tables_of(store, tmp_path)["metaworld_online"]
    assert table["online"]
    (row,) = table["rows"]
    (cell,) = row["cells"]
    runs = read_result(store / "metaworld.json").evaluations[0].runs
    shares = np.array([[point.success for point in run.online_curve] for run in runs]) * 100
    assert [point[0] for point in cell["online"]] == list(STEPS)
    np.testing.assert_allclose([p[1] for p in cell["online"]], shares.mean(0), atol=1e-4)
    np.testing.assert_allclose([p[2] for p in cell["online"]], shares.std(0, ddof=1), atol=1e-4)
    assert cell["value"] == cell["online"][-1][1]
    assert cell["environment_steps"] == STEPS[-1]


def test_exports_say_both_ends(store: Path, tmp_path: Path) -> None:
    table = tables_of(store, tmp_path)["kitchen_online"]
    cells = {row["algorithm"]: row["cells"][0] for row in table["rows"]}
    offline, end = cells["Mine"]["online"][0][1], cells["Mine"]["value"]
    lines = {row["algorithm"]: row for row in csv.DictReader(io.StringIO(to_csv(table)))}
    assert [float(lines["Mine"][name]) for name in ("offline", "value")] == [offline, end]
    assert lines["MOTO"]["offline"] == ""  # the paper prints the end alone
    assert {line["environment_steps"] for line in lines.values()} == {"500000"}
    assert f"{offline:.1f} → {end:.1f}" in to_markdown(table)
    assert rf"{offline:.1f} $\rightarrow$ {end:.1f}" in to_latex(table)


def test_another_budget_stands_in_another_table(store: Path, tmp_path: Path) -> None:
    assert "kitchen_other" not in tables_of(store, tmp_path / "a")
    report = check_file(store / "short.json", store=store / "results")
    copy = tmp_path / "results"
    put_entry(report, copy)
    tables = tables_of(tmp_path, tmp_path / "b")
    assert [row["algorithm"] for row in tables["kitchen_other"]["rows"]] == ["Mine"]
    assert "kitchen_online" not in tables


def test_rows_of_several_budgets_are_not_ranked(tmp_path: Path) -> None:
    for name, steps in (("a", (0, 1000)), ("b", (0, 9000))):
        made = make_online(steps=steps).result
        named = dataclasses.replace(made, algorithm=Algorithm(name=name))
        place = tmp_path / "results" / "MetaWorld" / "door_open-scripted-v0" / f"{name}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        write_result(place, named)
    table = tables_of(tmp_path, tmp_path / "site")["metaworld_online"]
    assert len(table["rows"]) == 2
    assert (table["ranked"], table["compared"]) == (False, False)


def test_a_curve_without_success_or_out_of_bounds_is_refused(store: Path, tmp_path: Path) -> None:
    document = json.loads((store / "metaworld.json").read_text("utf-8"))
    for run in document["evaluations"][0]["runs"]:
        del run["successes"]
        for point in run["online_curve"]:
            del point["success"]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document), "utf-8")
    problems = check_file(path, store=store / "results").problems
    assert any("the online curve has none" in text for text in problems)
    document["evaluations"][0]["runs"][0]["online_curve"][1]["mean_return"] = 501.0
    path.write_text(json.dumps(document), "utf-8")
    problems = check_file(path, store=store / "results").problems
    assert any("501 at 2000 environment steps is out of the task's bounds" in p for p in problems)


def test_the_page_shows_the_table_and_the_curve(
    store: Path, tmp_path: Path, open_page: Open
) -> None:
    tables = tables_of(store, tmp_path)
    (cell,) = tables["metaworld_online"]["rows"][0]["cells"]
    page = open_page(tmp_path, "MetaWorld")
    table = page.locator("#metaworld_online table.online")
    titles = [title.strip() for title in table.locator("thead th").all_inner_texts()]
    assert titles[3:6] == ["Offline", "After online steps", "Environment steps"]
    texts = table.locator("tbody tr").first.locator("td").all_inner_texts()
    assert texts[2].startswith(f"{cell['online'][0][1]:.1f}")
    assert texts[3].startswith(f"{cell['value']:.1f}")
    assert texts[4] == "10,000"
    assert table.locator("svg").get_attribute("aria-label").count("after") == len(STEPS)
    figure = page.locator("#metaworld_online figure svg[role=img]")
    figure.wait_for()
    assert "Online curves" in figure.get_attribute("aria-label")
    table.locator("tbody a").first.click()
    page.locator("h1", has_text="Mine on door open").wait_for()
    assert "10,000" in page.locator("dl.facts").first.inner_text()
    assert page.locator("figure", has_text="Online curve").count() == 1
