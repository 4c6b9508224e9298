"""``vd4rl publish``: dataset files → a repository on the Hub."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Final

from vd4rl_data.cli.command import Command
from vd4rl_data.cli.console import Update, progress_bar
from vd4rl_data.hub.publish import publish


def run(arguments: argparse.Namespace) -> int:
    """Prepare, and upload unless told otherwise."""
    with contextlib.ExitStack() as bars:
        current: dict[str, Update] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in current:
                bars.close()
                current[stage] = bars.enter_context(progress_bar(stage, total, unit=""))
            current[stage](done)

        publication = publish(
            arguments.paths,
            arguments.repo,
            folder=arguments.out,
            dry_run=arguments.dry_run,
            private=True if arguments.private else None,
            progress=update,
        )
    sys.stdout.write(f"{publication}\n")
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", type=Path, help="dataset files, or folders of them"
    )
    parser.add_argument("--repo", metavar="USER/NAME", required=True, help="the repository")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where to prepare the upload")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument(
        "--dry-run", action="store_true", help="show every file and the card; upload nothing"
    )


COMMAND: Final = Command(
    _add_arguments,
    run,
    "Endpoint and token are those of the Hub's own client (HF_ENDPOINT, HF_TOKEN).",
)
