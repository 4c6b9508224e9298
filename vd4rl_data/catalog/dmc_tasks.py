"""Tasks of the dm_control suite as the papers use them: action repeat 2, 1000 environment steps.

Camera 0 is what V-D4RL and LQV-D4RL render (quadruped would need camera 2). The horizon is the
suite's own time limit divided by its control step (walker: 25 s / 0.025 s, cheetah: 10 s / 0.01 s).
"""

from __future__ import annotations

from typing import Final

from vd4rl_data.registry import TaskSpec, register_task

_ROWS: Final = (
    # name, domain, goal, action_size
    ("walker_walk", "walker", "walk", 6),
    ("cheetah_run", "cheetah", "run", 6),
    ("humanoid_walk", "humanoid", "walk", 21),
    ("hopper_hop", "hopper", "hop", 4),
    ("hopper_stand", "hopper", "stand", 4),  # no dataset: hopping can be learned from standing
)


def register() -> None:
    """Register every row as a :class:`~vd4rl_data.registry.TaskSpec`."""
    for name, domain, goal, action_size in _ROWS:
        register_task(
            TaskSpec(
                name=name,
                simulator="dmc",
                domain=domain,
                goal=goal,
                camera_id=0,
                action_repeat=2,
                horizon=1000,
                action_size=action_size,
            )
        )
