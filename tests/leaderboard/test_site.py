"""The site: the same bytes, nothing from elsewhere, everything escaped, exports that fit."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from leaderboard.exports import escape_latex, escape_markdown, to_csv, to_latex, to_markdown
from leaderboard.site import ASSETS, PAGE, build_site, read_assets
from leaderboard.store import RESULTS, place_of
from tests.leaderboard.making import make_entry
from vd4rl_data.results import Algorithm, write_result

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_store_gives_the_same_bytes(site: Path, tmp_path: Path) -> None:
    assert hashes(build_site(RESULTS, tmp_path / "again").folder) == hashes(site)


def test_raw_results_give_the_same_bytes(raw_store: Path, tmp_path: Path) -> None:
    first = build_site(raw_store, tmp_path / "a").folder
    assert hashes(first) == hashes(build_site(raw_store, tmp_path / "b").folder)


def test_one_page_and_its_data(site: Path) -> None:
    assert sorted(path.name for path in site.iterdir()) == [
        "assets", "exports", "index.html", "leaderboard.json", "result.schema.json",
    ]  # fmt: skip


class Page(HTMLParser):
    """Addresses that a page loads or links, and what its inline scripts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.addresses += [found[name] or "" for name in ("src", "href") if name in found]
        self.in_script = tag == "script" and "src" not in found
        assert not any(name.startswith("on") for name in found)

    def handle_data(self, data: str) -> None:
        if self.in_script:
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.in_script = self.in_script and tag != "script"


def parsed(page: Path) -> Page:
    parser = Page()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def test_nothing_comes_from_another_host(site: Path) -> None:
    page = parsed(site / "index.html")
    for address in page.addresses:
        assert re.match(r"(assets/|exports/|#|data:|leaderboard\.json|result\.schema)", address)
        if address.startswith(("assets/", "exports/")):
            assert (site / address).exists()
    assert len(page.inline) == 1
    assert json.loads(page.inline[0]) == json.loads((site / "leaderboard.json").read_text("utf-8"))
    forbidden = r"\b(fetch|XMLHttpRequest|(inner|outer)HTML|insertAdjacentHTML|eval|import)\b"
    for source in PAGE.glob("*.js"):
        assert not re.search(forbidden, source.read_text(encoding="utf-8")), source


