"""A store of made-up results, as large as wanted."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np

from leaderboard.benchmarks import benchmarks
from vd4rl_data.ids import parse_benchmark
from vd4rl_data.results import Algorithm, Data, Protocol, RunResult, format_result, make_submission

MAIN = tuple(
    name for name in benchmarks() if name.startswith("VD4RL/") and not parse_benchmark(name).variant
)
SEEDS = 5
STEPS = (1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000)


def make_entry(algorithm: Algorithm, benchmark: str, size: int, skill: float) -> RunResult:
    """Raw returns and curves of five seeds; better with more skill, and worse on humanoid."""
    runs = _returns(benchmark, size, skill)
    protocol = Protocol(
        checkpoint="last",
        online_evaluations=0,
        hyperparameters_shared="suite",
        train_steps=STEPS[-1],
        frame_stack=3,
    )
    return make_submission(
        algorithm,
        str(benchmarks()[benchmark].id.at(size)),
        runs,
        protocol,
        curves={seed: _curve(returns) for seed, returns in runs.items()},
        hyperparameters={"learning_rate": 1e-4, "batch_size": 256, "encoder": "cnn"},
        data=Data(origin="official", content_sha256="ab" * 32),
        hardware="one GPU",
        submitter="somebody",
        date="2026-01-02",
    ).result


def make_store(folder: Path, entries: int) -> Path:
    """A store of this many entries: algorithms, each on all main datasets, 64 and 84 px in turn.

    Written as plain JSON: a thousand entries take a second.
    """
    made = make_entry(
        Algorithm(name="Algorithm", code="https://example.org/code"), MAIN[0], 64, 0.5
    )
    template = json.loads(format_result(made))
    for i in range(entries):
        number, place = divmod(i, len(MAIN))
        benchmark, size = MAIN[place], (64, 84)[number % 2]
        document = copy.deepcopy(template)
        document["algorithm"]["name"] = f"Algorithm {number:03d}"
        document["benchmark"], document["image_size"] = benchmark, size
        returns = _returns(benchmark, size, skill=(number * 37 % 100) / 110 + 0.05)
        for run in document["evaluations"][0]["runs"]:
            run["returns"] = returns[run["seed"]].tolist()
            for point, (_, mean) in zip(run["curve"], _curve(returns[run["seed"]]), strict=True):
                point["mean_return"] = mean
        path = folder / benchmark / f"algorithm_{number:03d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1))
    return folder


def _returns(benchmark: str, size: int, skill: float) -> dict[int, np.ndarray]:
    rng = np.random.default_rng([list(benchmarks()).index(benchmark), size, int(skill * 1e6)])
    level = skill * (300 if "humanoid" in benchmark else 900)
    return {seed: np.clip(rng.normal(level, 60, 4), 0, 1000).round(2) for seed in range(SEEDS)}


def _curve(returns: np.ndarray) -> list[tuple[int, float]]:
    """A line up to the final mean."""
    final = float(returns.mean())
    rising = [round(final * (i + 1) / len(STEPS), 3) for i in range(len(STEPS) - 1)]
    return list(zip(STEPS, [*rising, final], strict=True))
