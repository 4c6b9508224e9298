"""Gradient steps per second of the reference algorithms, and where the time goes.

    python benchmarks/train.py [--algorithms bc drq_bc cql] [--device auto] [--precision tf32]
                               [--storage auto] [--compile] [--no-cuda-graph] [--threads N]
                               [--steps N] [--rounds 5] [--quick] [--json FILE]

Paper settings: batches of 256 observations of 3 frames of 84 px, 3-step returns, networks of the
published size; frames are noise, 6 action dimensions. Figures are medians over rounds.

"training" is what the loop does: batch, noise, update. "constant batch" repeats one batch; the
difference is time spent waiting for data. Augmentation and optimizer are timed separately, the rest
of the update is forward and backward. The roofline is the larger of arithmetic
(counted by torch) at the rate of a large matrix product, measured in the same run at the same
precision, and memory traffic (estimated) at the rate of a large copy.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))

from baselines.bench.algorithm import Spaces
from baselines.bench.guards import numerics
from baselines.bench.phases import Batches, PhaseContext
from baselines.bench.provenance import device_name
from baselines.bench.registry import get_algorithm
from baselines.bench.settings import Machine
from baselines.bench.stepping import Stepper
from baselines.drq.augmentation import random_shift
from vd4rl_data.frames import FrameArray
from vd4rl_data.processor import find_processor
from vd4rl_data.pytorch.feeds import choose_storage
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.sampling import Columns

DATASET = "VD4RL/walker_walk-medium-84px-v0"
EPISODE = 500
MODEL_FREE = ("bc", "drq_bc", "cql")
GIGABYTES = {"bc": 0.6, "drq_bc": 1.0, "cql": 1.5}
"""Memory traffic of an update with activations of two bytes (estimated); twice that with four."""


def main() -> None:
    arguments = parse_arguments()
    machine = Machine(
        device=arguments.device,
        threads=arguments.threads,
        storage=arguments.storage,
        cuda_graph=not arguments.no_cuda_graph,
        compile=arguments.compile,
    )
    device = machine.torch_device()
    if arguments.quick:
        arguments.rounds, arguments.steps, arguments.episodes = 1, 1, 1
    elif arguments.steps is None:
        arguments.steps = 500 if device.type == "cuda" else 2
    with numerics(device, machine, arguments.precision):
        record = measure(arguments, machine, device)
    report(record)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--algorithms", nargs="+", choices=MODEL_FREE, default=MODEL_FREE)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=["float32", "tf32", "bfloat16"], default="tf32")
    parser.add_argument("--storage", choices=["auto", "device", "stream"], default="auto")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--no-cuda-graph", action="store_true")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--steps", type=int, help="gradient steps of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=20, help="episodes of 500 noise frames")
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how fast")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def measure(
    arguments: argparse.Namespace, machine: Machine, device: torch.device
) -> dict[str, Any]:
    """Everything, as JSON."""
    columns = noise_columns(arguments.episodes)
    peaks = measure_peaks(device, arguments.precision, quick=arguments.quick)
    storage = machine.storage
    if storage == "auto":
        storage = choose_storage(columns.frames, len(columns.frames), device, "stacked")
    return {
        "device": device_name(device),
        "processor": find_processor().record(),
        "precision": arguments.precision,
        "storage": storage,
        "cuda_graph": machine.cuda_graph and device.type == "cuda",
        "compile": machine.compile,
        "threads": torch.get_num_threads(),
        "steps_per_round": arguments.steps,
        "rounds": arguments.rounds,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "peaks": peaks,
        "algorithms": {
            name: Contestant(
                name,
                columns,
                machine,
                device,
                storage,
                {"precision": arguments.precision, "batch_size": 16 if arguments.quick else 256},
            ).measure(arguments.steps, arguments.rounds, peaks)
            for name in arguments.algorithms
        },
    }


def noise_columns(episodes: int) -> Columns:
    rng = np.random.default_rng(0)
    rows = episodes * (EPISODE + 1)
    return Columns(
        frames=FrameArray([rng.integers(0, 256, (rows, 84, 84, 3), np.uint8)]),
        starts=np.arange(episodes + 1, dtype=np.int64) * (EPISODE + 1),
        actions=rng.uniform(-1, 1, (rows, 6)).astype(np.float32),
        rewards=rng.uniform(0, 1, rows).astype(np.float32),
        discounts=np.ones(rows, np.float32),
        terminals=np.zeros(rows, np.bool_),
    )


def measure_peaks(device: torch.device, precision: str, *, quick: bool) -> dict[str, float]:
    """FLOP and bytes per second of a large product and a large copy."""
    size = (8192 if device.type == "cuda" else 1024) // (4 if quick else 1)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    product = median_seconds(lambda: torch.mm(a, b), device, 10)
    source = torch.empty((size * size * 8,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy = median_seconds(lambda: target.copy_(source), device, 10)
    return {"flop_per_second": 2 * size**3 / product, "bytes_per_second": 2 * len(source) / copy}


def median_seconds(call: Callable[[], Any], device: torch.device, count: int) -> float:
    """Seconds of a call, the median over five groups of ``count`` calls."""
    call()
    found: list[float] = []
    for _ in range(5):
        synchronize(device)
        started = time.perf_counter()
        for _ in range(count):
            call()
        synchronize(device)
        found.append((time.perf_counter() - started) / count)
    return statistics.median(found)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Constant:
    """The same batch again and again."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __next__(self) -> Any:
        return self._batch

    def state(self) -> Mapping[str, Any]:
        return {}


