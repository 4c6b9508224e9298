"""``vd4rl export``: a dataset → files in other people's formats."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from vd4rl_data.cli.command import TARGET_HELP, Command
from vd4rl_data.cli.console import progress_bar
from vd4rl_data.cli.local import is_file
from vd4rl_data.cli.streams import print_lines
from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.exporting import TARGETS, export, find_target
from vd4rl_data.formats import export_dataset, find_format, writable_formats

_DETAILS: Final = (
    "The frames are kept as they are. A toolbox's folder is put in place when everything is in it, "
    "with the license, the score and the provenance; docs/exporting.md shows how each is read."
)


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    is_path = is_file(arguments.target)
    dataset = load_dataset(
        Path(arguments.target) if is_path else arguments.target, source=arguments.source
    )
    write = _for_a_toolbox if arguments.format in TARGETS else _as_files
    print_lines(write(dataset, arguments.format, arguments.out))
    return 0


def _for_a_toolbox(dataset: Dataset, name: str, folder: Path) -> list[str]:
    with progress_bar("exporting", len(dataset)) as update:
        found = export(dataset, name, folder, progress=update)
    summary = _summary(folder, len(dataset), found.num_files, found.num_bytes)
    return [summary, "read it with", *(f"    {line}" for line in found.read_it.splitlines())]


def _as_files(dataset: Dataset, name: str, folder: Path) -> list[str]:
    with progress_bar("exporting", len(dataset)) as update:
        paths = export_dataset(dataset, folder, name, manifests=dataset.manifests, progress=update)
    num_bytes = sum(path.stat().st_size for path in paths)
    return [_summary(folder, len(dataset), len(paths), num_bytes)]


def _summary(folder: Path, episodes: int, files: int, num_bytes: int) -> str:
    return f"{folder}: {episodes:,} episodes in {files:,} files, {num_bytes / 1e6:,.1f} MB"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="ID|FILE", help=TARGET_HELP)
    about = {name: find_format(name).about for name in writable_formats()}
    about |= {name: find_target(name).about for name in TARGETS}
    parser.add_argument(
        "--format",
        required=True,
        choices=about,
        help="; ".join(f"{name}: {text}" for name, text in about.items()),
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a folder without data files"
    )
    parser.add_argument(
        "--source",
        choices=("auto", "local"),
        default="auto",
        help="auto (default): complete files only; local: whatever is here",
    )


COMMAND: Final = Command(_add_arguments, run, _DETAILS)
