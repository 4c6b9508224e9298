"""``vd4rl cache``: what is in the data folder, and removing it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import filelock
from rich.table import Table

from vd4rl_data.cli.command import Command, UsageError
from vd4rl_data.cli.console import output_console
from vd4rl_data.cli.inventory import Item, scan, users_of
from vd4rl_data.cli.streams import print_json, print_lines
from vd4rl_data.errors import DatasetLockedError, DatasetNotFoundError
from vd4rl_data.paths import data_dir
from vd4rl_data.storage.atomic import held_lock, remove_folder
from vd4rl_data.storage.naming import dataset_stem

_DETAILS: Final = (
    "ls shows datasets, unfinished work (which goes on when its command is given again) and "
    "leftovers. rm takes ids, and removes all that belongs to them but third parties' copies, or "
    "paths that ls shows. It never touches what it does not know."
)
_LOCKS: Final = ("{0}.h5.lock", "{0}.h5.parts.lock", "{0}.h5.download.lock", "{0}.h5.turn.lock")


def run(arguments: argparse.Namespace) -> int:
    """List or remove."""
    root: Path = arguments.root or data_dir()
    if arguments.action == "ls":
        if arguments.targets or arguments.yes:
            raise UsageError("vd4rl cache ls takes no ids; it shows all")
        _list(root, as_json=arguments.json)
        return 0
    if not arguments.targets:
        raise UsageError("vd4rl cache rm: name the ids or paths to remove")
    return _remove(root, arguments.targets, confirmed=arguments.yes)


def _list(root: Path, *, as_json: bool) -> None:
    items, unknown = scan(root)
    if as_json:
        print_json([_record(item) for item in items])
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for title in ("id", "what", "episodes", "MB", "path"):
        right = title in ("episodes", "MB")
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    for item in items:
        table.add_row(*_cells(item, root))
    if items:
        output_console().print(table)
    total = sum(item.num_bytes for item in items)
    print_lines([f"{root}: {len(items)} entries, {total / 1e6:,.1f} MB"])
    if unknown:
        print_lines([f"{len(unknown)} other entries, which vd4rl did not make, e.g. {unknown[0]}"])


def _cells(item: Item, root: Path) -> tuple[str, ...]:
    episodes = "" if item.manifest is None else f"{item.manifest.num_episodes:,}"
    size = f"{item.num_bytes / 1e6:,.1f}"
    return item.dataset_id, _what(item), episodes, size, str(item.paths[0].relative_to(root))


def _what(item: Item) -> str:
    if item.manifest is None:
        return f"{item.kind} {item.note}".strip() if item.kind != "dataset" else item.note
    whole = "complete" if item.manifest.complete else "INCOMPLETE"
    third = f", {item.note}" if item.note else ""
    return f"{item.manifest.origin}, {whole}{third}"


def _record(item: Item) -> dict[str, object]:
    manifest = item.manifest
    return {
        "id": item.dataset_id,
        "kind": item.kind,
        "where": item.where,
        "origin": None if manifest is None else manifest.origin,
        "complete": None if manifest is None else manifest.complete,
        "num_episodes": None if manifest is None else manifest.num_episodes,
        "num_bytes": item.num_bytes,
        "paths": [str(path) for path in item.paths],
        "note": item.note,
    }


def _remove(root: Path, targets: Sequence[str], *, confirmed: bool) -> int:
    items, _ = scan(root)
    chosen = _chosen(root, items, targets)
    with ExitStack() as locks:
        _check_unused(chosen, locks)
        for item in chosen:
            print_lines(f"{_num(path)}  {path}" for path in item.paths)
        total = f"{sum(item.num_bytes for item in chosen) / 1e6:,.1f} MB"
        if not confirmed and not _agreed(total):
            print_lines(["Nothing was removed."])
            return 0
        for item in chosen:
            for path in item.paths:
                _delete(path)
    print_lines([f"Removed {total}."])
    return 0


def _chosen(root: Path, items: Sequence[Item], targets: Sequence[str]) -> list[Item]:
    """The items that ids or paths name, each once.

    Raises:
        DatasetNotFoundError: nothing is called like this.
    """
    chosen: dict[int, Item] = {}
    for target in targets:
        places = {Path(target).absolute(), (root / target).absolute()}
        found = [
            item
            for item in items
            if (item.dataset_id == target and item.where != "hf")
            or places & {path.absolute() for path in item.paths}
        ]
        if not found:
            raise DatasetNotFoundError(
                f"{root} holds nothing of {target}; `vd4rl cache ls` shows what it holds"
            )
        chosen |= {id(item): item for item in found}
    return list(chosen.values())


def _check_unused(items: Sequence[Item], locks: ExitStack) -> None:
    """Hold every lock that somebody who works on one of these would.

    Raises:
        DatasetLockedError: a process works on one, or reads it.
    """
    places = {place: item for item in items for place in _lock_places(item)}
    for place, item in places.items():
        try:
            locks.enter_context(held_lock(place))
        except filelock.Timeout as error:
            raise DatasetLockedError(
                f"{item.paths[0]}: a process is making this dataset; wait until it is done"
            ) from error
    for item in items:
        users = [user for user in users_of(item.paths) if user != os.getpid()]
        if users:
            raise DatasetLockedError(
                f"{item.paths[0]} is in use by process {', '.join(map(str, users))}; end it first"
            )


def _lock_places(item: Item) -> list[Path]:
    """The locks that were ever held for a dataset; one that was not is nobody's."""
    folder, stem = item.paths[0].parent, dataset_stem(Path(Path(item.dataset_id).name))
    places = [folder / f".{pattern.format(stem)}" for pattern in _LOCKS]
    return [place for place in places if place.exists()]


def _agreed(total: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nothing was removed: there is no terminal to ask on; pass --yes")
    sys.stdout.write(f"Remove {total}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _delete(path: Path) -> None:
    """Remove a file, or a folder in one step, so that no kill leaves half of it in use."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if path.name.endswith(".removed"):
        shutil.rmtree(path)  # what a kill left of an earlier removal
    else:
        remove_folder(path)


def _num(path: Path) -> str:
    return "folder" if path.is_dir() else f"{path.stat().st_size / 1e6:,.1f} MB"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["ls", "rm"], help="show, or remove")
    parser.add_argument("targets", metavar="ID|PATH", nargs="*", help="what to remove")
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    parser.add_argument("--json", action="store_true", help="ls: print every field as JSON")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="data folder; default: $VD4RL_DATA_DIR"
    )


COMMAND: Final = Command(_add_arguments, run, _DETAILS)
