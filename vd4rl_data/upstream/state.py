"""The proprioceptive keys of the dm_control suite: their order and columns in ``infos/state``.

The suite's own order of the observation dictionary, flattened. Scalars (torso and head height) have
one column here and no second dimension in the files.
"""

from __future__ import annotations

from typing import Final

STATE_LAYOUT: Final[dict[str, tuple[tuple[str, int], ...]]] = {
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
"""Domain → its proprioceptive keys with their numbers of columns."""
