"""Episodes of the tasks of dm_control as one pair of MuJoCo and dm_control plays and draws them.

``python -m tests.simulators.golden FOLDER`` records them with the pair that is installed. Those in
``golden/`` are of :data:`vd4rl_data.simulators.versions.REFERENCE`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.tasks import SUITE_TASKS
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.gl import renderer_name

FOLDER: Final = Path(__file__).parent / "golden"
NAMES: Final = SUITE_TASKS
DRAWN: Final = (0, 1, 4, 40)
"""The time steps that are drawn, counted from the reset."""

_SEED: Final = 1
_SIZE: Final = 64


@dataclass(frozen=True, slots=True)
class Golden:
    """One episode.

    Attributes:
        renderer: what drew it.
        states: float64 (F, S), physics states at the time steps :data:`DRAWN`.
        frames: uint8 (F, 64, 64, 3), of these states.
        rewards: float64 (T,), of all time steps up to the last one drawn.
    """

    renderer: str
    states: np.ndarray
    frames: np.ndarray
    rewards: np.ndarray


def play(name: str) -> Golden:
    """Uniformly random actions, from a fixed seed, with the pair that is installed."""
    simulation = Simulation(name)
    rng = np.random.default_rng(_SEED)
    simulation.reset(seed=_SEED)
    states, frames, rewards = [simulation.physics_state], [simulation.render(_SIZE)], []
    for number in range(1, DRAWN[-1] + 1):
        action = rng.uniform(-1.0, 1.0, simulation.task.action_size).astype(np.float32)
        rewards.append(simulation.step(action).reward)
        if number in DRAWN:
            states.append(simulation.physics_state)
            frames.append(simulation.render(_SIZE))
    simulation.close()
    return Golden(renderer_name(), np.stack(states), np.stack(frames), np.array(rewards))


def draw(name: str, golden: Golden) -> np.ndarray:
    """The frames of recorded states, uint8 (F, 64, 64, 3), as the installed pair draws them."""
    simulation = Simulation(name)
    frames = np.stack([simulation.render_state(state, _SIZE) for state in golden.states])
    simulation.close()
    return frames


def save(folder: Path) -> None:
    """Record every task."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        golden = play(name)
        np.savez_compressed(
            folder / f"{name}.npz",
            renderer=np.array(golden.renderer),
            states=golden.states,
            frames=golden.frames,
            rewards=golden.rewards,
        )


def load(folder: Path, name: str) -> Golden:
    """What :func:`save` wrote."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        return Golden(
            renderer=str(arrays["renderer"]),
            states=arrays["states"],
            frames=arrays["frames"],
            rewards=arrays["rewards"],
        )


if __name__ == "__main__":
    save(Path(sys.argv[1]))
