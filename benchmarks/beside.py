"""What evaluations cost a run of the baselines, in place and in a process of their own.

    python benchmarks/beside.py [--steps 240] [--every 60] [--episodes 2] [--quick] [--json FILE]

Behavioral cloning on the bundled sample with real evaluations: in place, and beside training.
Of the training process it tells the processor time that evaluations took, calls of the bench and
waiting included, each and as a share of the processor time of all else (the target is 3 %); and the
same by the clock, which counts where a core is free. The last evaluation, which ends a run, is left
out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from baselines.algorithms.bc import ALGORITHM
from baselines.bench import training
from baselines.bench.evaluating import Evaluations, Moment
from baselines.bench.settings import Machine, Protocol, RunSettings
from vd4rl_data.processor import find_processor

DATASET = "VD4RL/walker_walk-random-sample-64px-v0"
Where = Literal["never", "always"]


class Clocked(Evaluations):
    """Evaluations that know how long training has waited for them."""

    spent: ClassVar[list[float]] = [0.0, 0.0]
    """Seconds of this process's processor time, and of the clock."""
    ended_at: ClassVar[list[float]] = [0.0, 0.0]
    """The same, when the last step was done."""

    def evaluate(self, agent: Any, device: torch.device, moment: Moment, *, saved: bool) -> None:
        last = moment.step == self._settings.hyperparameters.steps
        with clock():
            if last:
                self.wait()
        if last:
            self.ended_at[:] = now()
            super().evaluate(agent, device, moment, saved=saved)
            return
        with clock():
            super().evaluate(agent, device, moment, saved=saved)

    def ended(self) -> list[tuple[int, float]]:
        with clock():
            return super().ended()


def now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


@contextlib.contextmanager
def clock() -> Generator[None]:
    """Add what passes to what was spent."""
    begun = now()
    yield
    for place, (end, begin) in enumerate(zip(now(), begun, strict=True)):
        Clocked.spent[place] += end - begin


def measure(where: Where, arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    """What evaluations took of the training process, each and as shares of all else."""
    settings = RunSettings(
        algorithm="bc",
        dataset=arguments.dataset,
        preset="smoke",
        hyperparameters=ALGORITHM.settings(steps=arguments.steps, batch_size=64),
        protocol=Protocol(
            evaluate_every=arguments.every, evaluation_episodes=arguments.episodes, log_every=20
        ),
    )
    machine = Machine(device="cpu", threads=1, workers=1, tensorboard=False, evaluate_beside=where)
    Clocked.spent[:] = 0.0, 0.0
    begun = now()
    training.train(settings, folder, machine, root=arguments.data_dir)
    whole = [end - begin for end, begin in zip(Clocked.ended_at, begun, strict=True)]
    count = (arguments.steps - 1) // arguments.every
    found: dict[str, float] = {}
    for name, spent, passed in zip(("processor", "clock"), Clocked.spent, whole, strict=True):
        found[f"{name}_seconds_each"] = spent / count
        found[f"{name}_share"] = spent / (passed - spent)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--every", type=int, default=60)
    parser.add_argument("--episodes", type=int, default=2)
    parser.add_argument("--dataset", default=DATASET, help="in whose environment is played")
    parser.add_argument("--data-dir", type=Path, help="where it lies")
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how fast")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.steps, arguments.every, arguments.episodes = 12, 6, 1
    training.Evaluations = Clocked
    places: dict[str, Where] = {"in_place": "never", "beside": "always"}
    with tempfile.TemporaryDirectory() as folder:
        found = {
            name: measure(where, arguments, Path(folder, name)) for name, where in places.items()
        }
    record = {
        "processor": find_processor().record(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        **{name: getattr(arguments, name) for name in ("dataset", "steps", "every", "episodes")},
        "found": found,
    }
    for name, each in found.items():
        print(
            f"{name:9} an evaluation took {each['processor_seconds_each']:.3f} s of the training "
            f"process's processor time, {each['processor_share']:.1%} of all else; by the clock "
            f"{each['clock_seconds_each']:.3f} s, {each['clock_share']:.1%}"
        )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
