"""Updates of the reference algorithms against the published code's structure, on a CPU.

    python benchmarks/updates.py [--algorithms bc drq_bc cql] [--rounds 10] [--threads 1]
                                 [--quick] [--json FILE]

Paper settings in float32: batches of 256 observations of 3 frames of 84 px. Both start from the
same weights, get the same batch, noise and shifts, and take turns; the structure is re-implemented
in ``benchmarks/published/agents.py``. A round's ratio is time of the published structure / ours.

Losses of the first update are compared in float32 with the published structure in float64. Where
the time of our update goes is read from torch's profiler; "alone" is what the convolutions of one
batch take by themselves, on inputs that are in the cache: oneDNN's own speed.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).parents[1]))

from baselines.bench.algorithm import Spaces
from baselines.bench.guards import numerics
from baselines.bench.registry import get_algorithm
from baselines.bench.settings import Machine
from benchmarks.published.agents import PublishedAgent
from vd4rl_data.processor import find_processor
from vd4rl_data.pytorch import TensorTransitions
from vd4rl_data.registry import get_dataset_spec

MODEL_FREE = ("bc", "drq_bc", "cql")
DATASET = "VD4RL/walker_walk-medium-84px-v0"
SPACES = Spaces(channels=9, size=84, action_size=6)
CPU = torch.device("cpu")
CHECKED = 64
"""Transitions in the batch whose losses are compared."""

PARTS = {
    "aten::mkldnn_convolution": "convolutions_forward",
    "aten::convolution_backward": "convolutions_backward",
    "aten::mm": "matrix_products",
    "aten::addmm": "matrix_products",
}


def main() -> None:
    arguments = parse_arguments()
    if arguments.quick:
        arguments.rounds = 1
    size = 16 if arguments.quick else 256
    with numerics(CPU, Machine(threads=arguments.threads), "float32"):
        record = {
            "batch_size": size,
            "rounds": arguments.rounds,
            "threads": torch.get_num_threads(),
            "processor": find_processor().record(),
            "versions": {"torch": torch.__version__, "python": platform.python_version()},
            "algorithms": {
                name: measure(name, size, arguments.rounds) for name in arguments.algorithms
            },
        }
    report(record)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--algorithms", nargs="+", choices=MODEL_FREE, default=MODEL_FREE)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how fast")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def measure(name: str, size: int, rounds: int) -> dict[str, Any]:
    """Everything about one algorithm, as JSON."""
    ours, published = pair(name, size)
    batch, noise = random_batch(size), ours.draw(0, torch.Generator().manual_seed(1))
    calls = (lambda: published.update(batch, noise)), (lambda: values(ours.update(batch, noise)))
    times = [[seconds(call) for call in calls] for _ in range(rounds + 1)][1:]  # one warms up
    ratios = sorted(theirs / own for theirs, own in times)
    return {
        "ratio": {
            name: ratios[round(share * (len(ratios) - 1))]
            for name, share in (("p25", 0.25), ("median", 0.5), ("p75", 0.75))
        },
        "published_milliseconds": [1e3 * theirs for theirs, _ in times],
        "milliseconds": [1e3 * own for _, own in times],
        "shares": shares(lambda: ours.update(batch, noise)),
        "convolutions_alone_milliseconds": convolutions_alone(ours, size),
        "losses": losses(name, min(size, CHECKED)),
    }


def pair(name: str, size: int) -> tuple[Any, PublishedAgent]:
    """Our agent and the published structure, with equal weights."""
    algorithm = get_algorithm(name)
    settings = dataclasses.replace(
        algorithm.preset("paper", get_dataset_spec(DATASET)), batch_size=size, precision="float32"
    )
    ours = algorithm.agent(settings, SPACES, CPU, torch.Generator().manual_seed(0))
    return ours, PublishedAgent(name, settings, ours)


def random_batch(size: int) -> TensorTransitions:
    """Noise."""
    generator = torch.Generator().manual_seed(0)

    def pixels() -> torch.Tensor:
        shape = (size, SPACES.channels, SPACES.size, SPACES.size)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)

    return TensorTransitions(
        observations=pixels(),
        actions=torch.rand((size, SPACES.action_size), generator=generator) * 2.0 - 1.0,
        rewards=torch.rand(size, generator=generator),
        next_observations=pixels(),
        discounts=torch.full((size,), 0.99**3),
        terminated=torch.zeros(size, dtype=torch.bool),
        truncated=torch.zeros(size, dtype=torch.bool),
    )


def seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def values(metrics: dict[str, torch.Tensor]) -> dict[str, float]:
    """Read back as numbers, which the published code does, too."""
    return {name: float(value) for name, value in metrics.items()}


def shares(update: Callable[[], Any]) -> dict[str, float]:
    """Of an update's time, by kind of work."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        update()
    found = dict.fromkeys([*PARTS.values(), "everything_else"], 0.0)
    for event in profiler.key_averages():
        found[PARTS.get(event.key, "everything_else")] += event.self_cpu_time_total
    total = sum(found.values())
    return {name: value / total for name, value in found.items()}


