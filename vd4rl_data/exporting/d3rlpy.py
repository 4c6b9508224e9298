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
from typing import Final

import numpy as np
from jaxtyping import UInt8

from vd4rl_data.episode import Episode
from vd4rl_data.exporting.about import About
from vd4rl_data.exporting.hdf5 import Group, Room, hdf5_file
from vd4rl_data.exporting.target import Target

_FILE: Final = "dataset.h5"
_VERSION: Final = "2.1"
"""Of d3rlpy's file format, which releases from 2.1 on write and read."""

_CACHE_BYTES: Final = 1 << 18

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
    with hdf5_file(folder / _FILE, [_group(about)]) as put:
        for number, episode in enumerate(episodes):
            padding = int(episode.truncated)
            put(
                "",
                {
                    f"observations_{number}": _channels_first(episode.observations),
                    f"actions_{number}": np.pad(episode.actions, ((0, padding), (0, 0))),
                    f"rewards_{number}": np.pad(episode.rewards, (0, padding))[:, None],
                    f"terminated_{number}": np.bool_(episode.terminated),
                },
            )


def _group(about: About) -> Group:
    """Frames (T + 1, 3, H, W), actions (N, A), rewards (N, 1), a flag; N is T or T + 1."""
    height, width, channels = about.frame_shape
    rooms: dict[str, Room] = {}
    ends = zip(about.lengths.tolist(), about.terminated.tolist(), strict=True)
    for number, (steps, terminated) in enumerate(ends):
        rows = steps + (not terminated)
        rooms[f"observations_{number}"] = Room((steps + 1, channels, height, width), "|u1")
        rooms[f"actions_{number}"] = Room((rows, about.action_size), "<f4")
        rooms[f"rewards_{number}"] = Room((rows, 1), "<f4")
        rooms[f"terminated_{number}"] = Room((), "|b1")
    columns = ["observations", "actions", "rewards", "terminated"]
    values = {"columns": columns, "num_episodes": len(about.lengths), "version": _VERSION}
    return Group("", rooms, values=values)


def _channels_first(
    frames: UInt8[np.ndarray, "T1 H W 3"],
) -> Iterator[UInt8[np.ndarray, "n 3 H W"]]:
    """Few frames at a time, so that they are written from the processor's cache."""
    few = max(1, _CACHE_BYTES // frames[0].nbytes)
    for start in range(0, len(frames), few):
        yield np.ascontiguousarray(frames[start : start + few].transpose(0, 3, 1, 2))


TARGET: Final = Target(
    name="d3rlpy",
    about="d3rlpy's replay buffer, frames channel first",
    read_it=_READ_IT,
    write=write,
)
