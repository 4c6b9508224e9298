"""``vd4rl info``: everything about one dataset, without reading pixels."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vd4rl_data.cli.command import TARGET_HELP, Command
from vd4rl_data.cli.console import output_console
from vd4rl_data.cli.listing import spec_record
from vd4rl_data.cli.local import is_file, local_copies, opened
from vd4rl_data.cli.streams import print_json, print_lines
from vd4rl_data.errors import DatasetFormatError, InvalidEpisodeError
from vd4rl_data.facts import dataset_facts, origin_facts, task_facts
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.report import returns_table
from vd4rl_data.simulators.table import find_simulator
from vd4rl_data.simulators.versions import describe_installed
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import StoredDataset, open_dataset
from vd4rl_data.version import versions_of
from vd4rl_data.ways import Way, ways_to_get

_Lines = list[tuple[str, str]]
_LISTED_REPAIRS: Final = 8


def run(arguments: argparse.Namespace) -> int:
    """Print everything known about a dataset."""
    if is_file(arguments.target):
        spec, stored = opened(Path(arguments.target))
        copies = [stored]
    else:
        spec = get_dataset_spec(arguments.target)
        copies = [local.path for local in local_copies(spec)]
    found = [_opened(copy) if isinstance(copy, Path) else copy for copy in copies]
    if arguments.citation:
        print_lines([spec.citation])
    elif arguments.json:
        packages = find_simulator(spec.task.simulator).PACKAGES
        files = [_file_record(file) for file in found]
        record = {**spec_record(spec), "ways": [asdict(way) for way in ways_to_get(spec)]}
        print_json({**record, "installed": versions_of(packages), "files": files})
    else:
        _print_report(spec, found)
    for file in found:
        if not isinstance(file, tuple):
            file.close()
    return 0


def _opened(path: Path) -> StoredDataset | tuple[Path, str]:
    """The dataset, or the path of a damaged file and why it cannot be opened."""
    try:
        return open_dataset(path)
    except (DatasetFormatError, InvalidEpisodeError, OSError) as error:
        return path, str(error)


def _print_report(spec: DatasetSpec, files: Sequence[StoredDataset | tuple[Path, str]]) -> None:
    console = output_console()
    citation = ("citation", f"vd4rl info {spec.name} --citation")
    installed = describe_installed(find_simulator(spec.task.simulator).PACKAGES)
    _print_section(console, spec.name, [*dataset_facts(spec), citation])
    _print_section(console, "Task", [*task_facts(spec.task), ("installed here", installed)])
    _print_ways(ways_to_get(spec))
    if not files:
        published = _published_lines(spec)
        if published:
            _print_section(console, "Published returns", published)
        print_lines(["This dataset is not on this machine."])
    for file in files:
        if isinstance(file, tuple):
            path, problem = file
            _print_section(console, str(path), [("DAMAGED", problem)])
        else:
            _print_file(console, file)


def _print_ways(ways: Sequence[Way]) -> None:
    """Every way to the dataset, with commands that can be copied: they are never wrapped."""
    lines = ["How to get it"]
    for way in ways:
        lines += [f"  {way.title}:", *(f"      {command}" for command in way.commands)]
        lines += [f"    {note}" for note in way.notes]
    print_lines([*lines, ""])


def _print_file(console: Console, stored: StoredDataset) -> None:
    manifest = stored.manifest
    _print_section(console, str(stored.path), _file_lines(stored))
    spec = get_dataset_spec(manifest.dataset_id)
    console.print(returns_table(spec, manifest.returns, manifest.num_episodes))


def _print_section(console: Console, title: str, lines: _Lines) -> None:
    """A headline and lines of (name, value); in a terminal, values wrap inside their column."""
    console.print(Text(title, style="bold"))
    if console.is_terminal:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in lines:
            table.add_row(f"  {name}", Text(value))
        console.print(table)
    else:
        width = max(len(name) for name, _ in lines)
        print_lines(f"  {name:<{width}}  {value}" for name, value in lines)
    console.print()


def _published_lines(spec: DatasetSpec) -> _Lines:
    published = spec.published_returns
    if published is None:
        return []
    return [
        ("mean ± std", f"{published.mean:.1f} ± {published.std:.1f}"),
        ("min, P25", f"{published.min:.1f}, {published.p25:.1f}"),
        ("median", f"{published.median:.1f}"),
        ("P75, max", f"{published.p75:.1f}, {published.max:.1f}"),
    ]


def _file_lines(stored: StoredDataset) -> _Lines:
    manifest = stored.manifest
    spec = get_dataset_spec(manifest.dataset_id)
    whole = "complete" if manifest.complete else f"INCOMPLETE: {spec.num_episodes:,} in all"
    shards = f", shards: {len(stored.shards)}" if stored.layout == "packed" else ""
    held = f"{manifest.num_episodes:,}, {manifest.num_transitions:,} transitions ({whole})"
    return [
        ("dataset", manifest.dataset_id),
        ("origin", manifest.origin),
        ("episodes", held),
        ("layout", f"{stored.layout}{shards}"),
        ("size", f"{_num_bytes(stored) / 1e6:,.1f} MB"),
        ("bytes per frame", _frame_bytes(stored, spec)),
        ("arrays", ", ".join(stored.keys)),
        *origin_facts(manifest),
        *_source_lines(stored),
    ]


def _frame_bytes(stored: StoredDataset, spec: DatasetSpec) -> str:
    if not stored.has_pixels:
        return "no frames: python -m collection render draws them"
    return f"{_num_bytes(stored) / int(stored.starts[-1]):,.0f} of {spec.size**2 * 3:,} raw"


def _source_lines(stored: StoredDataset) -> Iterator[tuple[str, str]]:
    origin = stored.manifest.provenance
    if origin.sources:
        known = sum(file.get("hash_status") == "verified" for file in origin.sources)
        yield "source files", f"{len(origin.sources):,}, {known:,} known as official by SHA-256"
    for number, repair in enumerate(origin.repairs[:_LISTED_REPAIRS]):
        yield "repairs" if number == 0 else "", repair
    more = len(origin.repairs) - _LISTED_REPAIRS
    if more > 0:
        yield "", f"... and {more:,} more (--json lists all)"


def _num_bytes(stored: StoredDataset) -> int:
    return sum(shard.path.stat().st_size for shard in stored.shards)


def _file_record(file: StoredDataset | tuple[Path, str]) -> dict[str, Any]:
    if isinstance(file, tuple):
        return {"path": str(file[0]), "problem": file[1]}
    fingerprint = bool(file.manifest.fingerprint_rows)
    return {
        "path": str(file.path),
        "shards": [str(shard.path) for shard in file.shards],
        "layout": file.layout,
        "num_bytes": _num_bytes(file),
        "bytes_per_frame": _num_bytes(file) / int(file.starts[-1]),
        "arrays": list(file.keys),
        "has_fingerprint": fingerprint,
        "manifest": json.loads(file.manifest.to_json()),
    }


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="ID|FILE", help=TARGET_HELP)
    parser.add_argument("--json", action="store_true", help="print every field as JSON")
    parser.add_argument("--citation", action="store_true", help="print only the BibTeX entry")


COMMAND: Final = Command(_add_arguments, run)
