"""The results on a dataset, as the leaderboard lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from leaderboard.catalog.markup import Markup, element
from leaderboard.words import ENVIRONMENTS
from vd4rl_data.spec import DatasetSpec

NOT_STATED: Final = "\N{EN DASH}"

Entry = Mapping[str, Any]
"""An entry of the leaderboard's payload."""

Results = Mapping[tuple[str, int | None], Sequence[Entry]]
"""Entries by benchmark and image size."""


def by_dataset(entries: Iterable[Entry]) -> Results:
    """Sort the entries of the payload by what they were trained on."""
    found: dict[tuple[str, int | None], list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry["benchmark"], entry["size"]), []).append(entry)
    return found


def results_on(spec: DatasetSpec, results: Results) -> Sequence[Entry]:
    """The entries that were trained on a dataset, at its size."""
    return results.get((str(spec.id.benchmark), spec.size), ())


def results_table(entries: Sequence[Entry], root: str) -> Markup:
    """Best first; each links to its entry.

    Args:
        entries: at least one.
        root: address of the site's folder.
    """
    scores = [(entry, score) for entry in entries for score in entry["scores"]]
    several = len({score["environment"] for _, score in scores}) > 1
    scores.sort(key=lambda pair: (pair[1]["environment"] != "original", -pair[1]["value"]))
    titles = ["Algorithm", *(["Environment"] if several else []), "Score", "Seeds", "Provenance"]
    texts = {"Algorithm", "Environment", "Provenance"}
    head = [
        element("th", title, scope="col", class_="text" if title in texts else None)
        for title in titles
    ]
    rows = [_row(entry, score, several, root) for entry, score in scores]
    caption = element("caption", "Results on this dataset", class_="visually-hidden")
    table = element("table", caption, element("thead", element("tr", head)), element("tbody", rows))
    scroll = {"class_": "scroll", "tabindex": 0, "role": "region", "aria_label": "Results"}
    units = "; ".join(dict.fromkeys(score["unit"] for _, score in scores))
    return element("div", element("div", table, **scroll), element("p", f"{units}.", class_="note"))


def _row(entry: Entry, score: Mapping[str, Any], several: bool, root: str) -> Markup:
    address = f"{root}index.html#/entry/{quote(entry['key'], safe='')}"
    label = entry["label"]
    name = element(
        "th",
        element("a", entry["algorithm"], href=address),
        None if label is None else element("span", label, class_="label"),
        scope="row",
    )
    kind = "replayed" if entry["replayed"] else entry["kind"]
    spread = score["spread"]
    cells = [
        element(
            "td",
            f"{score['value']:.1f}",
            None if spread is None else element("span", f"± {spread:.1f}", class_="spread"),
            class_="strong",
        ),
        element("td", str(score["seeds"] or NOT_STATED)),
        element(
            "td",
            element("span", kind, class_=f"badge {kind}"),
            [element("span", mark, class_="badge mark") for mark in entry["marks"]],
            class_="text",
        ),
    ]
    if several:
        cells.insert(0, element("td", ENVIRONMENTS[score["environment"]], class_="text"))
    return element("tr", name, cells)
