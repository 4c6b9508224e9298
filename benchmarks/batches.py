"""Torch batches of pixels on a CPU, ours with default settings against the published code's buffer.

    python benchmarks/batches.py [--rounds 20] [--episodes 200] [--quick] [--json FILE]

Batches of 256 transitions, (256, 9, 84, 84) now and three steps later, from 100,000 transitions of
noise. Both take turns of thirty batches on one thread; a round's ratio is the time of the published
buffer / ours. Both hold all frames in memory, channels first: the published buffer from its start
on, ours after batches have read them. A first turn of 400 batches lets ours do that.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.loader import opened, write_noise
from benchmarks.published.buffer import PublishedBuffer
from vd4rl_data.processor import find_processor
from vd4rl_data.pytorch import TorchTransitions

BATCH_SIZE, FRAME_STACK, N_STEP, DISCOUNT = 256, 3, 3, 0.99
BATCHES = 30
WARM_UP = 400
DATASET = "VD4RL/walker_walk-random-84px-v0"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how fast")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.episodes = 2, 4
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="vd4rl_batches_") as folder:
        report = measure(Path(folder), arguments.rounds, arguments.episodes)
    ratio = report["ratio"]
    print(
        f"published buffer / ours: {ratio['median']:.2f} "
        f"({ratio['p25']:.2f}-{ratio['p75']:.2f}, {arguments.rounds} rounds); "
        f"ours {report['milliseconds']['ours']:.2f} ms a batch"
    )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def measure(folder: Path, rounds: int, episodes: int) -> dict[str, Any]:
    """Time both in turns."""
    dataset = opened(write_noise(folder / "84px.h5", DATASET, episodes))
    published = PublishedBuffer(dataset, FRAME_STACK, N_STEP, DISCOUNT)
    rng = np.random.default_rng(0)
    ours = TorchTransitions(
        dataset, BATCH_SIZE, FRAME_STACK, N_STEP, DISCOUNT, rng=0, layout="stacked"
    )
    takers: dict[str, Callable[[], Any]] = {
        "published": lambda: published.batch(BATCH_SIZE, rng),
        "ours": lambda: next(ours),
    }
    for take in takers.values():
        turn(take, WARM_UP)
    seconds: dict[str, list[float]] = {name: [] for name in takers}
    for number in range(rounds):
        for name in sorted(takers, reverse=bool(number % 2)):
            seconds[name].append(turn(takers[name], BATCHES) / BATCHES)
    ratios = [a / b for a, b in zip(seconds["published"], seconds["ours"], strict=True)]
    p25, median, p75 = np.percentile(ratios, [25, 50, 75]).tolist()
    return {
        "batch": [BATCH_SIZE, 3 * FRAME_STACK, 84, 84],
        "transitions": dataset.num_transitions,
        "rounds": rounds,
        "threads": 1,
        "ratio": {"p25": p25, "median": median, "p75": p75},
        "milliseconds": {
            name: 1000 * statistics.median(values) for name, values in seconds.items()
        },
        "frame_bytes": {"published": published.nbytes, "ours": dataset.columns.frames.nbytes},
        "load_average": os.getloadavg(),
        "processor": find_processor().record(),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


def turn(take: Callable[[], Any], batches: int) -> float:
    """Seconds that some batches take; each is held while the next is made, as in training."""
    kept = None
    started = time.perf_counter()
    for _ in range(batches):
        kept = take()
    seconds = time.perf_counter() - started
    del kept
    return seconds


if __name__ == "__main__":
    main()
