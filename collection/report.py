"""What the commands print when they finish."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from collection.makers import FAILED_ATTEMPTS
from collection.pipeline import Made
from collection.statistics import EpisodeSummary, StdDifference, summarize
from vd4rl_data.paths import data_dir
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.report import returns_table
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.storage import StoredDataset, open_dataset
from vd4rl_data.storage.format import info_key
from vd4rl_data.storage.manifest import NO_RENDERER


def print_made(spec: DatasetSpec, made: Made, root: Path) -> None:
    """Print the returns beside the published ones, sizes, speed, and what to do with the file."""
    episodes = returns_of(made.path)
    print_returns(spec, episodes)
    manifest = made.manifest
    frames = manifest.num_transitions + manifest.num_episodes
    num_bytes = made.path.stat().st_size
    complete = "complete" if manifest.complete else f"incomplete: {spec.num_episodes} in all"
    lines = {
        "episodes": f"{manifest.num_episodes:,} ({complete})",
        "frames": f"{frames:,} of {num_bytes / frames:,.0f} bytes: {num_bytes / 1e6:,.1f} MB",
        **_attempts(episodes),
        "speed": _speed(made),
        "renderer": manifest.provenance.renderer,
        "content": f"SHA-256 {manifest.content_sha256}",
        "file": str(made.path),
        "open it": _how_to_open(spec, root, complete=manifest.complete),
    }
    if manifest.provenance.renderer == NO_RENDERER:
        lines["states"] = lines.pop("frames")
        del lines["renderer"], lines["open it"]
        lines["render it"] = f"python -m collection render {made.path}"
    width = max(map(len, lines))
    for title, text in lines.items():
        print(f"{title:<{width}}  {text}")


def print_returns(spec: DatasetSpec | None, episodes: list[EpisodeSummary]) -> None:
    """Print the return statistics, beside the published ones if there are any."""
    returns = [episode.episode_return for episode in episodes]
    statistics = return_statistics(returns)
    if spec is not None:
        table: Table = returns_table(spec, statistics, len(returns))
        Console().print(table)
        return
    for name, value in asdict(statistics).items():
        print(f"{name:<8}{value:10.1f}")
    print(f"of {len(returns)} episodes; the catalog has no dataset to compare them with")


def print_differences(record: Mapping[str, Any]) -> None:
    """Print what the table leaves out: standard deviation, range, and impossible rewards."""
    episodes = [EpisodeSummary(**episode) for episode in record["episodes"]]
    if "std" in record:
        found = StdDifference(**record["std"])
        interval = f"95 % interval {found.low:+,.1f} to {found.high:+,.1f}"
        print(f"std       {found.difference:+,.1f} ({interval})")
    if "published" in record:
        low, high = record["published"]["min"], record["published"]["max"]
        outside = sum(not low <= episode.episode_return <= high for episode in episodes)
        of = f"{outside:,} of {len(episodes):,} returns"
        print(f"range     {of} outside the published range, {low:,.1f} to {high:,.1f}")
    for title, text in _attempts(episodes).items():
        print(f"{title:<9} {text}")
    impossible = sum(episode.impossible_rewards for episode in episodes)
    if impossible:
        print(f"rewards   IMPOSSIBLE: {impossible:,} rewards that the task can never give")


def returns_of(path: Path) -> list[EpisodeSummary]:
    """Summarize the rewards of each episode of a dataset file; no pixels are read."""
    stored = open_dataset(path)
    task = get_dataset_spec(stored.manifest.dataset_id).task
    try:
        return list(_summaries(stored, task))
    finally:
        stored.close()


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as readable JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _summaries(stored: StoredDataset, task: TaskSpec) -> Iterator[EpisodeSummary]:
    rewards = stored.array("rewards")
    key = info_key(FAILED_ATTEMPTS)
    failed = stored.array(key) if key in stored.keys else None
    for start, stop in zip(stored.starts, stored.starts[1:], strict=False):
        attempts = None if failed is None else int(failed[start])
        yield summarize(rewards[start : stop - 1], task, attempts)  # the last row holds no reward


def _attempts(episodes: list[EpisodeSummary]) -> dict[str, str]:
    """Of demonstrations, how many attempts were dropped because they failed."""
    failed = [item.failed_attempts for item in episodes if item.failed_attempts is not None]
    if not failed:
        return {}
    made = f"{len(failed) + sum(failed):,}, of which {sum(failed):,} failed and were dropped"
    return {"attempts": made}


def _speed(made: Made) -> str:
    if made.found:
        return "nothing to do: the file existed, and every byte of it was verified"
    if not made.frames:
        return "nothing was missing"
    rate = made.frames / made.seconds
    what = "states" if made.manifest.provenance.renderer == NO_RENDERER else "frames"
    workers = "1 worker" if made.workers == 1 else f"{made.workers} workers"
    return f"{made.frames:,} {what} in {made.seconds:,.0f} s: {rate:.1f} a second with {workers}"


def _how_to_open(spec: DatasetSpec, root: Path, *, complete: bool) -> str:
    arguments = [json.dumps(spec.name)]
    if not complete:
        arguments.append('source="local"')
    if root != data_dir():
        arguments.append(f"root={json.dumps(str(root))}")
    return f"vd4rl_data.load_dataset({', '.join(arguments)})"
