"""The page that lists all datasets, and finds some of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from leaderboard.catalog.look import placeholder
from leaderboard.catalog.markup import Markup, element, joined
from leaderboard.catalog.page import Copy, page_shell
from leaderboard.catalog.results import Results, results_on
from leaderboard.catalog.returns import Axis, box
from leaderboard.words import BEHAVIORS, dataset_words, distraction_kind, suite_words, task_words
from vd4rl_data.facts import raw_bytes
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.ways import Kind, ways_to_get

_ROOT: Final = "../"
_WAYS: Final[dict[Kind, str]] = {
    "bundled": "the package",
    "download": "download",
    "collect": "collecting",
    "demos": "demonstrations",
    "part": "collecting a part",
    "train": "training first",
    "import": "import",
}
_HERE: Final = {True: "shown", False: "none yet"}


def index_page(specs: Sequence[DatasetSpec], copies: Mapping[str, Copy], results: Results) -> str:
    """The whole page.

    Args:
        specs: every dataset, in order.
        copies: what is here of some, by id.
        results: of the leaderboard.
    """
    tasks: dict[tuple[str, str], list[Markup]] = {}
    for spec in specs:
        card = _card(spec, copies.get(spec.name), results)
        tasks.setdefault((spec.id.suite, spec.id.task), []).append(card)
    groups = [_group(key, cards) for key, cards in tasks.items()]
    shown = len(copies)
    lead = (
        f"{_count(len(specs), 'dataset')} of {_count(len({s.id.suite for s in specs}), 'suite')};"
        f" {shown} of them stood in the data folder when this page was built and"
        f" {'has' if shown == 1 else 'have'} pictures. A bar shows the returns within what the"
        " task allows: the line from the lowest to the highest, the box the middle half, the mark"
        " the mean."
    )
    main = joined(
        [
            element("h1", "Datasets"),
            element("p", lead, class_="lead"),
            element("div", id="filters", data_ways=json.dumps(_WAYS)),
            element("div", groups, id="datasets"),
            element("p", "Nothing matches the filters.", id="nothing", class_="note", hidden=True),
        ]
    )
    text = "Datasets of offline reinforcement learning from pixels."
    scripts = ("filters.js", "datasets.js")
    return str(page_shell("Datasets", text, main, _ROOT, scripts, "Datasets"))


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _short(number: int) -> str:
    """Few digits: 100,000 is ``100K``, 1,500,000 is ``1.5M``."""
    for size, letter in ((1_000_000, "M"), (1_000, "K")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.0f} MB"


def _group(key: tuple[str, str], cards: Sequence[Markup]) -> Markup:
    suite, task = key
    title = element("h2", task.replace("_", " "), element("small", suite_words(suite)))
    return element("section", title, element("ul", cards, class_="gallery"))


def _card(spec: DatasetSpec, copy: Copy | None, results: Results) -> Markup:
    benchmark = spec.id.benchmark
    statistics = spec.published_returns or (copy.statistics if copy is not None else None)
    number = len(results_on(spec, results))
    size = _size(raw_bytes(spec))
    below = f"{size} · {_count(number, 'result')}" if number else size
    link = element(
        "a",
        _thumbnail(spec, copy),
        element("strong", dataset_words(benchmark)),
        None if statistics is None else box(statistics, Axis(*spec.task.return_range)),
        element("small", f"{spec.size} px, {_short(spec.num_transitions)} transitions"),
        element("small", below),
        href=f"{spec.name}.html",
    )
    title = suite_words(spec.id.suite)
    words = f"{spec.name} {title} {task_words(benchmark)} {dataset_words(benchmark)} {spec.size} px"
    return element(
        "li",
        link,
        data_suite=spec.id.suite,
        data_behavior=BEHAVIORS[spec.id.behavior],
        data_size=spec.size,
        data_distraction=distraction_kind(benchmark),
        data_how=" ".join(way.kind for way in ways_to_get(spec)),
        data_here=_HERE[copy is not None],
        data_words=words.lower(),
    )


def _thumbnail(spec: DatasetSpec, copy: Copy | None) -> Markup:
    if copy is None:
        return element("span", placeholder(), class_="thumb")
    picture = element(
        "img",
        src=copy.pictures.film.first,
        alt="",
        width=spec.size,
        height=spec.size,
        loading="lazy",
    )
    return element("span", picture, class_="thumb")
