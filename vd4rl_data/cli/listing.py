"""``vd4rl list``: the catalog, and which datasets are on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vd4rl_data.cli.command import Command
from vd4rl_data.cli.console import output_console
from vd4rl_data.cli.local import LocalState, local_state
from vd4rl_data.cli.streams import print_json, print_lines
from vd4rl_data.facts import raw_bytes
from vd4rl_data.registry import DATASETS, list_datasets
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.ways import KINDS, Way, ways_to_get

_GAP: Final = 2
_HOW: Final = "how to get it"
_LEFT: Final = ("id", "here", "origin", _HOW)
_DISPENSABLE: Final = ("transitions", "origin", "raw GB", "episodes", _HOW, "return", "here")
"""Columns in the order in which they are left out on a narrow terminal."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table."""

    spec: DatasetSpec
    local: LocalState
    raw_bytes: int

    def cells(self) -> dict[str, str]:
        """Column → text."""
        spec = self.spec
        published = spec.published_returns
        return {
            "id": spec.name,
            "episodes": f"{spec.num_episodes:,}",
            "transitions": f"{spec.num_transitions:,}",
            "return": f"{published.mean:.1f} ± {published.std:.1f}" if published else "",
            "raw GB": f"{self.raw_bytes / 1e9:.2f}",
            "here": here_text(spec, self.local),
            "origin": self.local.origin,
            _HOW: how_text(ways_to_get(spec)),
        }


def run(arguments: argparse.Namespace) -> int:
    """Print the catalog."""
    specs = list_datasets(arguments.suite, arguments.task, arguments.behavior, arguments.size)
    if arguments.how is not None:
        specs = [spec for spec in specs if arguments.how in _kinds(spec)]
    rows = [_Row(spec, local_state(spec), raw_bytes(spec)) for spec in specs]
    if arguments.json:
        print_json([_record(row) for row in rows])
        return 0
    if not rows:
        print_lines(["No dataset in the catalog matches all of these filters."])
        return 0
    console = output_console()
    if console.is_terminal:
        _print_table(console, rows)
    else:
        print_lines(_plain_lines(rows))
    return 0


def here_text(spec: DatasetSpec, local: LocalState) -> str:
    """Describe the local copy in a few words."""
    if local.parts:
        whole = sum(part.state == "complete" for part in local.parts)
        return f"composite {whole}/{len(local.parts)}"
    if local.bundled:
        return "bundled"
    if local.state == "incomplete":
        return f"{local.num_episodes:,}/{spec.num_episodes:,}"
    return "-" if local.state == "absent" else local.state


def how_text(ways: Sequence[Way]) -> str:
    """Describe the ways to a dataset in a few words; converting files is left out beside others."""
    texts = [way.text for way in ways if way.kind != "import"]
    return " or ".join(texts or [way.text for way in ways])


def _kinds(spec: DatasetSpec) -> set[str]:
    return {way.kind for way in ways_to_get(spec)}


def _record(row: _Row) -> dict[str, Any]:
    spec = row.spec
    return {
        **spec_record(spec),
        "raw_bytes": row.raw_bytes,
        "local": _local_record(row.local),
        "ways": [asdict(way) for way in ways_to_get(spec)],
    }


def spec_record(spec: DatasetSpec) -> dict[str, Any]:
    """Every field of a catalog row, as JSON values."""
    variant = spec.id.variant
    row_id = {**asdict(spec.id), "variant": None if variant is None else str(variant)}
    return {"name": spec.name, "task": asdict(spec.task), **asdict(spec), "id": row_id}


def _local_record(local: LocalState) -> dict[str, Any]:
    return {
        "state": local.state,
        "num_episodes": local.num_episodes,
        "origin": local.origin or None,
        "path": None if local.path is None else str(local.path),
        "bundled": local.bundled,
        "parts": [_local_record(part) for part in local.parts],
    }


def _plain_lines(rows: Sequence[_Row]) -> Iterable[str]:
    """One line per dataset under a header, for pipes: columns are aligned, none is left out."""
    table = [row.cells() for row in rows]
    titles = list(table[0])
    widths = {title: max(len(title), *(len(cells[title]) for cells in table)) for title in titles}
    for cells in [dict(zip(titles, titles, strict=True)), *table]:
        aligned = (
            cells[title].ljust(widths[title])
            if title in _LEFT
            else cells[title].rjust(widths[title])
            for title in titles
        )
        yield (" " * _GAP).join(aligned).rstrip()


def _print_table(console: Console, rows: Sequence[_Row]) -> None:
    """Print a group per task and size; columns that do not fit are left out, except the ids."""
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        groups.setdefault(f"{row.spec.id.task}, {row.spec.size} px", []).append(row)
    titles, hidden = _fitting_columns(rows, console.width)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    for title in titles:
        justify = "left" if title in _LEFT else "right"
        table.add_column(title, justify=justify, no_wrap=True, overflow="fold")
    for name, members in groups.items():
        table.add_row()
        table.add_row(Text(name, style="bold"))
        for row in members:
            table.add_row(*_styled(row, titles))
    console.print(table)
    console.print()
    console.print(Text(_footer(rows, hidden), style="dim"))


def _styled(row: _Row, titles: Sequence[str]) -> list[Any]:
    cells: dict[str, Any] = dict(row.cells())
    styles = {"complete": "green", "incomplete": "yellow", "damaged": "red", "absent": "dim"}
    cells["here"] = Text(cells["here"], style=styles[row.local.state])
    return [cells[title] for title in titles]


def _fitting_columns(rows: Sequence[_Row], width: int) -> tuple[list[str], list[str]]:
    """The columns that fit, and those that do not."""
    table = [row.cells() for row in rows]
    titles = list(table[0])
    widths = {title: max(len(title), *(len(cells[title]) for cells in table)) for title in titles}
    hidden: list[str] = []
    for title in _DISPENSABLE:
        if sum(widths[shown] + _GAP for shown in titles) <= width + _GAP:
            break
        titles.remove(title)
        hidden.append(title)
    return titles, hidden


def _footer(rows: Sequence[_Row], hidden: Sequence[str]) -> str:
    whole = sum(row.local.state == "complete" for row in rows)
    text = f"{len(rows)} datasets, {whole} complete here. Returns: published mean ± std."
    if hidden:
        text += f" Not shown: {', '.join(hidden)}."
    return f"{text} `vd4rl info ID` shows more."


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    ids = [spec.id for spec in DATASETS.values()]
    parser.add_argument("--suite", choices=sorted({found.suite for found in ids}))
    parser.add_argument("--task", choices=sorted({found.task for found in ids}))
    parser.add_argument("--behavior", choices=sorted({found.behavior for found in ids}))
    parser.add_argument("--size", type=int, choices=sorted({found.size for found in ids}))
    parser.add_argument("--how", choices=KINDS, help="only datasets that you can get this way")
    parser.add_argument("--json", action="store_true", help="print every field as a JSON array")


COMMAND: Final = Command(_add_arguments, run)
