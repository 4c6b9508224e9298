"""Updates per second of our soft actor-critic against Stable-Baselines3's, in the same run.

    python benchmarks/train_policy.py [--updates 100] [--rounds 5] [--threads 1] [--device cpu]
                                      [--quick] [--json FILE]

Walker's sizes (24 numbers observed, 6 of action), three hidden layers of 256, batches of 256,
random transitions. The two take turns, so that a busy machine slows both alike; figures are medians
over rounds of ratios within a round. "loop" is the whole training loop with its simulation: time
steps per second at one update each, ours against Stable-Baselines3's ``learn``. The training times
that the shipped policies record are printed, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger

sys.path.insert(0, str(Path(__file__).parents[1]))

from collection.policy_files import FOLDER, read_policy
from collection.sac.memory import ReplayMemory
from collection.sac.settings import TrainSettings
from collection.sac.train import train
from collection.sac.update import Hyperparameters, SACLearner
from collection.sac.weights import initialize
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation

TASK = "walker_walk"
P, A, BATCH = 24, 6, 256
HIDDEN = (256, 256, 256)
TRANSITIONS = 20_000
REFERENCE = "stable_baselines3"


class StateEnv(gym.Env[np.ndarray, np.ndarray]):
    """The same simulation as ours, as Stable-Baselines3 wants it."""

    def __init__(self, name: str) -> None:
        task = get_task_spec(name)
        self._simulation = Simulation(task)
        size = sum(count for _, count in task.state_layout)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (task.action_size,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._simulation.reset(seed)
        return self._state(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        result = self._simulation.step(action)
        return self._state(), result.reward, result.terminated, result.truncated, {}

    def _state(self) -> np.ndarray:
        state = self._simulation.state
        assert state is not None
        return state


def make_reference(device: str) -> SAC:
    model = SAC(
        "MlpPolicy",
        StateEnv(TASK),
        batch_size=BATCH,
        buffer_size=TRANSITIONS,
        learning_starts=100,
        policy_kwargs={"net_arch": list(HIDDEN)},
        device=device,
    )
    model.set_logger(Logger(None, []))
    return model


def reference_updates(device: str) -> Callable[[int], None]:
    model = make_reference(device)
    buffer = model.replay_buffer
    assert buffer is not None
    rng = np.random.default_rng(0)
    for array in (buffer.observations, buffer.next_observations, buffer.rewards):  # pyright: ignore[reportAttributeAccessIssue]
        array[...] = rng.normal(size=array.shape)
    buffer.actions[...] = rng.uniform(-1, 1, buffer.actions.shape)  # pyright: ignore[reportAttributeAccessIssue]
    buffer.full = True
    return lambda count: model.train(count, BATCH)


def our_updates(device: str, *, low_precision: bool) -> Callable[[int], None]:
    where = torch.device(device)
    settings = Hyperparameters(3e-4, 0.99, 0.005, -float(A), low_precision)
    learner = SACLearner(P, A, HIDDEN, settings, where)
    initialize(learner, 0)
    memory = ReplayMemory(TRANSITIONS, P, A, where)
    rng = np.random.default_rng(0)
    memory.add(
        rng.normal(size=(TRANSITIONS, P)).astype(np.float32),
        rng.uniform(-1, 1, (TRANSITIONS, A)).astype(np.float32),
        rng.normal(size=TRANSITIONS).astype(np.float32),
        rng.normal(size=(TRANSITIONS, P)).astype(np.float32),
        np.zeros(TRANSITIONS, np.bool_),
    )

    def update(count: int) -> None:
        for _ in range(count):
            noise = torch.randn(2 * BATCH, A, device=where)
            learner.update(memory.sample(BATCH, rng), noise)
        learner.losses.tolist()  # waits for the device

    return update


def rates(contestants: dict[str, Callable[[int], None]], count: int, rounds: int) -> Any:
    """Updates per second, by contestant, a list over rounds."""
    for run in contestants.values():
        run(max(1, count // 10))
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.perf_counter()
            run(count)
            found[name].append(count / (time.perf_counter() - start))
    return found


def loop_rates(steps: int, rounds: int, device: str) -> Any:
    """Time steps per second of both whole loops, evaluations and checkpoints left out."""
    found: dict[str, list[float]] = {"ours": [], REFERENCE: []}
    for number in range(rounds):
        model = make_reference(device)
        start = time.perf_counter()
        model.learn(steps)
        found[REFERENCE].append(steps / (time.perf_counter() - start))
        settings = TrainSettings(
            task=TASK,
            seed=number,
            steps=2 * steps,
            random_steps=100,
            learning_starts=100,
            updates_per_step=1.0,
            checkpoint_steps=10**9,
            evaluation_episodes=1,
        )
        with tempfile.TemporaryDirectory() as folder:
            curve = train(settings, Path(folder) / "run", device).curve()
        found["ours"].append(curve[-1]["time_steps"] / curve[-1]["seconds"])
    return found


def shipped() -> list[dict[str, Any]]:
    """How long the shipped policies took to train."""
    rows: list[dict[str, Any]] = []
    for path in sorted(FOLDER.glob("*.safetensors")):
        policy = read_policy(path)
        checkpoint = policy.training["checkpoint"]
        if "environment_steps" not in checkpoint:
            continue  # cloned from a replay, not trained
        rows.append(
            {
                "policy": path.stem,
                "environment_steps": checkpoint["environment_steps"],
                "seconds": checkpoint["seconds"],
                "return": checkpoint["evaluation_mean"],
                "device": policy.training["machine"]["device"],
                "precision": policy.training["settings"]["precision"],
            }
        )
    return rows


def ratio(found: dict[str, list[float]], name: str, reference: str) -> dict[str, float]:
    values = [a / b for a, b in zip(found[name], found[reference], strict=True)]
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def report(record: dict[str, Any]) -> None:
    for name, values in record["updates_per_second"].items():
        print(f"updates  {name:<18} {statistics.median(values):8.1f} per second")
    for name, found in record["ratios"].items():
        spread = f"({found['least']:.2f} to {found['most']:.2f})"
        print(f"ratio    {name:<18} {found['median']:8.2f}  {spread}")
    print(f"loop     ours / {REFERENCE}: {record['loop_ratio']['median']:.2f}")
    for row in record["shipped"]:
        reached = f"{row['return']:6.1f} at {row['environment_steps']:>9,} steps"
        how = f"{row['seconds']:7,.0f} s ({row['precision']}, {row['device']})"
        print(f"trained  {row['policy']:<22} {reached}, {how}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1500, help="time steps of the whole loop")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.updates, arguments.rounds, arguments.steps = 5, 1, 500
    torch.set_num_threads(arguments.threads)
    device = arguments.device
    contestants = {
        REFERENCE: reference_updates(device),
        "ours, float32": our_updates(device, low_precision=False),
        "ours, bfloat16": our_updates(device, low_precision=True),
    }
    updates = rates(contestants, arguments.updates, arguments.rounds)
    steps = loop_rates(arguments.steps, max(1, arguments.rounds // 2), device)
    record: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device != "cpu" else "cpu",
        "processor": find_processor().record(),
        "threads": arguments.threads,
        "versions": {name: version(name) for name in ("torch", "stable-baselines3", "numpy")},
        "updates_per_second": updates,
        "ratios": {
            name: ratio(updates, name, REFERENCE) for name in contestants if name != REFERENCE
        },
        "time_steps_per_second": steps,
        "loop_ratio": ratio(steps, "ours", REFERENCE),
        "shipped": shipped(),
    }
    report(record)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
