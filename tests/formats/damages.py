"""Ways to damage a file of any format: its bytes, its arrays, or what was written into it."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vd4rl_data.episode import Episode
from vd4rl_data.formats import Format

Arrays = Mapping[str, Any]


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive of numpy's or an HDF5 file, whatever it is called."""
    if zipfile.is_zipfile(path):
        with path.open("rb") as file, np.load(file) as archive:
            return dict(archive)
    with h5py.File(path) as file:
        return {key: file[key][()] for key in file}  # type: ignore[index]


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Replace the arrays of a file by these; its container stays what it was."""
    if zipfile.is_zipfile(path):
        with path.open("wb") as file:
            np.savez(file, **arrays)
        return
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file[key] = values


def write_files(kind: Format, episodes: list[Episode], folder: Path) -> list[Path]:
    """Write episodes as they are, valid or not, in a file each."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"episodes_per_shard": 1} if "episodes_per_shard" in kind.options else {}
    assert kind.write is not None
    return list(kind.write(iter(episodes), folder, **options))


# ---- bytes ----

BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut by a little": lambda content: content[:-60],
    "cut in half": lambda content: content[: len(content) // 2],
    "another file": lambda content: b"<html>not found</html>",
}


def flipped(content: bytes, seed: int) -> bytes:
    """With one bit in another state."""
    rng = np.random.default_rng(seed)
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


# ---- arrays ----


def _with_nan(values: np.ndarray) -> np.ndarray:
    changed = values.copy()
    changed[1] = np.nan
    return changed


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "short": lambda values: values[:-1],
    "complex": lambda values: values.astype(np.complex64),
    "text": lambda values: values.astype("S5"),
    "doubled": lambda values: np.stack([values, values], axis=-1),
}
"""For any array."""

FLOATS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"nan": _with_nan}
"""For arrays of floating numbers."""


# ---- episodes ----

EPISODES: dict[str, Callable[[Episode], Episode]] = {
    "reward is nan": lambda one: dataclasses.replace(one, rewards=_with_nan(one.rewards)),
    "action is nan": lambda one: dataclasses.replace(one, actions=_with_nan(one.actions)),
    "action out of range": lambda one: dataclasses.replace(one, actions=one.actions + 3),
    "actions of another task": lambda one: dataclasses.replace(one, actions=one.actions[:, :-1]),
    "frames of another size": lambda one: dataclasses.replace(
        one, observations=one.observations[:, :-2, :-2]
    ),
    "longer than the task": lambda one: dataclasses.replace(
        one,
        **{
            name: np.concatenate([getattr(one, name)] * 3)[: 2 * len(one) + (name[0] == "o")]
            for name in ("observations", "actions", "rewards", "discounts")
        },
    ),
}
