"""What the commands print when they are done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from collection.pipeline import Made
from collection.statistics import Deviation, EpisodeSummary, summarize
from vd4rl_data.paths import data_dir
from vd4rl_data.report import returns_table
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import StoredDataset, open_dataset


def print_made(spec: DatasetSpec, made: Made, root: Path) -> None:
    """Return statistics beside the published ones, sizes, speed, and how to open the file."""
    print_returns(spec, returns_of(made.path))
    manifest = made.manifest
    frames = manifest.num_transitions + manifest.num_episodes
    num_bytes = made.path.stat().st_size
    complete = "complete" if manifest.complete else f"incomplete: {spec.num_episodes} make it whole"
    lines = {
        "episodes": f"{manifest.num_episodes:,} ({complete})",
        "frames": f"{frames:,} of {num_bytes / frames:,.0f} bytes: {num_bytes / 1e6:,.1f} MB",
        "speed": _speed(made),
        "renderer": manifest.provenance.renderer,
        "content": f"SHA-256 {manifest.content_sha256}",
        "file": str(made.path),
        "open it": _how_to_open(spec, root, complete=manifest.complete),
    }
    width = max(map(len, lines))
    for title, text in lines.items():
        print(f"{title:<{width}}  {text}")


def print_returns(spec: DatasetSpec | None, episodes: list[EpisodeSummary]) -> None:
    """Return statistics beside the published ones, if there are any."""
    returns = [episode.episode_return for episode in episodes]
    statistics = return_statistics(returns)
    if spec is not None:
        table: Table = returns_table(spec, statistics, len(returns))
        Console().print(table)
        return
    for name, value in asdict(statistics).items():
        print(f"{name:<8}{value:10.1f}")
    print(f"of {len(returns)} episodes; no dataset of the catalog to compare them with")


def print_deviations(record: Mapping[str, Any]) -> None:
    """How far mean and standard deviation lie from the published ones, and the sampling errors."""
    for name in ("mean", "std"):
        if name in record:
            deviation = Deviation(**record[name])
            z = "z = -" if deviation.z is None else f"z = {deviation.z:+.2f}"
            error = f"standard error {deviation.standard_error:.2f}"
            print(f"{name:<4}  {deviation.difference:+.2f}, {error}, {z}")


def returns_of(path: Path) -> list[EpisodeSummary]:
    """The rewards of each episode of a dataset file, summarized; no pixel is read."""
    stored = open_dataset(path)
    try:
        return list(_summaries(stored))
    finally:
        stored.close()


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as readable JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _summaries(stored: StoredDataset) -> Iterator[EpisodeSummary]:
    rewards = stored.array("rewards")
    for start, stop in zip(stored.starts, stored.starts[1:], strict=False):
        yield summarize(rewards[start : stop - 1])  # the last row holds no reward


def _speed(made: Made) -> str:
    if made.found:
        return "nothing to do: the file was there, and every byte of it is sound"
    if not made.frames:
        return "no frame was missing"
    rate = made.frames / made.seconds
    workers = "1 worker" if made.workers == 1 else f"{made.workers} workers"
    return f"{made.frames:,} frames in {made.seconds:,.0f} s: {rate:.1f} frames/s with {workers}"


def _how_to_open(spec: DatasetSpec, root: Path, *, complete: bool) -> str:
    arguments = [json.dumps(spec.name)]
    if not complete:
        arguments.append('source="local"')
    if root != data_dir():
        arguments.append(f"root={json.dumps(str(root))}")
    return f"vd4rl_data.load_dataset({', '.join(arguments)})"
