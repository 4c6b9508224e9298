"""How long the papers' trainings take on this machine, extrapolated from timed updates.

    python benchmarks/budget.py [--minutes 8] [--updates 500] [--algorithms drq_bc cql ...]
                                [--device auto] [--precision tf32] [--quick] [--json FILE]

Each phase of each algorithm, at its paper's preset and sizes, on a dataset of noise frames: first a
few updates that capture graphs and choose kernels, then ``--updates`` timed ones with their
batches, then as many with one batch again and again; the difference is time spent waiting for data.
When the minutes are up, the rest is left out and named. The record is written after each algorithm,
so that a machine that goes away takes nothing along. Phases that cannot be had from frames alone,
because they play episodes, are left out and say why.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from baselines.bench.algorithm import Agent, Spaces
from baselines.bench.guards import numerics
from baselines.bench.phases import Phase, PhaseContext, Schedule
from baselines.bench.provenance import device_name
from baselines.bench.registry import ALGORITHMS, get_algorithm
from baselines.bench.settings import Machine
from baselines.bench.stepping import Stepper
from baselines.errors import InvalidSettingError
from vd4rl_data.frames import FrameArray
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.sampling import Columns

DATASET = "VD4RL/walker_walk-medium-{size}px-v0"
SIZES = (84, 64)
FIRST: Final = ("drq_bc", "cql", "offline_dv2")
TARGET_MINUTES: Final = {
    "drq_bc": (2.0, "100K updates"),
    "cql": (4.0, "100K updates"),
    "offline_dv2": (12.0, "25K + 75K updates; published: 10 h on a V100"),
    "semopo": (18.0, "the paper's updates"),
    "lompo": (6.0, "the paper's updates"),
}
LENGTH = 500
WARM_UP = 5


def main() -> None:
    """Parse the arguments, measure in order, write after each algorithm."""
    arguments = parse_arguments()
    machine = Machine(device=arguments.device, threads=arguments.threads)
    device = machine.torch_device()
    record: dict[str, Any] = {
        "device": device_name(device),
        "processor": find_processor().record(),
        "precision": arguments.precision,
        "updates": arguments.updates,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "algorithms": {},
        "left_out": list(arguments.algorithms),
    }
    end = time.monotonic() + 60 * arguments.minutes
    with numerics(device, machine, arguments.precision):
        for name in arguments.algorithms:
            if time.monotonic() > end:
                break
            record["algorithms"][name] = Budget(name, device, arguments).measure(end)
            record["left_out"].remove(name)
            report(name, record["algorithms"][name])
            if arguments.json is not None:
                arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if record["left_out"]:
        print(f"time was up before: {', '.join(record['left_out'])}")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    order = [*FIRST, *(name for name in ALGORITHMS if name not in FIRST)]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--algorithms", nargs="+", choices=order, default=order)
    parser.add_argument("--minutes", type=float, default=8.0, help="begin no algorithm later")
    parser.add_argument("--updates", type=int, default=500, help="timed, of each phase")
    parser.add_argument("--episodes", type=int, default=200, help="of 500 noise frames")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=["float32", "tf32", "bfloat16"], default="tf32")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how fast")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.updates, arguments.episodes = 1, 1
    return arguments


class Budget:
    """One algorithm at its paper's settings."""

    def __init__(self, name: str, device: torch.device, arguments: argparse.Namespace) -> None:
        """Make the agent and its data."""
        self._device, self._updates = device, arguments.updates
        algorithm, size = get_algorithm(name), size_of(name)
        spec = get_dataset_spec(DATASET.format(size=size))
        settings = algorithm.preset("smoke" if arguments.quick else "paper", spec)
        self._steps = settings.steps
        settings = dataclasses.replace(settings, precision=arguments.precision)
        spaces = Spaces(3 * settings.frame_stack, size, spec.task.action_size)
        generator = torch.Generator().manual_seed(0)
        self._agent: Agent = algorithm.agent(settings, spaces, device, generator)
        self._columns = noise_columns(arguments.episodes, size, spec.task.action_size)

    def measure(self, end: float) -> dict[str, Any]:
        """Seconds an update and minutes of each phase."""
        schedule = Schedule(self._agent.phases(), self._steps)
        lengths = [*schedule.starts[1:], self._steps]
        phases: dict[str, Any] = {}
        for phase, first, last in zip(schedule.phases, schedule.starts, lengths, strict=True):
            if time.monotonic() > end:
                phases[phase.name] = {"left_out": "time was up"}
                continue
            try:
                found = self.timed(phase)
            except (ImportError, ValueError, RuntimeError) as error:
                phases[phase.name] = {"left_out": f"{type(error).__name__}: {error}"[:300]}
                continue
            minutes = (last - first) * found["seconds_an_update"] / 60
            phases[phase.name] = {"updates": last - first, "minutes": minutes, **found}
        known = [found["minutes"] for found in phases.values() if "minutes" in found]
        return {"phases": phases, "minutes": sum(known), "whole": len(known) == len(phases)}

    def timed(self, phase: Phase) -> dict[str, float]:
        """Seconds of an update with its batch, and with one batch again and again."""
        began = time.perf_counter()
        context = PhaseContext(
            dataset=self._columns, generator=np.random.default_rng(0), device=self._device
        )
        batches = phase.batches(context)
        prepared = time.perf_counter() - began
        noise = torch.Generator(self._device).manual_seed(0)
        stepper = Stepper(self._agent, phase, batches, noise)
        self._seconds(stepper, 0, min(WARM_UP, self._updates))
        seconds = self._seconds(stepper, WARM_UP, self._updates)
        batch = next(batches)
        kept = dataclasses.replace(
            batch,
            **{
                field.name: value.clone()
                for field in dataclasses.fields(batch)
                if isinstance(value := getattr(batch, field.name), torch.Tensor)
            },
        )
        constant = Stepper(self._agent, phase, Constant(kept), noise)
        self._seconds(constant, 0, min(WARM_UP, self._updates))
        busy = self._seconds(constant, WARM_UP, self._updates)
        return {
            "seconds_an_update": seconds,
            "share_waiting_for_data": max(0.0, 1.0 - busy / seconds),
            "seconds_to_prepare_data": prepared,
        }

    def _seconds(self, stepper: Stepper, first: int, count: int) -> float:
        started = time.perf_counter()
        for step in range(first, first + count):
            stepper.advance(step)
        stepper.take_means()  # waits for the device
        return (time.perf_counter() - started) / count


