"""``vd4rl verify``: read every byte and check it against every hash and invariant."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vd4rl_data.cli.command import TARGET_HELP, Command
from vd4rl_data.cli.console import progress_bar
from vd4rl_data.cli.local import opened, target_paths
from vd4rl_data.cli.streams import print_json, print_lines
from vd4rl_data.errors import DatasetFormatError, InvalidEpisodeError
from vd4rl_data.simulators.table import find_simulator
from vd4rl_data.simulators.versions import describe_installed
from vd4rl_data.storage import VerifyReport, open_dataset, verify_dataset

PROBLEM_FOUND: Final = 1
"""Exit status if a problem was found."""


@dataclass(frozen=True, slots=True)
class _RenderCheck:
    """How this machine's pixels compare with the file's; ``difference`` is in gray levels, and
    ``here`` names the installed simulator.
    """

    renderer: str
    here: str
    difference: float

    @property
    def problem(self) -> str | None:
        """The problem, if there is one."""
        if self.difference == 0.0:
            return None
        return (
            f"this machine renders other pixels: they differ by {self.difference:.3f} gray levels "
            f"(of 255) on average; the file was rendered by {self.renderer}; installed here: "
            f"{self.here}"
        )


def run(arguments: argparse.Namespace) -> int:
    """Verify every file of every target."""
    paths = dict.fromkeys(path for target in arguments.targets for path in target_paths(target))
    records: list[dict[str, Any]] = []
    for path in paths:
        report = _verify(path)
        render = _check_render(path) if arguments.render and report.ok else None
        records.append(_record(report, render))
        if not arguments.json:
            _print_result(records[-1], render_asked=arguments.render)
    if arguments.json:
        print_json(records)
    return 0 if all(record["ok"] for record in records) else PROBLEM_FOUND


def _verify(path: Path) -> VerifyReport:
    total = None
    try:
        stored = open_dataset(path)
        total = len(stored)
        stored.close()
    except (DatasetFormatError, InvalidEpisodeError):
        pass  # the report will say so
    with progress_bar(f"verifying {path.name}", total) as update:
        return verify_dataset(path, progress=update)


def _check_render(path: Path) -> _RenderCheck | None:
    """Render the fingerprint's states here and compare; ``None`` if the file has no fingerprint.

    Raises:
        MissingDependencyError, RenderBackendError: this machine cannot render.
    """
    spec, stored = opened(path)
    fingerprint = stored.fingerprint()
    stored.close()
    if fingerprint is None:
        return None
    from vd4rl_data.envs import check_fingerprint

    here = describe_installed(find_simulator(spec.task.simulator).PACKAGES)
    return _RenderCheck(fingerprint.renderer, here, check_fingerprint(fingerprint, spec.task))


def _record(report: VerifyReport, render: _RenderCheck | None) -> dict[str, Any]:
    problems = list(report.problems)
    if render is not None and render.problem is not None:
        problems.append(f"{report.path}: {render.problem}")
    return {
        "path": str(report.path),
        "ok": not problems,
        "num_episodes": report.num_episodes,
        "num_frames": report.num_frames,
        "has_sidecar": report.has_sidecar,
        "problems": problems,
        "render": None
        if render is None
        else {"renderer": render.renderer, "difference": render.difference},
    }


def _print_result(record: dict[str, Any], *, render_asked: bool) -> None:
    """Print one line for an undamaged file, or one line per problem."""
    if not record["ok"]:
        print_lines(f"PROBLEM  {problem}" for problem in record["problems"])
        return
    hashes = (
        "file hashes" if record["has_sidecar"] else "not the file hashes, as there is no sidecar"
    )
    checked = f"content, invariants, {hashes}"
    if render_asked:
        checked += ", rendering" if record["render"] else "; no render fingerprint to compare"
    print_lines(
        [
            f"OK       {record['path']}: {record['num_episodes']:,} episodes, "
            f"{record['num_frames']:,} frames; checked {checked}"
        ]
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", metavar="ID|FILE", nargs="+", help=TARGET_HELP)
    parser.add_argument(
        "--render",
        action="store_true",
        help="also render the file's reference frames here; other pixels count as a problem",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON array")


COMMAND: Final = Command(
    _add_arguments,
    run,
    "An id stands for every local copy of it. The exit status is 1 if there is any problem.",
)