class Contestant:
    """One algorithm at paper settings."""

    def __init__(
        self,
        name: str,
        columns: Columns,
        machine: Machine,
        device: torch.device,
        storage: str,
        changes: dict[str, Any],
    ) -> None:
        algorithm = get_algorithm(name)
        settings = algorithm.preset("paper", get_dataset_spec(DATASET))
        self.name, self.device, self.machine = name, device, machine
        self.settings = dataclasses.replace(settings, **changes)
        self.spaces = Spaces(channels=9, size=84, action_size=6)
        rng = np.random.default_rng(0)
        context = PhaseContext(dataset=columns, generator=rng, device=device, storage=storage)
        self.batches: Batches = self.agent().phases()[0].batches(context)

    def measure(self, steps: int, rounds: int, peaks: dict[str, float]) -> dict[str, Any]:
        training, constant = self.stepper(self.batches), self.stepper(self.constant())
        seconds: dict[str, list[float]] = {"training": [], "constant_batch": []}
        for stepper in (training, constant):
            self.seconds(stepper, 1)  # captures, compiles, warms up
        for _ in range(rounds):
            seconds["training"].append(self.seconds(training, steps))
            seconds["constant_batch"].append(self.seconds(constant, steps))
        parts = self.parts(min(steps, 20))
        per_step = {name: statistics.median(values) for name, values in seconds.items()}
        flop = self.flop()
        floor = max(
            flop / peaks["flop_per_second"], self.gigabytes() * 1e9 / peaks["bytes_per_second"]
        )
        busy = per_step["constant_batch"]
        return {
            "steps_per_second": 1 / per_step["training"],
            "rounds": [1 / value for value in seconds["training"]],
            "minutes_per_100000_steps": per_step["training"] * 1e5 / 60,
            "milliseconds": {
                name: 1e3 * value
                for name, value in {
                    **per_step,
                    **parts,
                    "forward_backward": busy - parts["augmentation"] - parts["optimizer"],
                }.items()
            },
            "share_waiting_for_data": max(0.0, 1 - busy / per_step["training"]),
            "gflop": flop / 1e9,
            "gigabytes_estimated": self.gigabytes(),
            "roofline_milliseconds": 1e3 * floor,
            "share_of_roofline": floor / per_step["training"],
        }

    def agent(self) -> Any:
        generator = torch.Generator().manual_seed(0)
        return get_algorithm(self.name).agent(self.settings, self.spaces, self.device, generator)

    def stepper(self, batches: Batches) -> Stepper:
        agent = self.agent()
        (phase,) = agent.phases()
        if self.machine.compile:
            agent.compile()
        noise = torch.Generator(self.device).manual_seed(0)
        return Stepper(agent, phase, batches, noise, cuda_graph=self.machine.cuda_graph)

    def constant(self) -> Batches:
        batch = next(self.batches)
        # On the CPU a batch may lie in memory that the next one is written to.
        kept = type(batch)(**{name: value.clone() for name, value in batch.as_dict().items()})
        return Constant(kept)

    def seconds(self, stepper: Stepper, steps: int) -> float:
        """Figures of a gradient step."""
        synchronize(self.device)
        started = time.perf_counter()
        for step in range(steps):
            stepper.advance(step)
        stepper.take_means()  # waits for the device
        return (time.perf_counter() - started) / steps

    def parts(self, count: int) -> dict[str, float]:
        """Seconds of the parts of a step that can be had by themselves."""
        agent, batch = self.agent(), next(self.constant())
        noise = torch.Generator(self.device).manual_seed(0)
        drawn = agent.draw(0, noise)
        both = [batch.observations, batch.next_observations][: 1 if self.name == "bc" else 2]

        def augment() -> None:
            for pixels, shifts in zip(both, drawn.shifts, strict=False):
                random_shift(pixels, shifts)

        def optimize() -> None:
            for descent in agent.descents.values():
                descent.adam.step()
            for average in agent.averages.values():
                average.step(0.01)

        agent.update(batch, drawn)  # leaves gradients for the optimizers
        calls = {
            "sampling": lambda: next(self.batches),
            "noise": lambda: agent.draw(0, noise),
            "augmentation": augment,
            "optimizer": optimize,
        }
        return {name: median_seconds(call, self.device, count) for name, call in calls.items()}

    def flop(self) -> float:
        agent, batch = self.agent(), next(self.constant())
        noise = agent.draw(0, torch.Generator(self.device).manual_seed(0))
        with FlopCounterMode(display=False) as counter:
            agent.update(batch, noise)
        return float(counter.get_total_flops())

    def gigabytes(self) -> float:
        return GIGABYTES[self.name] * (1 if self.settings.precision == "bfloat16" else 2)


def report(record: dict[str, Any]) -> None:
    how = [record["device"], record["precision"], f"frames: {record['storage']}"]
    how += [name for name in ("cuda_graph", "compile") if record[name]]
    print(", ".join(how))
    for name, found in record["algorithms"].items():
        print(
            f"{name:<7} {found['steps_per_second']:9.2f} steps/s, "
            f"{found['minutes_per_100000_steps']:.1f} minutes for 100,000; "
            f"{100 * found['share_of_roofline']:.0f} % of the roofline "
            f"({found['gflop']:.0f} GFLOP), {100 * found['share_waiting_for_data']:.1f} % waiting"
        )
        parts = ", ".join(f"{part} {ms:.2f}" for part, ms in found["milliseconds"].items())
        print(f"        milliseconds: {parts}")


if __name__ == "__main__":
    main()
