"""``d3rlpy``: a file of ``ReplayBuffer.load``, frames channel first.

d3rlpy draws the transition of row t from the rows t and t + 1, so of N rows that a time limit ended
it gives N - 1 transitions, and of N rows that terminated N, the last with a black next frame of its
own. So an episode of T transitions that was truncated has T + 1 rows, of which the last holds the
last frame and is never drawn (action and reward zero); one that terminated has T rows, and T + 1
frames. Either way d3rlpy draws exactly the T transitions, and no frame is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from vd4rl_data.episode import Episode
from vd4rl_data.exporting.about import About
from vd4rl_data.exporting.hdf5 import hdf5_file
from vd4rl_data.exporting.target import Target

_FILE: Final = "dataset.h5"
_VERSION: Final = "2.1"
"""Of d3rlpy's file format, which releases from 2.1 on write and read."""

_COLUMNS: Final = ("observations", "actions", "rewards", "terminated")

_READ_IT: Final = """\
from d3rlpy.dataset import FrameStackTransitionPicker, InfiniteBuffer, ReplayBuffer
picker = FrameStackTransitionPicker(n_frames=3)
with open("{folder}/dataset.h5", "rb") as file:
    buffer = ReplayBuffer.load(file, InfiniteBuffer(), transition_picker=picker)"""


def write(episodes: Iterator[Episode], about: About, folder: Path) -> None:
    """Write ``dataset.h5``.

    Args:
        episodes: valid ones.
        about: what is said of them.
        folder: an empty one.
    """
    about_all = {"columns": list(_COLUMNS), "num_episodes": len(about.lengths), "version": _VERSION}
    with hdf5_file(folder / _FILE) as put:
        put("", about_all, {})
        for number, episode in enumerate(episodes):
            values = zip(_COLUMNS, _columns(episode), strict=True)
            put("", {f"{name}_{number}": value for name, value in values}, {})


def _columns(episode: Episode) -> tuple[Any, ...]:
    """Frames (T + 1, 3, H, W), actions (N, A), rewards (N, 1) and one flag; N is T or T + 1."""
    padding = int(episode.truncated)
    return (
        np.ascontiguousarray(episode.observations.transpose(0, 3, 1, 2)),
        np.pad(episode.actions, ((0, padding), (0, 0))),
        np.pad(episode.rewards, (0, padding))[:, None],
        episode.terminated,
    )


TARGET: Final = Target(
    name="d3rlpy",
    about="d3rlpy's replay buffer, frames channel first",
    read_it=_READ_IT,
    write=write,
)