def test_vendored_assets_are_what_they_say() -> None:
    listed = {"assets.json"}
    for asset in read_assets():
        data = (ASSETS / asset["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == asset["sha256"]
        assert len(data) == asset["bytes"]
        assert asset["version"].encode() in data[:200] or asset["package"] == "d3"
        assert "opyright" in (ASSETS / asset["license_file"]).read_text()
        listed |= {asset["file"], asset["license_file"]}
    assert {path.name for path in ASSETS.iterdir()} == listed


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    algorithm = Algorithm(name="<b>bold</b>", label=HOSTILE[:190])
    result = make_entry(algorithm, "VD4RL/walker_walk-medium-v0", 84, 0.4)
    path = tmp_path / "store" / place_of(result)
    path.parent.mkdir(parents=True)
    write_result(path, result)
    folder = build_site(tmp_path / "store", tmp_path / "site").folder
    page = parsed(folder / "index.html")
    (entry,) = json.loads(page.inline[0])["entries"]
    assert entry["label"] == HOSTILE[:190]
    assert "onerror" not in "".join(page.addresses)
    markdown = (folder / "exports" / "vd4rl_main.md").read_text()
    assert "<" not in markdown
    assert "document.title" in markdown


TABLE: dict[str, Any] = {
    "key": "t",
    "title": "A & B",
    "about": "About.",
    "unit": "score",
    "ranked": True,
    "compared": True,
    "online": False,
    "columns": [
        {"benchmark": "VD4RL/a_b-random-v0", "task": "a b", "dataset": "random", "environment": e}
        for e in ("original", "distracted_test")
    ],
    "rows": [
        {
            "algorithm": name,
            "label": None,
            "sizes": [64],
            "provenance": "published",
            "marks": marks,
            "rank": 1.5,
            "mean": value,
            "cells": [
                {"value": value, "spread": 0.25, "seeds": 6, "marks": marks, "online": []},
                None,
            ],
        }
        for name, value, marks in (
            ("=SUM(A1)", 10.0, []),
            ("A_1 & <b>|$", 20.04, ["regenerated", "protocol 1"]),
        )
    ],
}
TABLE["columns"][1]["dataset"] = "x"
TABLE["rows"][1]["cells"][1] = {
    "value": -1.5, "spread": None, "seeds": None, "marks": ["regenerated"], "online": [],
}  # fmt: skip


def test_csv_is_long_and_runs_nothing() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows[1] == ["'=SUM(A1)", "", "64", "published", "VD4RL/a_b-random-v0", "original",
                       "10.0", "0.25", "6", ""]  # fmt: skip
    assert rows[2][-1] == "regenerated; protocol 1"
    assert rows[3][5:] == ["distracted_test", "-1.5", "", "", "regenerated"]
    assert len(rows) == 4


def test_latex_is_escaped_and_marks_the_best() -> None:
    assert to_latex(TABLE).splitlines() == [
        r"% A \& B; score; needs booktabs",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"Dataset & =SUM(A1) (64 px) & A\_1 \& \textless{}b\textgreater{}|\$"
        r" (64 px; regenerated; protocol 1) \\",
        r"\midrule",
        r"a b, random & 10.0 $\pm$ 0.2 & \textbf{20.0 $\pm$ 0.2} \\",
        r"a b, x: distracted test &  & \textbf{-1.5} \\",
        r"Mean & 10.00 & 20.04 \\",
        r"Average rank & 1.50 & 1.50 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_nothing_is_the_best_where_rows_cannot_be_compared() -> None:
    table = TABLE | {"compared": False}
    assert "**" not in to_markdown(table)
    assert r"\textbf" not in to_latex(table)


def test_markdown_is_escaped_and_marks_the_best() -> None:
    lines = to_markdown(TABLE).splitlines()
    assert lines[0] == "# A &amp; B"
    assert lines[4] == (
        r"| Dataset | =SUM\(A1\) \(64 px\) |"
        r" A\_1 &amp; &lt;b&gt;\|$ \(64 px; regenerated; protocol 1\) |"
    )
    assert lines[6] == "| a b, random | 10.0 ± 0.2 | **20.0 ± 0.2** |"


@pytest.mark.parametrize("text", [r"\input{/etc/passwd}", "100 %", "a^b~c", "$x$", "#1"])
def test_latex_runs_nothing(text: str) -> None:
    escaped = escape_latex(text)
    assert not re.search(r"(?<!\\)[%$#&_]", escaped)
    assert r"\input" not in escaped


def test_markdown_shows_no_html() -> None:
    assert escape_markdown("<img src=x>[a](b)") == r"&lt;img src=x&gt;\[a\]\(b\)"


def test_empty_tables_are_said_to_be_empty(site: Path) -> None:
    assert "No entries yet" in (site / "exports" / "metaworld_main.md").read_text()
    assert (site / "exports" / "metaworld_main.csv").read_text().count("\n") == 1


def test_every_table_is_exported(site: Path) -> None:
    tables = json.loads((site / "leaderboard.json").read_text("utf-8"))["tables"]
    wanted = {f"{table['key']}.{suffix}" for table in tables for suffix in ("csv", "tex", "md")}
    assert {path.name for path in (site / "exports").iterdir()} == wanted
    for table in tables:
        text = (site / "exports" / f"{table['key']}.csv").read_text("utf-8")
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) - 1 == sum(row["covered"] for row in table["rows"])


def test_raw_results_get_intervals_profiles_and_comparisons(
    raw_store: Path, tmp_path: Path
) -> None:
    folder = build_site(raw_store, tmp_path / "site").folder
    payload = json.loads((folder / "leaderboard.json").read_text("utf-8"))
    (table,) = [table for table in payload["tables"] if table["key"] == "vd4rl_main"]
    assert {tuple(row["sizes"]) for row in table["rows"]} == {(64,), (84,)}
    for row in table["rows"]:
        assert set(row["intervals"]) == {"iqm", "mean", "median", "optimality_gap"}
        for interval in row["intervals"].values():
            assert interval["low"] <= interval["value"] <= interval["high"]
        assert row["intervals"]["mean"]["value"] == pytest.approx(row["mean"], abs=1e-3)
    assert {profile["of"] for profile in table["profiles"]} == {"runs"}
    assert all("low" in profile for profile in table["profiles"])
    assert len(table["improvements"]) == 3
    assert all(pair["value"] >= 0.5 for pair in table["improvements"])  # best rows come first
