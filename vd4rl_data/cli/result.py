"""``vd4rl result``: check a result file, or print the JSON Schema of all of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from vd4rl_data.cli.command import Command, UsageError
from vd4rl_data.cli.streams import print_lines
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import read_result, read_traces
from vd4rl_data.results.schema import format_json_schema

INVALID: Final = 1
"""Exit status if a file is not valid."""


def run(arguments: argparse.Namespace) -> int:
    """Validate every file, or print the schema."""
    if arguments.action == "schema":
        if arguments.files:
            raise UsageError("result schema takes no files")
        sys.stdout.write(format_json_schema())
        return 0
    if not arguments.files:
        raise UsageError("result validate needs at least one file")
    return max(_validate(path) for path in arguments.files)


def _validate(path: Path) -> int:
    try:
        result = read_result(path)
        if result.traces is not None:
            read_traces(path, result)
    except InvalidResultError as error:
        print_lines(f"PROBLEM  {path}: {problem}" for problem in error.problems)
        return INVALID
    runs = sum(len(evaluation.runs) for evaluation in result.evaluations)
    what = f"{runs} runs" if runs else f"{len(result.published)} printed numbers"
    traces = ", with action traces" if result.traces else ""
    print_lines([f"OK       {path}: {result.algorithm.name} on {result.benchmark}, {what}{traces}"])
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["validate", "schema"], help="what to do")
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="result files")


COMMAND: Final = Command(
    _add_arguments,
    run,
    "The exit status is 1 if a file is not valid. `python -m leaderboard check` also checks returns"
    " against the task and replays action traces.",
)
