"""How long a run of the baselines takes to go on, however far it has got.

    python benchmarks/resume.py [--steps 500000] [--rounds 9] [--quick] [--json FILE]

A run is trained to its end on the bundled sample, by the bench itself: its batches, log,
checkpoints and evaluation are real; the updates do nothing, as what they do is no part of starting.
Then copies of it go on to one more gradient step, and new runs begin, in turns. Seconds are from
the call of ``train`` to the first update, without imports; a round's ratio is going on / beginning
anew.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1]))

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.bench.batches import SampledBatches
from baselines.bench.phases import Phase, PhaseContext
from baselines.bench.policy import View
from baselines.bench.settings import Machine, Protocol, RunSettings
from baselines.bench.training import train
from vd4rl_data.processor import find_processor
from vd4rl_data.pytorch import TorchTransitions

DATASET = "VD4RL/walker_walk-random-sample-64px-v0"
MACHINE = Machine(device="cpu", threads=1, workers=1, tensorboard=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the bench asks of hyperparameters."""

    steps: int
    frame_stack: int = 3
    precision: str = "float32"


@dataclass(frozen=True, slots=True)
class Noise:
    """One number."""

    value: Tensor


class Begun(Exception):  # noqa: N818 - no error
    """The first update was asked for."""


class IdleAgent:
    """Stands still; ``stops`` at the first update where a benchmark only wants to get there."""

    stops = False

    def __init__(self, settings: Settings, spaces: Spaces, *_: Any) -> None:
        self._frame_stack, self._action_size = settings.frame_stack, spaces.action_size
        self._weight = torch.ones(1)

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase(batches=self._batches, draw=self._draw, update=self._update, metrics=("one",)),
        )

    def _batches(self, context: PhaseContext) -> SampledBatches:
        sampled = TorchTransitions(
            context.dataset,
            4,
            self._frame_stack,
            rng=context.generator,
            layout="stacked",
            storage=context.storage,
        )
        return SampledBatches(sampled, context.state)

    def _draw(self, _: int, generator: torch.Generator) -> Noise:
        return Noise(torch.rand(1, generator=generator))

    def _update(self, _: Any, __: Noise) -> dict[str, Tensor]:
        if self.stops:
            raise Begun
        return {"one": self._weight.sum()}

    def policy(self) -> Any:
        return IdlePolicy(self._action_size)

    def state(self) -> dict[str, Any]:
        return {"weight": self._weight}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._weight = state["weight"]

    def tensors(self) -> list[Tensor]:
        return [self._weight]

    def compile(self) -> None:
        pass


class IdlePolicy:
    """Never moves."""

    wants_state = False

    def __init__(self, action_size: int) -> None:
        self._action_size = action_size

    def __call__(self, view: View) -> Tensor:
        return torch.zeros(len(view.first), self._action_size)


IDLE = Algorithm(
    name="Idle",
    paper="https://arxiv.org/abs/2206.04779",  # whose data it looks at
    settings=Settings,
    preset=lambda _, __: Settings(steps=1),
    agent=IdleAgent,
    shared="suite",
)


def settings_of(steps: int) -> RunSettings:
    return RunSettings(
        algorithm="benchmarks.resume:IDLE",
        dataset=DATASET,
        hyperparameters=Settings(steps=steps),
        protocol=Protocol(evaluate_every=steps, evaluation_episodes=1),
    )


def trained(folder: Path, steps: int) -> None:
    """A complete run, with a bar."""
    with tqdm(total=steps, desc="train", unit="steps", disable=not sys.stderr.isatty()) as bar:

        def show(step: int, _: str) -> None:
            bar.update(step - bar.n)

        train(settings_of(steps), folder, MACHINE, progress=show)


def seconds_to_start(settings: RunSettings, folder: Path) -> float:
    begun = time.perf_counter()
    try:
        train(settings, folder, MACHINE)
    except Begun:
        return time.perf_counter() - begun
    raise SystemExit(f"{folder}: expected a gradient step to be left")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how fast")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.steps = 1, 500
    settings = settings_of(arguments.steps)
    more = replace(settings, hyperparameters=Settings(steps=arguments.steps + 1))
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder, "done")
        begun = time.perf_counter()
        trained(done, arguments.steps)
        whole = time.perf_counter() - begun
        IdleAgent.stops = True
        names = (Path(folder, str(number)) for number in itertools.count())
        for _ in range(arguments.rounds + 1):
            resumed = shutil.copytree(done, next(names))
            found.append((seconds_to_start(more, resumed), seconds_to_start(more, next(names))))
    found = found[1:] or found  # the first warms up
    ratios = [resumed / new for resumed, new in found]
    record: dict[str, Any] = {
        "processor": find_processor().record(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "steps": arguments.steps,
        "rounds": arguments.rounds,
        "seconds_of_the_run": whole,
        "seconds": {
            "going_on": statistics.median(one for one, _ in found),
            "beginning": statistics.median(one for _, one in found),
        },
        "ratio": statistics.median(ratios),
    }
    print(
        f"a run of {arguments.steps:,} gradient steps goes on after "
        f"{record['seconds']['going_on']:.2f} s, {record['ratio']:.2f} of what a new one takes"
    )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    from benchmarks import resume  # under this name the bench finds the agent

    resume.main()
