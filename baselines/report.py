"""Finished runs beside each other and beside what papers print: a table, curves, result files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from baselines.algorithms import get_algorithm
from baselines.result import make_result
from baselines.run_folder import RunFolder
from baselines.settings import RunSettings
from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.ids import benchmark_of
from vd4rl_data.results import read_result
from vd4rl_data.storage.atomic import atomic_path, write_text

STORE: Final = Path(__file__).parents[1] / "leaderboard" / "results"
"""The leaderboard's result files in a clone."""

_TO_RETURN: Final = {"return": 1.0, "return/10": 10.0}
_COLORS: Final = ("#1f5fa8", "#d97706", "#15803d", "#9333ea", "#b91c1c", "#475569")


@dataclass(frozen=True, slots=True)
class Published:
    """A printed number as an undiscounted return."""

    mean: float
    spread: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Group:
    """Finished runs that differ in nothing but their seeds.

    Attributes:
        settings: theirs, with seed 0.
        runs: at least one, by seed.
        published: what a paper prints for the algorithm on this benchmark.
    """

    settings: RunSettings
    runs: tuple[RunFolder, ...]
    published: Published | None

    @property
    def label(self) -> str:
        """The algorithm, and the preset unless it is the paper's."""
        preset = "" if self.settings.preset == "paper" else f" ({self.settings.preset})"
        return get_algorithm(self.settings.algorithm).name + preset

    @property
    def returns(self) -> list[float]:
        """The mean return of each run's last evaluation."""
        return [run.curve()[-1]["mean_return"] for run in self.runs]


def collect_groups(folder: Path, store: Path = STORE) -> list[Group]:
    """All finished runs under a folder, in groups, by dataset and algorithm."""
    found: dict[RunSettings, list[tuple[int, RunFolder]]] = {}
    for path in sorted(folder.rglob("settings.json")):
        run = RunFolder(path.parent)
        settings = run.settings()
        if run.is_done(settings.hyperparameters.steps):
            key = dataclasses.replace(settings, seed=0)
            found.setdefault(key, []).append((settings.seed, run))
    groups = [
        Group(
            settings,
            tuple(run for _, run in sorted(runs, key=lambda item: item[0])),
            find_published(settings, store),
        )
        for settings, runs in found.items()
    ]
    return sorted(groups, key=lambda group: (group.settings.dataset, group.settings.algorithm))


def find_published(settings: RunSettings, store: Path) -> Published | None:
    """What the leaderboard's files say a paper prints for this algorithm and benchmark."""
    benchmark = benchmark_of(settings.dataset)
    name = get_algorithm(settings.algorithm).name
    for path in sorted((store / benchmark.suite / benchmark.dataset).glob("*.json")):
        if path.name.endswith(".receipt.json"):
            continue
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
        "| dataset | algorithm | gradient steps | seeds | return | published | source |",
        "|---|---|---|---|---|---|---|",
    ]
    for group in groups:
        printed = group.published
        cells = (
            group.settings.dataset,
            group.label,
            f"{group.settings.hyperparameters.steps:,}",
            str(len(group.runs)),
            _with_spread(group.returns),
            "" if printed is None else _number(printed.mean, printed.spread),
            "" if printed is None else printed.source,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_report(groups: Sequence[Group], folder: Path) -> Iterator[Path]:
    """Write the table, a picture of learning curves per dataset, and a result file per group.

    Yields:
        Each file, when it is there.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "table.md"
    write_text(table, make_table(groups))
    yield table
    for dataset in dict.fromkeys(group.settings.dataset for group in groups):
        picture = folder / f"{_file_name(dataset)}.png"
        draw_curves(picture, dataset, [g for g in groups if g.settings.dataset == dataset])
        yield picture
    for group in groups:
        settings = group.settings
        name = f"{_file_name(settings.dataset)}-{settings.algorithm}-{settings.preset}.json"
        yield make_result(group.runs).write(folder / name, replace=True)


def draw_curves(path: Path, dataset: str, groups: Sequence[Group]) -> None:
    """Draw returns against gradient steps to a PNG: mean and range over seeds.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # no window, no global state
    except ImportError as error:
        raise MissingDependencyError(
            'pictures need matplotlib: pip install -e ".[baselines]"'
        ) from error
    figure = Figure(figsize=(7, 4), dpi=140, layout="constrained")
    axes: Any = figure.add_subplot()
    for number, group in enumerate(groups):
        color = _COLORS[number % len(_COLORS)]
        steps, returns = _joined_curves(group.runs)
        label = f"{group.label}, {len(group.runs)} seed{'s' * (len(group.runs) > 1)}"
        axes.plot(steps, returns.mean(0), color=color, label=label, marker=".")
        axes.fill_between(steps, returns.min(0), returns.max(0), color=color, alpha=0.2, lw=0)
        if group.published is not None:
            axes.axhline(group.published.mean, color=color, lw=0.8, ls=":")
    title = dataset + (", dotted: published" if any(g.published for g in groups) else "")
    axes.set(title=title, xlabel="gradient steps", ylabel="return", ylim=(0, None))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _joined_curves(runs: Sequence[RunFolder]) -> tuple[list[int], np.ndarray]:
    """Steps (P,) at which all runs were evaluated, and mean returns (runs, P)."""
    curves = [{point["step"]: point["mean_return"] for point in run.curve()} for run in runs]
    steps = sorted(set(curves[0]).intersection(*curves[1:]))
    return steps, np.array([[curve[step] for step in steps] for curve in curves])


def _with_spread(values: Sequence[float]) -> str:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return _number(float(np.mean(values)), spread)


def _number(mean: float, spread: float | None) -> str:
    return f"{mean:.1f}" if spread is None else f"{mean:.1f} ± {spread:.1f}"


def _file_name(dataset: str) -> str:
    return dataset.replace("/", "-")
