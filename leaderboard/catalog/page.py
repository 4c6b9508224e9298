"""The page of one dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leaderboard.catalog.look import look
from leaderboard.catalog.markup import Content, Markup, element, joined
from leaderboard.catalog.pictures import Pictures
from leaderboard.catalog.results import Entry, results_table
from leaderboard.catalog.returns import returns_figure, statistics_table
from leaderboard.shell import Shell
from leaderboard.words import dataset_words, suite_words, task_words
from vd4rl_data.facts import dataset_facts, origin_facts, task_facts
from vd4rl_data.report import comparison
from vd4rl_data.spec import DatasetSpec, ReturnStatistics
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.ways import Way, ways_to_get

ROOT: Final = "../../"
"""The site's folder, seen from a page of a dataset; its folder of datasets is ``../``."""

_STYLES: Final = ("datasets.css",)
_LICENSES: Final = "Shipped libraries and their licenses: "
_NAV: Final = (("index.html", "Leaderboard"), ("datasets/index.html", "Datasets"))


@dataclass(frozen=True, slots=True)
class Copy:
    """The data that stood in the data folder.

    Attributes:
        manifests: of each part; one unless the dataset is a composite.
        returns: undiscounted episode returns, float64 (E,).
        statistics: of them.
        num_transitions, num_bytes: of all parts.
        complete: whether it is all of the dataset.
        pictures: what there is to see.
    """

    manifests: tuple[Manifest, ...]
    returns: NDArray[np.float64]
    statistics: ReturnStatistics
    num_transitions: int
    num_bytes: int
    complete: bool
    pictures: Pictures

    @property
    def origin(self) -> str:
        """Where it came from."""
        return " and ".join(dict.fromkeys(manifest.origin for manifest in self.manifests))


def dataset_page(
    spec: DatasetSpec, copy: Copy | None, entries: Sequence[Entry], related: Sequence[DatasetSpec]
) -> str:
    """The whole page.

    Args:
        spec: the catalog row.
        copy: the data, if they are here.
        entries: results on it.
        related: datasets to link to.
    """
    benchmark = spec.id.benchmark
    name = f"{task_words(benchmark)}, {dataset_words(benchmark)}, {spec.size} px"
    main = joined(
        [
            _crumbs(spec),
            element("h1", name),
            _summary(spec, copy),
            element(
                "div",
                _card("What it looks like", "look", look(copy and copy.pictures, spec.size, "../")),
                _returns(spec, copy),
                _commands(spec),
                _results(entries),
                _facts(spec),
                _held(copy),
                class_="cards dataset",
            ),
            _related(related),
        ]
    )
    return str(page_shell(name, f"The dataset {spec.name}.", main, ROOT, ("dataset.js",)))


def page_shell(
    title: str,
    description: str,
    main: Markup,
    root: str,
    scripts: tuple[str, ...],
    current: str | None = None,
) -> Shell:
    """What is around a page of the catalog; ``title`` and ``description`` are plain text."""
    nav = [
        element("a", words, href=root + address, aria_current="page" if words == current else None)
        for address, words in _NAV
    ]
    return Shell(
        title=joined(f"{title} · Offline RL from pixels"),
        description=joined(description),
        main=main,
        footer=joined([_LICENSES, element("a", "assets.json", href=f"{root}assets/assets.json")]),
        skip="Skip to the content",
        home=f"{root}index.html",
        nav=joined(nav),
        root=root,
        styles=_STYLES,
        scripts=("shared.js", "theme.js", *scripts),
    )


def _card(title: str, kind: str, *content: Content) -> Markup:
    return element("section", element("h2", title), content, class_=f"card {kind}")


def _crumbs(spec: DatasetSpec) -> Markup:
    suite, task = spec.id.suite, task_words(spec.id.benchmark)
    return element(
        "nav",
        element("a", "Datasets", href="../index.html"),
        " / ",
        element("a", suite_words(suite), href=f"../index.html#suite={suite}"),
        " / ",
        element("a", task, href=f"../index.html#suite={suite}&words={task.replace(' ', '+')}"),
        class_="crumbs",
        aria_label="Place",
    )


