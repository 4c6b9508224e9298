"""``torchrl``: a memory-mapped TensorDict in TorchRL's own layout of transitions.

Row t holds the frame and the action of a transition; ``next`` in the same row holds the frame, the
reward and the ends that followed. Every frame but the first and the last of an episode therefore
stands there twice, which is what lets TorchRL draw any row by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.exporting.about import About
from vd4rl_data.exporting.growing import GrowingHashes, write_all
from vd4rl_data.exporting.provenance import write_provenance
from vd4rl_data.exporting.target import Target
from vd4rl_data.formats.torchrl import FORMAT, MAIN_FILE

_NEXT: Final = "next"
_PIXELS: Final = "pixels"
_INFOS: Final = "infos"
_TENSORDICT: Final = "<class 'tensordict._td.TensorDict'>"

_READ_IT: Final = """\
from tensordict import TensorDict
from torchrl.data import ImmutableDatasetWriter, TensorDictReplayBuffer, TensorStorage
rows = TensorDict.load_memmap("{folder}")
buffer = TensorDictReplayBuffer(
    storage=TensorStorage(rows), writer=ImmutableDatasetWriter(), batch_size=256
)"""

Columns = dict[tuple[str, ...], NDArray[Any]]
"""Key of a TensorDict → rows."""


def write(episodes: Iterator[Episode], about: About, folder: Path) -> None:
    """Write one file for each column, and the ``meta.json`` of each level.

    Args:
        episodes: valid ones.
        about: what is said of them.
        folder: an empty one.
    """
    files: dict[tuple[str, ...], FileIO] = {}
    columns: Columns = {}
    with GrowingHashes() as hashes, ExitStack() as stack:
        for number, episode in enumerate(episodes):
            columns = _columns(number, episode)
            for key, values in columns.items():
                path = folder.joinpath(*key[:-1], f"{key[-1]}.memmap")
                if key not in files:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    files[key] = stack.enter_context(path.open("wb", buffering=0))
                write_all(files[key], values)
                if key[-1] == _PIXELS:  # the others are small, and hashed at the end
                    hashes.final(path, files[key].tell())
        stack.close()
        _write_meta(folder, (), columns, about.num_transitions)
        write_provenance(about, folder / MAIN_FILE, FORMAT, hashes.sha256)


def _columns(number: int, episode: Episode) -> Columns:
    """The rows of one episode: T of everything."""
    steps = len(episode)
    nothing, last = np.zeros((steps, 1), np.bool_), np.zeros((steps, 1), np.bool_)
    last[-1] = True
    columns: Columns = {
        (_PIXELS,): episode.observations[:-1],
        ("action",): episode.actions,
        ("done",): nothing,
        ("terminated",): nothing,
        ("truncated",): nothing,
        ("episode",): np.full(steps, number, np.int64),
        (_NEXT, _PIXELS): episode.observations[1:],
        (_NEXT, "reward"): episode.rewards[:, None],
        (_NEXT, "discount"): episode.discounts[:, None],
        (_NEXT, "done"): last,
        (_NEXT, "terminated"): last & episode.terminated,
        (_NEXT, "truncated"): last & episode.truncated,
    }
    for name, values in episode.infos.items():
        if len(values) == steps + 1:
            columns[_INFOS, name] = values[:-1]
            columns[_NEXT, _INFOS, name] = values[1:]
        else:
            columns[_NEXT, _INFOS, name] = values
    return columns


def _write_meta(folder: Path, at: tuple[str, ...], columns: Columns, rows: int) -> None:
    """The ``meta.json`` of a level, and of those below it."""
    here: Columns = {}
    below: list[str] = []
    for key, values in columns.items():
        if key[: len(at)] != at:
            continue
        if len(key) == len(at) + 1:
            here[key] = values
        elif key[len(at)] not in below:
            below.append(key[len(at)])
    meta: dict[str, Any] = {key[-1]: _tensor(values, rows) for key, values in here.items()}
    meta |= {name: {"type": "TensorDict"} for name in below}
    meta |= {"shape": [rows], "device": "cpu", "_type": _TENSORDICT}
    folder.joinpath(*at, "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    for name in below:
        _write_meta(folder, (*at, name), columns, rows)


def _tensor(values: NDArray[Any], rows: int) -> Mapping[str, Any]:
    return {
        "device": "cpu",
        "shape": [rows, *values.shape[1:]],
        "dtype": f"torch.{values.dtype.name}",
        "is_nested": False,
    }


TARGET: Final = Target(
    name="torchrl",
    about="TorchRL's replay buffers, memory-mapped",
    read_it=_READ_IT,
    write=write,
    copies=2.0,
)
