"""A report's files: the table, learning curves, and a result for the leaderboard per group."""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from baselines.bench.presets import departures
from baselines.bench.report import Group, make_table
from baselines.bench.result import make_result
from baselines.bench.run_folder import RunFolder
from vd4rl_data.errors import MissingDependencyError, OutputExistsError
from vd4rl_data.results.traces import traces_path
from vd4rl_data.storage.atomic import atomic_path, write_text

LIST: Final = "files.json"
"""What a report wrote, with hashes: the next one replaces these files and no others."""

_BEING_WRITTEN: Final = ""
"""In place of a hash: a report that was killed may have left anything there."""

_TABLE: Final = "table.md"
_LONGEST_NAME: Final = 150
_LEGEND_WIDTH: Final = 100
_COLORS: Final = ("#1f5fa8", "#d97706", "#15803d", "#9333ea", "#b91c1c", "#475569")
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9_.=-]+")


def write_report(groups: Sequence[Group], folder: Path) -> Iterator[Path]:
    """Write the table, a picture of learning curves per dataset, and a result file per group.

    Everything is made and checked before the first file is written. A report takes the place of an
    earlier one in the same folder, but of no other file.

    Yields:
        Each file, when it is there.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        OutputExistsError: a file that no report wrote, or that was changed since, is in the way.
        InvalidSettingError, InvalidResultError: the runs of a group make no result.
    """
    figure_type = _figure_type()
    by_dataset: dict[str, list[Group]] = {}
    for group in groups:
        by_dataset.setdefault(group.settings.dataset, []).append(group)
    pictures = {f"{_plain(dataset)}.png": some for dataset, some in by_dataset.items()}
    results = {result_name(group): make_result(group.runs) for group in groups}
    table = make_table(groups)
    traces = [traces_path(Path(name)).name for name, made in results.items() if made.actions]
    earlier = _read_list(folder)
    names = [_TABLE, *pictures, *results, *traces]
    _check_free(folder, names, earlier)
    folder.mkdir(parents=True, exist_ok=True)
    for name in earlier.keys() - set(names):
        (folder / name).unlink(missing_ok=True)
    _write_list(folder, dict.fromkeys(names, _BEING_WRITTEN))
    write_text(folder / _TABLE, table)
    yield folder / _TABLE
    for name, some in pictures.items():
        _draw_curves(figure_type, some, folder / name)
        yield folder / name
    for name, result in results.items():
        yield result.write(folder / name, replace=True)
    _write_list(folder, {name: _hash(folder / name) for name in names})


def result_name(group: Group) -> str:
    """The file of a group's result; two groups of one report never have the same."""
    settings = group.settings
    changes = [f"{name}={value}" for name, value in departures(settings).items()]
    words = [settings.dataset, settings.algorithm, settings.preset, *changes, *group.marks]
    name = _plain("-".join(words))
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{name}.json"


def _check_free(folder: Path, names: Sequence[str], earlier: Mapping[str, str]) -> None:
    """Nothing that no report wrote, or that somebody changed since, may be in the way."""
    for name in {*names, *earlier}:
        path = folder / name
        if path.exists() and (
            not path.is_file() or earlier.get(name) not in (_hash(path), _BEING_WRITTEN)
        ):
            raise OutputExistsError(
                f"{path} is in the way, and was not written by a report or was changed since; move "
                "it, or choose another folder with --out"
            )


def _read_list(folder: Path) -> dict[str, str]:
    path = folder / LIST
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {Path(str(name)).name: str(value) for name, value in found.items()}
    except (ValueError, AttributeError) as error:
        raise OutputExistsError(
            f"{path} is not the list of a report's files; move it, or choose another folder with "
            "--out"
        ) from error


def _write_list(folder: Path, hashes: Mapping[str, str]) -> None:
    write_text(folder / LIST, json.dumps(hashes, indent=1) + "\n")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _figure_type() -> Any:
    try:
        from matplotlib.figure import Figure  # no window, no global state
    except ImportError as error:
        raise MissingDependencyError(
            'pictures need matplotlib: pip install -e ".[baselines]"'
        ) from error
    return Figure


def _draw_curves(figure_type: Any, groups: Sequence[Group], path: Path) -> None:
    """Draw returns against gradient steps to a PNG: mean and range over seeds."""
    labels = [textwrap.fill(_legend(group), _LEGEND_WIDTH) for group in groups]
    lines = sum(label.count("\n") + 1 for label in labels)
    figure = figure_type(figsize=(7, 3.6 + 0.18 * lines), dpi=140, layout="constrained")
    axes = figure.add_subplot()
    for number, group in enumerate(groups):
        color = _COLORS[number % len(_COLORS)]
        steps, returns = _joined_curves(group.runs)
        axes.plot(steps, returns.mean(0), color=color, label=labels[number], marker=".")
        axes.fill_between(steps, returns.min(0), returns.max(0), color=color, alpha=0.2, lw=0)
        if group.published is not None:
            axes.axhline(group.published.mean, color=color, lw=0.8, ls=":")
    dotted = ", dotted: published" if any(group.published for group in groups) else ""
    title = groups[0].settings.dataset + dotted
    axes.set(title=title, xlabel="gradient steps", ylabel="return", ylim=(0, None))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, fontsize=8, loc="outside lower left")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _legend(group: Group) -> str:
    return f"{group.label}, {len(group.runs)} seed{'s' * (len(group.runs) > 1)}"


def _joined_curves(runs: Sequence[RunFolder]) -> tuple[list[int], np.ndarray]:
    """Steps (P,) at which all runs were evaluated, and mean returns (runs, P)."""
    curves = [{point["step"]: point["mean_return"] for point in run.curve()} for run in runs]
    steps = sorted(set(curves[0]).intersection(*curves[1:]))
    return steps, np.array([[curve[step] for step in steps] for curve in curves])


def _plain(text: str) -> str:
    """Letters, digits and a few signs that are safe in a file's name."""
    return _UNUSUAL.sub("-", text)