def _summary(spec: DatasetSpec, copy: Copy | None) -> list[Markup]:
    badges = [
        f"{spec.size} px",
        f"{spec.num_episodes:,} episodes",
        f"{spec.num_transitions:,} transitions",
        spec.license,
    ]
    shown: list[Markup] = [element("span", text, class_="badge") for text in badges]
    if copy is not None:
        held = "complete" if copy.complete else f"{len(copy.returns):,} episodes"
        shown.append(element("span", f"shown: {copy.origin}, {held}", class_="badge reproduced"))
    return [
        element("p", element("code", spec.name), class_="id"),
        element("div", shown, class_="badges"),
    ]


def _returns(spec: DatasetSpec, copy: Copy | None) -> Markup:
    ours, published = copy and copy.statistics, spec.published_returns
    figure = returns_figure(copy and copy.returns, ours, published)
    if figure is None:
        text = "No returns were published."
        return _card("Episode returns", "distribution", element("p", text, class_="note"))
    count = 0 if copy is None else len(copy.returns)
    table = statistics_table(ours, count, published, spec.num_episodes)
    against = (
        element(
            "p", f"Mean against the published one: {comparison(spec, ours, count)}.", class_="note"
        )
        if ours is not None and published is not None
        else None
    )
    return _card("Episode returns", "distribution", figure, table, against)


def _results(entries: Sequence[Entry]) -> Markup:
    how = element("a", "How to submit one", href=f"{ROOT}index.html#/about")
    if not entries:
        return _card("Results", "results", element("p", "None yet. ", how, ".", class_="note"))
    table = results_table(entries, ROOT)
    return _card("Results", "results", table, element("p", how, ".", class_="note"))


def _commands(spec: DatasetSpec) -> Markup:
    load = f'import vd4rl_data\n\ndataset = vd4rl_data.load_dataset("{spec.name}")'
    look_at = f"vd4rl info {spec.name}\nvd4rl preview {spec.name}"
    blocks = [("Load it in Python", load, ()), ("Look at it", look_at, ())]
    blocks += [_way(way) for way in ways_to_get(spec, anywhere=True)]
    return _card("Commands", "commands", [_block(*block) for block in blocks])


def _way(way: Way) -> tuple[str, str, tuple[str, ...]]:
    return way.title, "\n".join(way.commands), way.notes


def _block(title: str, text: str, notes: Sequence[str]) -> Markup:
    code = element("pre", element("code", text), tabindex=0, role="region", aria_label=title)
    told = [element("p", note, class_="note") for note in notes]
    return element("div", element("h3", title), code, told, class_="command")


def _facts(spec: DatasetSpec) -> list[Markup]:
    return [
        _card("Dataset", "facts", _list(dataset_facts(spec))),
        _card("Task", "facts", _list(task_facts(spec.task))),
        _card("Cite", "facts", _block("BibTeX", spec.citation, ())),
    ]


def _held(copy: Copy | None) -> Markup | None:
    if copy is None:
        return None
    held = [
        ("origin", copy.origin),
        ("episodes", f"{len(copy.returns):,}"),
        ("transitions", f"{copy.num_transitions:,}"),
        ("size", f"{copy.num_bytes / 1e6:,.1f} MB"),
    ]
    parts = [fact for manifest in copy.manifests for fact in origin_facts(manifest)]
    return _card("The data shown here", "wide", _list([*held, *parts]))


def _list(facts: Sequence[tuple[str, str]]) -> Markup:
    return element(
        "dl",
        [[element("dt", name), element("dd", value)] for name, value in facts],
        class_="facts",
    )


def _related(related: Sequence[DatasetSpec]) -> Markup | None:
    if not related:
        return None
    links = [
        element(
            "li",
            element(
                "a",
                f"{dataset_words(other.id.benchmark)}, {other.size} px",
                href=f"../{other.name}.html",
            ),
        )
        for other in related
    ]
    return element(
        "nav",
        element("h2", "The same task"),
        element("ul", links),
        class_="related",
        aria_label="Datasets of the same task",
    )
