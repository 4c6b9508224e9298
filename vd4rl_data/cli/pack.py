"""``vd4rl pack``: a dataset file → compressed shards."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from vd4rl_data.arguments import check_absent
from vd4rl_data.cli.command import Command, positive
from vd4rl_data.cli.console import progress_bar
from vd4rl_data.cli.sizes import add_replace, print_sizes
from vd4rl_data.storage import open_dataset, pack
from vd4rl_data.storage.convert import SHARD_RAW_BYTES
from vd4rl_data.storage.naming import all_shards, dataset_stem

_MEGABYTE: Final = 10**6


def run(arguments: argparse.Namespace) -> int:
    """Write shards."""
    source: Path = arguments.file
    folder: Path = arguments.out or source.parent
    stored = open_dataset(source)
    stored.close()
    check_absent(all_shards(folder, dataset_stem(source)), replace=arguments.replace)
    raw = arguments.shard_size * _MEGABYTE if arguments.shard_size else SHARD_RAW_BYTES
    with progress_bar("packing", len(stored)) as update:
        paths = pack(
            source, folder, shard_raw_bytes=raw, replace=arguments.replace, progress=update
        )
    print_sizes([shard.path for shard in stored.shards], paths)
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a dataset file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: the folder of FILE")
    parser.add_argument(
        "--shard-size",
        type=positive,
        metavar="MB",
        help=f"uncompressed megabytes per shard; default {SHARD_RAW_BYTES // _MEGABYTE}, about "
        "200 to 350 compressed",
    )
    add_replace(parser)


COMMAND: Final = Command(_add_arguments, run)
