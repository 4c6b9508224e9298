"""From nothing to a normalized score: collect, open, sample, evaluate, draw.

Everything lands in one folder (``--out``, default ``demo_output``), never in the data folder, so
the demo cannot stand in for a benchmark dataset.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np

import vd4rl_data

ID = "VD4RL/walker_walk-random-64px-v0"


class RandomPolicy:
    """Uniform actions from a seeded generator."""

    def __init__(self, action_size: int, seed: int) -> None:
        self._action_size = action_size
        self._rng = np.random.default_rng(seed)

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        shape = (len(observations), self._action_size)
        return self._rng.uniform(-1.0, 1.0, shape).astype(np.float32)


def main() -> None:
    """Run the demo."""
    options = parse_arguments()
    step(f"1  Collecting {options.episodes} episodes of {ID}")
    run("-m", "collection", "collect", ID, "--episodes", str(options.episodes),
        "--workers", str(options.workers), "--out", str(options.out))  # fmt: skip

    step("2  Opening them through gymnasium.make")
    env = gym.make(ID)
    data = env.get_wrapper_attr("get_dataset")(root=options.out, source="local")
    for key, array in data.items():
        print(f"   {key:22} {array.dtype!s:8} {array.shape}")

    step("3  Sampling batches: stacks of 3 frames, 3-step returns")
    dataset = vd4rl_data.load_dataset(ID, root=options.out, source="local")
    batches = dataset.transitions(batch_size=256, frame_stack=3, n_step=3, rng=0, epochs=1)
    count = sum(1 for _ in batches)
    print(f"   {count} shuffled batches of up to 256 from {dataset.num_transitions} transitions")

    step(f"4  Evaluating a random policy for {options.evaluate} episodes in the same environment")
    policy = RandomPolicy(dataset.spec.task.action_size, seed=1)
    result = vd4rl_data.evaluate(
        policy, env, episodes=options.evaluate, seed=0, workers=options.workers,
        inference_batch=options.evaluate, progress=True,
    )  # fmt: skip
    env.close()
    score = float(np.mean(dataset.normalized_score(result.returns)))
    print(f"   returns {np.round(result.returns, 1)}   normalized score {score:.4f} (1 is perfect)")

    step("5  Drawing")
    run("-m", "vd4rl_data.cli", "preview", str(dataset.paths[0]), "--out", str(options.out))
    print(f"\nDone. Look at the pictures in {options.out.resolve()}")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=8, help="episodes to collect (default 8)")
    parser.add_argument("--evaluate", type=int, default=2, help="episodes to evaluate (default 2)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="where all files go")
    return parser.parse_args()


def step(title: str) -> None:
    """Announce a step."""
    print(f"\n{title}", flush=True)


def run(*arguments: str) -> None:
    """Run a Python command of this clone and stop with its exit status if it fails."""
    finished = subprocess.run([sys.executable, *arguments], check=False)  # noqa: S603
    if finished.returncode:
        sys.exit(finished.returncode)


if __name__ == "__main__":
    main()
