"""The command line: ``python -m baselines COMMAND``. Each command is a frozen dataclass."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import tyro

from baselines.commands import Evaluate, Report, Sweep
from baselines.inspect_command import Inspect
from baselines.train_command import train_command
from vd4rl_data.errors import Vd4rlError
from vd4rl_data.flags import blames_the_user, flags_of, told

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""

_RENAMED: Final = {"root": "--data-dir", "seed": "--seeds"}

_DESCRIPTION: Final = "Train reference agents on datasets of offline reinforcement learning."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 after an error, 130 after Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = None
    try:
        command = _parsed(given)
        return command.run()
    except KeyboardInterrupt as interrupt:
        print(told(interrupt, ()), file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        flags = flags_of(command) | _named(given)
        if not blames_the_user(error, flags):
            raise
        print(f"error: {told(error, flags, _RENAMED)}", file=sys.stderr)
        return 1


def _parsed(arguments: list[str]) -> Any:
    commands: Any = (
        train_command(arguments)
        | Annotated[Sweep, tyro.conf.subcommand("sweep")]
        | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
        | Annotated[Inspect, tyro.conf.subcommand("inspect")]
        | Annotated[Report, tyro.conf.subcommand("report")]
    )
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(
                commands,
                prog="python -m baselines",
                description=_DESCRIPTION,
                args=arguments,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as leaving:
        cause: BaseException | None = leaving
        while cause is not None and not isinstance(cause, Vd4rlError):
            cause = cause.__context__
        if cause is not None:  # of our own checks, which tyro tells in words that nobody typed
            said = io.StringIO()
            raise cause from None
        raise
    finally:
        sys.stderr.write(said.getvalue())


def _named(arguments: Sequence[str]) -> frozenset[str]:
    """The options on a command line."""
    words = (argument.partition("=")[0] for argument in arguments)
    return frozenset(word.replace("_", "-") for word in words if word.startswith("--"))
