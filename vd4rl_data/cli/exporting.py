"""``vd4rl export``: a dataset → files in other people's formats."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from vd4rl_data.cli.command import TARGET_HELP, Command
from vd4rl_data.cli.console import progress_bar
from vd4rl_data.cli.local import is_file
from vd4rl_data.cli.streams import print_lines
from vd4rl_data.dataset import load_dataset
from vd4rl_data.formats import export_dataset, find_format, writable_formats


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    is_path = is_file(arguments.target)
    dataset = load_dataset(
        Path(arguments.target) if is_path else arguments.target, source=arguments.source
    )
    with progress_bar("exporting", len(dataset)) as update:
        paths = export_dataset(
            dataset,
            arguments.out,
            arguments.format,
            manifests=dataset.manifests,
            progress=update,
        )
    num_bytes = sum(path.stat().st_size for path in paths)
    print_lines(
        [
            f"{arguments.out}: {len(dataset):,} episodes in {len(paths):,} files, "
            f"{num_bytes / 1e6:,.1f} MB"
        ]
    )
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="ID|FILE", help=TARGET_HELP)
    names = writable_formats()
    parser.add_argument(
        "--format",
        required=True,
        choices=names,
        help="; ".join(f"{name}: {find_format(name).about}" for name in names),
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


COMMAND: Final = Command(_add_arguments, run)
