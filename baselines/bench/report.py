"""Finished runs beside each other and beside what papers print: groups of them, and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from baselines.bench.identity import Identity, identity_of, is_copy
from baselines.bench.online import environment_steps, offline_curve
from baselines.bench.presets import describe, is_plain
from baselines.bench.registry import get_algorithm
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import RunSettings
from baselines.errors import InvalidSettingError
from vd4rl_data.ids import benchmark_of
from vd4rl_data.results import read_result, result_paths

STORE: Final = Path(__file__).parents[2] / "leaderboard" / "results"
"""The leaderboard's result files in a clone."""

_TO_RETURN: Final = {"return": 1.0, "return/10": 10.0}


@dataclass(frozen=True, slots=True)
class Published:
    """A printed number as an undiscounted return."""

    mean: float
    spread: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Group:
    """Finished runs that differ in nothing but their seeds: settings, data and code are the same.

    Attributes:
        identity: what they share.
        runs: at least one, by seed, each seed once.
        marks: what tells the group from others of the same settings: hashes of data or code.
        published: what a paper prints for the algorithm on this benchmark.
    """

    identity: Identity
    runs: tuple[RunFolder, ...]
    marks: tuple[str, ...]
    published: Published | None

    @property
    def settings(self) -> RunSettings:
        """Theirs, with seed 0."""
        return self.identity.settings

    @property
    def label(self) -> str:
        """The algorithm, and whatever makes it other than the paper's settings on one dataset."""
        words = [] if is_plain(self.settings) else [describe(self.settings)]
        words += self.marks
        name = get_algorithm(self.settings.algorithm).name
        return f"{name} ({', '.join(words)})" if words else name

    @property
    def returns(self) -> list[float]:
        """The mean return of each run's last evaluation."""
        return [run.curve()[-1]["mean_return"] for run in self.runs]

    @property
    def environment_steps(self) -> int:
        """Steps of the simulator that each run took for its data; 0 of an offline run."""
        return environment_steps(self.runs[0].curve())

    @property
    def offline_returns(self) -> list[float]:
        """The mean return of each run before it took any."""
        return [offline_curve(run.curve())[-1]["mean_return"] for run in self.runs]

    @property
    def data(self) -> str:
        """What was trained on, in words."""
        facts = self.runs[0].facts()["data"]
        part = "" if facts["complete"] else " of a larger dataset"
        played = self.environment_steps
        online = f", and {played:,} environment steps" if played else ""
        return f"{facts['origin']}, {facts['episodes']:,} episodes{part}{online}"


def collect_groups(folder: Path, store: Path = STORE) -> list[Group]:
    """All finished runs under a folder, in groups, by dataset and algorithm.

    A copy of a run counts once.

    Raises:
        InvalidSettingError: two runs of one group have the same seed and other numbers.
        CheckpointError: a run's files are damaged, or of another version.
    """
    found: dict[Identity, dict[int, RunFolder]] = {}
    for run, settings in _finished(folder):
        runs = found.setdefault(identity_of(run), {})
        other = runs.setdefault(settings.seed, run)
        if other is not run and not is_copy(other, run):
            raise InvalidSettingError(
                f"{other.path} and {run.path} have the same seed ({settings.seed}), settings, data "
                "and code, and other numbers; one run counts once: move one of them elsewhere"
            )
    groups = [
        Group(
            identity,
            tuple(runs[seed] for seed in sorted(runs)),
            _marks(identity, list(found)),
            find_published(identity.settings, store),
        )
        for identity, runs in found.items()
    ]
    return sorted(groups, key=lambda g: (g.settings.dataset, g.settings.algorithm, g.label))


def _finished(folder: Path) -> Iterator[tuple[RunFolder, RunSettings]]:
    for path in sorted(folder.rglob("settings.json")):
        run = RunFolder(path.parent)
        settings = run.settings()
        if run.is_done(settings.hyperparameters.steps):
            yield run, settings


def _marks(identity: Identity, others: Sequence[Identity]) -> tuple[str, ...]:
    """Hashes of what differs among groups that have the same settings."""
    same = [other for other in others if other.settings == identity.settings]
    marks = (
        ("data", identity.data_hash, Counter(other.data for other in same)),
        ("code", identity.code_hash, Counter(other.code for other in same)),
    )
    return tuple(f"{name} {value}" for name, value, seen in marks if len(seen) > 1)


def find_published(settings: RunSettings, store: Path) -> Published | None:
    """What the leaderboard's files say a paper prints for this algorithm and benchmark."""
    benchmark = benchmark_of(settings.dataset)
    name = get_algorithm(settings.algorithm).name
    for path in result_paths(store / benchmark.suite / benchmark.dataset):
        result = read_result(path)
        if result.algorithm.name != name or result.algorithm.label is not None:
            continue  # a label marks somebody else's run of the algorithm
        for number in result.published:
            if number.environment == "original" and number.scale in _TO_RETURN:
                scale = _TO_RETURN[number.scale]
                spread = None if number.spread is None else number.spread * scale
                source = f"{number.source.paper}, {number.source.table}"
                return Published(number.mean * scale, spread, source)
    return None


def make_table(groups: Sequence[Group]) -> str:
    """Markdown: mean return and standard deviation over seeds, ours and the printed one."""
    lines = [
        "| dataset | algorithm | gradient steps | seeds | return | data | published | source |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group in groups:
        printed = group.published
        cells = (
            group.settings.dataset,
            group.label,
            f"{group.settings.hyperparameters.steps:,}",
            str(len(group.runs)),
            _returns(group),
            group.data,
            "" if printed is None else _number(printed.mean, printed.spread),
            "" if printed is None else printed.source,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _returns(group: Group) -> str:
    """Where a run learned online, too, what it had before that stands beside."""
    final = _with_spread(group.returns)
    if not group.environment_steps:
        return final
    return f"{final} (offline {_with_spread(group.offline_returns)})"


def _with_spread(values: Sequence[float]) -> str:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return _number(float(np.mean(values)), spread)


def _number(mean: float, spread: float | None) -> str:
    return f"{mean:.1f}" if spread is None else f"{mean:.1f} ± {spread:.1f}"