def convolutions_alone(agent: Any, size: int) -> dict[str, float]:
    """Milliseconds of all convolutions of one batch: forward, by input, by weight and bias."""
    piece = min(size, 16)
    found = {"forward": 0.0, "by_input": 0.0, "by_weight": 0.0}
    x = torch.randn(piece, SPACES.channels, SPACES.size, SPACES.size)
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for number, layer in enumerate(agent.encoder.convnet[0::2]):
            weight = layer.weight.contiguous(memory_format=torch.channels_last)
            forward = functools.partial(torch.conv2d, x, weight, layer.bias, layer.stride)
            y = forward()
            rest = [len(weight)], layer.stride, [0, 0], [1, 1], False, [0, 0], 1
            backward = functools.partial(torch.ops.aten.convolution_backward, y, x, weight, *rest)
            found["forward"] += best(forward)
            found["by_weight"] += best(functools.partial(backward, [False, True, True]))
            if number > 0:  # nothing asks for the gradient by pixels
                found["by_input"] += best(functools.partial(backward, [True, False, False]))
            x = y
    return {name: 1e3 * value * size / piece for name, value in found.items()}


def best(call: Callable[[], Any], count: int = 20) -> float:
    return min(seconds(call) for _ in range(count))


def losses(name: str, size: int) -> dict[str, dict[str, float]]:
    """Of the first update: ours, and the published structure's in two precisions."""
    ours, published = pair(name, size)
    _, exact = pair(name, size)
    exact.double()
    batch, noise = random_batch(size), ours.draw(0, torch.Generator().manual_seed(1))
    own = values(ours.update(batch, noise))
    single = published.update(batch, noise)
    double = exact.update(batch, noise)
    return {
        key: {"float64": double[key], "published": single[key], "ours": own[key]}
        for key in single
        if key in own
    }


def report(record: dict[str, Any]) -> None:
    print(f"{record['threads']} threads, {record['processor']['name']}")
    for name, found in record["algorithms"].items():
        ratio, parts = found["ratio"], found["shares"]
        ours, published = (
            statistics.median(found[key]) for key in ("milliseconds", "published_milliseconds")
        )
        print(
            f"{name:<7} {ratio['median']:.2f} ({ratio['p25']:.2f} to {ratio['p75']:.2f}) times the "
            f"published structure: {ours:.0f} ms against {published:.0f} ms"
        )
        print(
            "        " + ", ".join(f"{part} {100 * share:.1f} %" for part, share in parts.items())
        )
        alone = found["convolutions_alone_milliseconds"]
        print(
            "        convolutions alone: " + ", ".join(f"{k} {v:.0f} ms" for k, v in alone.items())
        )
        for key, loss in found["losses"].items():
            print(
                f"        {key}: float64 {loss['float64']:.8g}, "
                f"published {loss['published']:.8g}, ours {loss['ours']:.8g}"
            )


if __name__ == "__main__":
    main()