class Constant:
    """The same batch again and again."""

    def __init__(self, batch: Any) -> None:
        """Keep it."""
        self._batch = batch

    def __next__(self) -> Any:
        return self._batch

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}


def size_of(name: str) -> int:
    """The largest of the published sizes, in pixels, that an algorithm takes."""
    check = get_algorithm(name).check_size
    for size in SIZES:
        try:
            if check is not None:
                check(size)
        except InvalidSettingError:
            continue
        return size
    raise ValueError(f"{name}: expected frames of {SIZES} pixels to fit")


def noise_columns(episodes: int, size: int, action_size: int) -> Columns:
    """Frames, actions and rewards without any meaning."""
    rng = np.random.default_rng(0)
    rows = episodes * (LENGTH + 1)
    return Columns(
        frames=FrameArray([rng.integers(0, 256, (rows, size, size, 3), np.uint8)]),
        starts=np.arange(episodes + 1, dtype=np.int64) * (LENGTH + 1),
        actions=rng.uniform(-1, 1, (rows, action_size)).astype(np.float32),
        rewards=rng.uniform(0, 1, rows).astype(np.float32),
        discounts=np.ones(rows, np.float32),
        terminals=np.zeros(rows, np.bool_),
    )


def report(name: str, found: dict[str, Any]) -> None:
    """Print one algorithm's figures."""
    target = TARGET_MINUTES.get(name)
    goal = "" if target is None else f" (to be under {target[0]:.0f}: {target[1]})"
    print(f"{name}: {found['minutes']:.1f} minutes{goal}")
    for phase, values in found["phases"].items():
        if "left_out" in values:
            print(f"    {phase}: left out: {values['left_out']}")
            continue
        print(
            f"    {phase}: {values['updates']:,} updates of "
            f"{1e3 * values['seconds_an_update']:.2f} ms, "
            f"{100 * values['share_waiting_for_data']:.1f} % waiting for data"
        )


if __name__ == "__main__":
    main()
