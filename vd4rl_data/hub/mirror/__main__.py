"""``python -m vd4rl_data.hub.mirror DIR``: serve a folder of datasets until interrupted."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vd4rl_data.errors import MirrorError
from vd4rl_data.hub.mirror.server import serve

TOKEN_VARIABLE: Final = "VD4RL_MIRROR_TOKEN"  # noqa: S105 - the name of a variable


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m vd4rl_data.hub.mirror",
        description="Serve DIR/datasets/<namespace>/<name>/... to clients of the hub, read-only.",
    )
    options.add_argument("folder", metavar="DIR", type=Path, help="the folder that holds datasets/")
    options.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to bind to; 0.0.0.0 lets other machines in (default: this machine only)",
    )
    options.add_argument(
        "--port", type=int, default=8460, help="0 takes a free one (default: %(default)s)"
    )
    options.add_argument(
        "--token",
        help="clients must bring this token, as HF_TOKEN; other users of this machine can see the "
        f"command line, so prefer the variable {TOKEN_VARIABLE}",
    )
    options.add_argument(
        "--cache", metavar="FOLDER", type=Path, help="where to keep hashes if DIR is read-only"
    )
    options.add_argument("--access-log", action="store_true", help="log each request")
    options.add_argument("--quiet", action="store_true", help="log warnings only")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO, format="%(asctime)s %(message)s"
    )
    try:
        serve(
            options.folder,
            options.host,
            options.port,
            token=options.token or os.environ.get(TOKEN_VARIABLE) or None,
            cache_folder=options.cache,
            access_log=options.access_log,
            announce=_say,
        )
    except MirrorError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
