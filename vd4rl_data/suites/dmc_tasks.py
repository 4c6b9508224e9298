"""Tasks of the dm_control suite as the papers use them: action repeat 2, 1000 environment steps.

Camera 0 is what V-D4RL and LQV-D4RL render (quadruped would need camera 2). The horizon is the
suite's own time limit divided by its control step (walker: 25 s / 0.025 s, cheetah: 10 s / 0.01 s).
The rewards of an environment step lie in [0, 1].
"""

from __future__ import annotations

from typing import Final

from vd4rl_data.simulators.dmc import DMCSettings
from vd4rl_data.spec import FixedCamera, TaskSpec

_ROWS: Final = (
    # domain, goal, action_size
    ("walker", "walk", 6),
    ("cheetah", "run", 6),
    ("humanoid", "walk", 21),
    ("hopper", "hop", 4),
    ("hopper", "stand", 4),  # no dataset: hopping can be learned from standing
)

_STATE_LAYOUTS: Final[dict[str, tuple[tuple[str, int], ...]]] = {
    "walker": (("orientations", 14), ("height", 1), ("velocity", 9)),
    "cheetah": (("position", 8), ("velocity", 9)),
    "humanoid": (
        ("joint_angles", 21),
        ("head_height", 1),
        ("extremities", 12),
        ("torso_vertical", 3),
        ("com_velocity", 3),
        ("velocity", 27),
    ),
    "hopper": (("position", 6), ("velocity", 7), ("touch", 2)),
}
"""Domain → name and size of the suite's observations, flattened, in the suite's order."""


def _task(domain: str, goal: str, action_size: int) -> TaskSpec:
    return TaskSpec(
        name=f"{domain}_{goal}",
        simulator="dmc",
        settings=DMCSettings(domain, goal),
        camera=FixedCamera(0),
        action_repeat=2,
        horizon=1000,
        action_size=action_size,
        reward_range=(0.0, 1.0),
        state_layout=_STATE_LAYOUTS[domain],
    )


DMC_TASKS: Final = {task.name: task for task in (_task(*row) for row in _ROWS)}
"""Tasks by name; shared by the suites."""
