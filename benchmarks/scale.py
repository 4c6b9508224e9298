"""What a Ray cluster costs beside the processes of one machine.

Starts a cluster of two nodes with one core each on this machine. Episodes of walker are collected
in turns by two local worker processes and by two on the cluster; starts are timed apart. An empty
job tells what the engine itself takes for an item.

    python benchmarks/scale.py                # all, about three minutes
    python benchmarks/scale.py --quick        # short: checks that it runs, not how fast
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from collection.collect import collect
from vd4rl_data.processes import LocalEngine, Report
from vd4rl_data.processes.cluster import EngineOf, RayEngine
from vd4rl_data.processor import find_processor

DATASET = "VD4RL/walker_walk-random-64px-v0"
WORKERS = 2


@dataclass(frozen=True)
class Nothing:
    """A job whose items take no time."""

    def open(self) -> Nothing:
        """It is its own session."""
        return self

    def make(self, item: bytes, report: Report) -> int:
        """Answer."""
        report(1)
        return len(item)

    def close(self) -> None:
        """Nothing is held."""


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short")
    parser.add_argument("--json", type=Path, help="write the report to this file too")
    arguments = parser.parse_args()
    quick = arguments.quick
    with cluster() as address:
        engines: dict[str, EngineOf] = {
            "local": LocalEngine,
            "ray": lambda workers: RayEngine(workers, address=address),
        }
        report: dict[str, Any] = {
            "rendering": rendering(engines, episodes=2, pairs=1 if quick else 4),
            "engine": {
                name: engine_cost(engine, 100 if quick else 1_000)
                for name, engine in engines.items()
            },
        }
    report |= {
        "quick": quick,
        "processor": find_processor().record(),
        "load_average": os.getloadavg(),
        "python": platform.python_version(),
    }
    print(json.dumps(report, indent=2))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


@contextmanager
def cluster() -> Generator[Any]:
    """The address of a cluster of two nodes on this machine."""
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    try:
        yield made.address
    finally:
        made.shutdown()


def rendering(engines: dict[str, EngineOf], *, episodes: int, pairs: int) -> dict[str, Any]:
    """Frames per second of both engines in turns, and the ratio of each pair."""
    rates: dict[str, list[float]] = {name: [] for name in engines}
    starts: dict[str, list[float]] = {name: [] for name in engines}
    for pair in range(pairs):
        for name in sorted(engines, reverse=bool(pair % 2)):
            with tempfile.TemporaryDirectory(prefix="vd4rl_scale_") as folder:
                begin = time.monotonic()
                made = collect(
                    DATASET,
                    Path(folder),
                    episodes=episodes,
                    workers=WORKERS,
                    engine=engines[name],
                    show_progress=False,
                )
                starts[name].append(time.monotonic() - begin - made.seconds)
                rates[name].append(made.frames / made.seconds)
    ratios = [ray / local for ray, local in zip(rates["ray"], rates["local"], strict=True)]
    return {
        "frames_per_second": {name: statistics.median(some) for name, some in rates.items()},
        "seconds_around": {name: statistics.median(some) for name, some in starts.items()},
        "ray_by_local": statistics.median(ratios),
        "pairs": ratios,
    }


def engine_cost(engine: EngineOf, items: int) -> dict[str, float]:
    """Milliseconds that an empty item takes, and megabytes that the driver grows by."""
    with engine(WORKERS).open(Nothing()) as pool:
        list(pool.map([b""] * 20))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.monotonic()
        done = sum(1 for _ in pool.map(bytes(1_000) for _ in range(items)))
        seconds = time.monotonic() - begin
    assert done == items
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"items": items, "milliseconds_an_item": 1e3 * seconds / items, "grown_mb": grown / 1024}


if __name__ == "__main__":
    main()
