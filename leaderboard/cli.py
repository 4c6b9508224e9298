"""The command line: ``python -m leaderboard COMMAND``. Each command is a frozen dataclass."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import tyro

from leaderboard.adding import put_entry
from leaderboard.check import Report, check_file
from leaderboard.known import known_in
from leaderboard.random_policy import random_policy
from leaderboard.receipts import write_receipt
from leaderboard.site import build_site
from leaderboard.store import RESULTS, find_strays, place_of
from vd4rl_data.arguments import checked_count
from vd4rl_data.flags import blames_the_user, flags_of, told
from vd4rl_data.results import result_paths

INVALID: Final = 1
"""Exit status if a file has a problem, or after an error."""

INTERRUPTED: Final = 130

StoreFolder = Annotated[Path, tyro.conf.arg(metavar="DIR")]


@dataclass(frozen=True, slots=True)
class Check:
    """Check result files: schema, benchmark, bounds, seeds, curves; and replay action traces.

    Without a file, the whole store.
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE")] = ()
    """Result files; their traces are taken from beside them."""
    no_replay: bool = False
    """Do not play action traces again."""
    record: bool = False
    """Write a receipt beside each file that earned its badge now, by its actions."""
    store: StoreFolder = RESULTS
    """The store."""

    def run(self) -> int:
        """Run the command."""
        files = list(self.files) or result_paths(_existing(self.store))
        known = known_in(self.store)
        failed = 0
        for path in files:
            report = check_file(path, store=self.store, replay=not self.no_replay, known=known)
            failed += not report.ok
            _print_report(report, quiet=not self.files)
            if self.record and report.earned and report.replay is not None:
                write_receipt(path, report.data, report.replay.versions)
        strays = [] if self.files else find_strays(self.store)
        for path in strays:
            print(f"PROBLEM  {path}: does not belong into the store")
        print(f"{len(files) - failed} passed, {failed + len(strays)} failed")
        return INVALID if failed or strays else 0


@dataclass(frozen=True, slots=True)
class Add:
    """Check a result file and put it, with its traces, into the store, for a pull request."""

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """Result file."""
    store: StoreFolder = RESULTS
    """The store."""
    replace: bool = False
    """Take the place of an entry of the same name, whose actions and receipt go with it."""
    reproduced: bool = False
    """For maintainers: give the file the kind 'reproduced', and list its hash."""

    def run(self) -> int:
        """Run the command."""
        report = check_file(self.file, store=self.store)
        _print_report(report, quiet=False)
        if not report.ok or report.result is None:
            return INVALID
        target = self.store / place_of(report.result)
        if target.exists() and not self.replace:
            print(f"error: {target} is there already; see --replace, or give a label")
            return INVALID
        put_entry(report, self.store, reproduced=self.reproduced)
        print(f"added    {target}")
        return 0


@dataclass(frozen=True, slots=True)
class Build:
    """Write the static site: open its index.html, or put the folder on any server."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("leaderboard_site")
    """Folder to write into."""
    store: StoreFolder = RESULTS
    """The store."""
    datasets: bool = False
    """Also write a page for each dataset, with pictures of what stands in the data folder."""

    def run(self) -> int:
        """Run the command."""
        site = build_site(_existing(self.store), self.out, datasets=self.datasets)
        print(f"{site.entries} entries in {site.tables} tables: {site.folder / 'index.html'}")
        if self.datasets:
            print(f"{site.datasets} datasets: {site.folder / 'datasets' / 'index.html'}")
        return 0


@dataclass(frozen=True, slots=True)
class Random:
    """Play uniformly random actions in a benchmark's task and write the result with its traces."""

    benchmark: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="BENCHMARK")]
    """Benchmark, e.g. VD4RL/walker_walk-random-v0."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """Result file to write."""
    seeds: int = 5
    """How many runs."""
    episodes: int = 4
    """How many episodes per run."""

    def run(self) -> int:
        """Run the command."""
        for name in ("seeds", "episodes"):
            checked_count(name, getattr(self, name))
        print(random_policy(self.benchmark, self.seeds, self.episodes).write(self.out))
        return 0


Command = (
    Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Add, tyro.conf.subcommand("add")]
    | Annotated[Build, tyro.conf.subcommand("build")]
    | Annotated[Random, tyro.conf.subcommand("random")]
)
"""What tyro chooses from."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 after a problem or an error."""
    command: Check | Add | Build | Random = tyro.cli(
        Command,  # pyright: ignore[reportArgumentType] - an annotated union, which tyro understands
        prog="python -m leaderboard",
        description="Results of offline reinforcement learning from pixels that can be checked.",
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    try:
        return command.run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        flags = flags_of(command)
        if not blames_the_user(error, flags):
            raise
        print(f"error: {told(error, flags)}", file=sys.stderr)
        return INVALID


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(folder))
    return folder


def _print_report(report: Report, *, quiet: bool) -> None:
    for problem in report.problems:
        print(f"PROBLEM  {report.path}: {problem}")
    if quiet:
        return
    for warning in report.warnings:
        print(f"note     {report.path}: {warning}")
    if report.ok:
        print(f"OK       {report.path}: {', '.join(report.badges)}")
