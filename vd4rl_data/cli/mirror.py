"""``vd4rl mirror serve``: a read-only mirror of datasets, for a lab."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from vd4rl_data.cli.command import Command
from vd4rl_data.hub.mirror import serve
from vd4rl_data.hub.mirror.__main__ import TOKEN_VARIABLE


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    serve(
        arguments.folder,
        arguments.host,
        arguments.port,
        token=os.environ.get(TOKEN_VARIABLE) or None,
        cache_folder=arguments.cache,
        access_log=arguments.access_log,
        announce=_say,
    )
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["serve"], help="what to do")
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="holds datasets/<namespace>/<name>/..."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 lets other machines in; default: this one only"
    )
    parser.add_argument("--port", type=int, default=8460, help="0 takes a free one; default 8460")
    parser.add_argument("--cache", metavar="DIR", type=Path, help="for hashes, if DIR is read-only")
    parser.add_argument("--access-log", action="store_true", help="log each request")


COMMAND: Final = Command(
    _add_arguments, run, f"Clients must bring the token in {TOKEN_VARIABLE}, if that is set."
)
