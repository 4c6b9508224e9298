"""``vd4rl publish``: dataset files → a repository on the Hub."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Final

from vd4rl_data.cli.command import Command
from vd4rl_data.cli.console import Update, progress_bar
from vd4rl_data.publish import publish


class _News:
    """Progress for a terminal: a bar for each stage; while sending, the client shows its own."""

    def __init__(self, bars: contextlib.ExitStack) -> None:
        self._bars = bars
        self._stage = ""
        self._update: Update | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Told by :func:`publish`."""
        if stage != self._stage:
            self._bars.close()
            self._stage, self._update = stage, self._begin(stage, done, total)
        if self._update is not None:
            self._update(done)

    def _begin(self, stage: str, done: int, total: int) -> Update | None:
        if not stage.startswith("upload: "):
            return self._bars.enter_context(progress_bar(stage, total))
        sys.stderr.write(f"{stage} ({done / 1e6:,.1f} of {total / 1e6:,.1f} MB are there)\n")
        sys.stderr.flush()
        return None


def run(arguments: argparse.Namespace) -> int:
    """Prepare, and upload unless told otherwise."""
    with contextlib.ExitStack() as bars:
        publication = publish(
            arguments.paths,
            arguments.repo,
            folder=arguments.out,
            dry_run=arguments.dry_run,
            private=True if arguments.private else None,
            replace=arguments.replace,
            mixed_licenses=arguments.mixed_licenses,
            policies=arguments.policies,
            progress=_News(bars),
        )
    sys.stdout.write(f"{publication}\n")
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="dataset files, or folders that hold some",
    )
    parser.add_argument(
        "--policies",
        action="store_true",
        help="the paths are folders of policies and replays, as python -m collection select writes",
    )
    parser.add_argument("--repo", metavar="USER/NAME", required=True, help="the repository")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where to prepare the upload")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="replace other datasets, or other content of these, in the repository",
    )
    parser.add_argument(
        "--mixed-licenses", action="store_true", help="accept datasets with different licenses"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show every file and the card; upload nothing"
    )


COMMAND: Final = Command(
    _add_arguments,
    run,
    "Endpoint and token are those of the Hub's own client (HF_ENDPOINT, HF_TOKEN).",
    renamed={"repository": "--repo", "folder": "--out"},
)
