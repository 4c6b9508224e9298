"""The humanoid's walk after equal time on one core: ours against Stable-Baselines3's plain SAC.

    python benchmarks/humanoid.py [--seconds 700] [--seeds 1 2 3] [--quick] [--json FILE]
                                  [--folder DIR]

Ours has the settings of ``docs/behavior_policies.md``, the reference the library's defaults. Both
see the same simulation, in turns, seed by seed. A run may use so many seconds of one core, for
everything that it does; a busy machine disturbs them less than the time on the wall. Its last actor
then plays the same ten episodes without noise. The JSON is written after each run, and runs that it
has are not repeated: the same command goes on. In DIR our runs are kept, one folder for each seed,
for ``python -m collection train`` to go on with.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.train_policy import StateEnv
from collection.actor import Actor
from collection.sac.evaluation import Evaluator
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.sac.train import train
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_task_spec

TASK = "humanoid_walk"
EPISODES = 10
OURS = TrainSettings(
    task=TASK,
    steps=10_000_000,
    updates_per_step=1.0,
    batch_size=128,
    hidden=(256, 256),
    critic_layer_norm=True,
    normalize_states=True,
    reward_scale=2.0,
    reward_power=0.25,
    initial_temperature=0.02,
)


class EnoughError(Exception):
    """The time of a run is used up."""


class StopInTime(BaseCallback):
    """Ends the reference's training when its processor time is used up."""

    def __init__(self, end: float) -> None:
        super().__init__()
        self._end = end

    def _on_step(self) -> bool:
        return time.process_time() < self._end


def run_ours(seed: int, end: float, precision: Any, folder: Path) -> tuple[Actor, int]:
    """The last checkpoint's actor, and the environment steps of the run."""
    reached = [0]

    def watch(steps: int, last_return: float) -> None:
        del last_return
        reached[0] = steps
        if time.process_time() >= end:
            raise EnoughError

    settings = dataclasses.replace(OURS, seed=seed, precision=precision)
    if end < time.process_time() + 60:
        settings = dataclasses.replace(settings, checkpoint_steps=1_000)
    run = RunFolder(folder / f"seed{seed}")
    if run.path.exists():
        raise SystemExit(
            f"{run.path} exists: part of its time would be unknown; give another --folder"
        )
    with contextlib.suppress(EnoughError):
        train(settings, run.path, progress=watch)
    return run.actor(run.reached()), reached[0]


def run_reference(seed: int, end: float, precision: Any, folder: Path) -> tuple[Actor, int]:
    """The library's actor after the time, and the environment steps of the run."""
    del precision, folder
    model = SAC("MlpPolicy", StateEnv(TASK), seed=seed, device="cpu")
    model.learn(10_000_000, StopInTime(end))
    policy: Any = model.actor
    hidden = [layer for layer in policy.latent_pi if isinstance(layer, torch.nn.Linear)]
    last = [policy.mu, policy.log_std]
    weights = [*(layer.weight for layer in hidden), torch.cat([layer.weight for layer in last])]
    biases = [*(layer.bias for layer in hidden), torch.cat([layer.bias for layer in last])]
    actor = Actor(
        tuple(weight.detach().numpy() for weight in weights),
        tuple(bias.detach().numpy() for bias in biases),
    )
    return actor, model.num_timesteps * get_task_spec(TASK).action_repeat


CONTESTANTS = {"ours": run_ours, "stable_baselines3": run_reference}


def measure(name: str, seed: int, seconds: float, precision: str, folder: Path) -> dict[str, Any]:
    """One run, and what its actor does."""
    start, began = time.process_time(), time.perf_counter()
    actor, steps = CONTESTANTS[name](seed, start + seconds, precision, folder)
    record: dict[str, Any] = {
        "name": name,
        "seed": seed,
        "processor_seconds": round(time.process_time() - start, 1),
        "wall_seconds": round(time.perf_counter() - began, 1),
        "environment_steps": steps,
    }
    evaluator = Evaluator(TASK, EPISODES, seed)
    record["returns"] = [round(value, 2) for value in evaluator.returns(actor)]
    evaluator.close()
    record["mean_return"] = statistics.mean(record["returns"])
    return record


def report(runs: list[dict[str, Any]]) -> None:
    """Print every run, and each contestant's mean over seeds."""
    for run in runs:
        print(
            f"{run['name']:<18} seed {run['seed']}  {run['environment_steps']:>9,} steps "
            f"{run['processor_seconds']:7.0f} s  return {run['mean_return']:7.2f}"
        )
    for name in CONTESTANTS:
        means = [run["mean_return"] for run in runs if run["name"] == name]
        if means:
            print(f"{name:<18} mean {statistics.mean(means):7.2f} of {len(means)} seeds")


def main() -> None:
    """Run what the JSON does not have yet, print all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=700.0, help="of one core, for each run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how well")
    parser.add_argument("--json", type=Path, help="write the report to this file, go on from it")
    parser.add_argument("--folder", type=Path, help="for our runs; a temporary one by default")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds, arguments.seeds = 15.0, arguments.seeds[:1]
    torch.set_num_threads(1)
    settings = {
        "task": TASK,
        "seconds": arguments.seconds,
        "precision": arguments.precision,
        "processor": find_processor().record(),
        "versions": {name: version(name) for name in ("torch", "stable_baselines3", "mujoco")},
    }
    runs: list[dict[str, Any]] = []
    if arguments.json is not None and arguments.json.is_file():
        found = json.loads(arguments.json.read_text(encoding="utf-8"))
        if {name: found[name] for name in settings} != settings:
            raise SystemExit(f"{arguments.json} is of other settings or another machine")
        runs = found["runs"]
    for seed in arguments.seeds:
        for name in CONTESTANTS:
            if any((run["name"], run["seed"]) == (name, seed) for run in runs):
                continue
            with contextlib.ExitStack() as stack:
                folder = arguments.folder or Path(stack.enter_context(TemporaryDirectory()))
                runs.append(measure(name, seed, arguments.seconds, arguments.precision, folder))
            report(runs[-1:])
            if arguments.json is not None:
                text = json.dumps({**settings, "runs": runs}, indent=1) + "\n"
                arguments.json.write_text(text, encoding="utf-8")
    report(runs)


if __name__ == "__main__":
    main()
