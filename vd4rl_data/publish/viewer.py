"""A small split that the hub's viewer shows: it cannot show HDF5, but archives of PNG and JSON.

One WebDataset archive for each dataset, of some frames of some episodes, without loss.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from vd4rl_data.episode import Episode
from vd4rl_data.preview.choice import spread_by_return
from vd4rl_data.preview.sheet import spread_steps
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.storage.reader import StoredDataset

SPLIT: Final = "preview"
EPISODES: Final = 4
FRAMES: Final = 25
"""Of an episode, at most: all of a shorter one."""


def viewer_path(name: str) -> str:
    """Where the archive of a dataset lies in a repository."""
    return f"viewer/{name}.tar"


def viewer_config(name: str) -> dict[str, Any]:
    """What the front matter of the card says of it: the hub forbids slashes in such names."""
    files = [{"split": SPLIT, "path": viewer_path(name)}]
    return {"config_name": name.replace("/", "."), "data_files": files}


def write_viewer(stored: StoredDataset, returns: list[float], path: Path) -> None:
    """Write the archive; the same dataset gives the same bytes.

    Each sample is ``png``, a frame, and ``json``: episode, its return, step, what the step's action
    was, the reward for it, and the rewards before; action and reward of a last frame are null.

    Args:
        stored: with pixels.
        returns: of its episodes, in order.
        path: the file to write; it may be there already.

    Raises:
        NoSpaceError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = sorted(spread_by_return(np.asarray(returns), EPISODES))
    with (
        atomic_path(path) as temporary,
        tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for number in numbers:
            for name, content in _samples(number, stored.episode(number)):
                member = tarfile.TarInfo(name)  # whose time, user and group are none
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def _samples(number: int, episode: Episode) -> Iterator[tuple[str, bytes]]:
    steps = sorted(set(spread_steps(episode, min(FRAMES, len(episode) + 1)).tolist()))
    before = np.concatenate([[0.0], np.cumsum(episode.rewards, dtype=np.float64)])
    for step in steps:
        inside = step < len(episode)
        row = {
            "episode": number,
            "episode_return": episode.episode_return,
            "step": step,
            "action": episode.actions[step].tolist() if inside else None,
            "reward": float(episode.rewards[step]) if inside else None,
            "return_so_far": float(before[step]),
        }
        key = f"{number:06d}-{step:06d}"
        yield f"{key}.json", json.dumps(row).encode()
        yield f"{key}.png", _png(episode.observations[step])


def _png(frame: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(content, "PNG")
    return content.getvalue()
