"""The command line ``vd4rl``: one module per command, which defines its ``COMMAND``.

A command's module is imported only if the command is used, so ``vd4rl --help`` answers at once.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Final

import vd4rl_data  # registers every id
from vd4rl_data.cli.command import Command
from vd4rl_data.cli.streams import discard_output, logs_on_stderr, make_streams_safe
from vd4rl_data.flags import blames_the_user, spoken, told

FAILURE: Final = 2
"""Exit status of every error, as in argparse; 1 means that a verification found a problem."""

DEBUG: Final = "VD4RL_DEBUG"
"""Environment variable: ``1`` shows the traceback of an error."""

_FLAG: Final = re.compile(r"--[a-z][a-z-]*")

COMMANDS: Final = {
    "list": ("listing", "show the catalog and which datasets are on this machine"),
    "info": ("info", "show everything about a dataset: catalog, files, provenance, returns"),
    "verify": ("verify", "read every byte and check hashes and invariants"),
    "preview": ("preview", "draw a contact sheet, the return histogram and an animated episode"),
    "download": ("download", "fetch the authors' own files and convert them as they arrive"),
    "cache": ("cache", "list what the data folder holds, or remove it"),
    "import": ("importing", "convert the authors' own files to a dataset file"),
    "export": ("exporting", "write a dataset for another toolbox, or in the authors' own formats"),
    "pack": ("pack", "compress a dataset file into shards, for transport"),
    "unpack": ("unpack", "convert shards to one flat file, for training"),
    "result": ("result", "check a result file for the leaderboard"),
    "publish": ("publish", "upload datasets to your own repository on the Hub"),
}
"""Command → its module in this package, and a one-line summary."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments, without the program's name; by default those of this process.

    Returns:
        The exit status: 0, 1 if a verification found a problem, 2 after an error, whose message is
        on the standard error stream.

    Raises:
        SystemExit: raised by argparse, for ``--help``, ``--version`` and invalid arguments.
    """
    make_streams_safe()
    argv = sys.argv[1:] if argv is None else argv
    arguments = make_parser(argv).parse_args(argv)
    flags = frozenset(_FLAG.findall(arguments.usage()))
    try:
        speak = functools.partial(spoken, flags=flags, renamed=arguments.renamed)
        with logs_on_stderr(verbose=arguments.verbose, speak=speak):
            status: int = arguments.run(arguments)
            sys.stdout.flush()
            return status
    except BrokenPipeError:
        discard_output()
        return FAILURE
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get(DEBUG) == "1" or not blames_the_user(error, flags):
            raise
        sys.stderr.write(f"vd4rl: {told(error, flags, arguments.renamed)}\n")
        return FAILURE


def make_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands; only commands named in ``argv`` have their arguments."""
    parser = argparse.ArgumentParser(
        prog="vd4rl",
        description="Datasets for offline reinforcement learning from pixels.",
        epilog=f"Set {DEBUG}=1 to see the traceback of an error.",
    )
    version = f"vd4rl-data {vd4rl_data.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary)
        if name in argv:
            command: Command = importlib.import_module(f"{__name__}.{module}").COMMAND
            about = f"{summary[0].upper()}{summary[1:]}. {command.details}"
            subparser.description = about.strip()
            command.add_arguments(subparser)
            subparser.add_argument(
                "-v", "--verbose", action="store_true", help="show where data is taken from"
            )
            subparser.set_defaults(
                run=command.run, renamed=command.renamed, usage=subparser.format_usage
            )
    return parser
