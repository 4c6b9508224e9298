"""The command line: ``python -m baselines COMMAND``. Each command is a frozen dataclass."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import tyro

from baselines.commands import Evaluate, Report, Sweep
from baselines.train_command import train_command
from vd4rl_data.errors import Vd4rlError

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""

_DESCRIPTION: Final = "Train reference agents on datasets of offline reinforcement learning."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 after an error, 130 after Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _parsed(given).run()
    except KeyboardInterrupt as interrupt:
        _complain("interrupted", interrupt)
        return INTERRUPTED
    except (Vd4rlError, OSError, MemoryError) as error:
        _complain(f"error: {error}", error)
        return 1


def _parsed(arguments: list[str]) -> Any:
    commands: Any = (
        train_command(arguments)
        | Annotated[Sweep, tyro.conf.subcommand("sweep")]
        | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
        | Annotated[Report, tyro.conf.subcommand("report")]
    )
    return tyro.cli(
        commands,
        prog="python -m baselines",
        description=_DESCRIPTION,
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def _complain(text: str, error: BaseException) -> None:
    for line in (text, *getattr(error, "__notes__", ())):
        print(line, file=sys.stderr)
