"""``vd4rl unpack``: shards → one flat file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from vd4rl_data.arguments import check_absent
from vd4rl_data.cli.command import Command
from vd4rl_data.cli.console import progress_bar
from vd4rl_data.cli.sizes import add_replace, print_sizes
from vd4rl_data.storage import open_dataset, unpack
from vd4rl_data.storage.naming import dataset_stem


def run(arguments: argparse.Namespace) -> int:
    """Write one flat file."""
    source: Path = arguments.file
    target: Path = arguments.out or source.with_name(f"{dataset_stem(source)}.h5")
    stored = open_dataset(source)
    stored.close()
    check_absent([target], replace=arguments.replace)
    with progress_bar("unpacking", len(stored)) as update:
        path = unpack(source, target, replace=arguments.replace, progress=update)
    print_sizes([shard.path for shard in stored.shards], [path])
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="any shard of a packed dataset")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: <name>.h5 in the folder of the shard"
    )
    add_replace(parser)


COMMAND: Final = Command(_add_arguments, run)
