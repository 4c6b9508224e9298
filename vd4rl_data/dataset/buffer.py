"""Episodes that are added while they are sampled: online fine-tuning, and replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.arguments import checked_count
from vd4rl_data.episode import Episode, validate
from vd4rl_data.errors import DatasetFormatError, InvalidEpisodeError, NoEpisodesError
from vd4rl_data.frames import FrameArray
from vd4rl_data.sampling import Columns, Pool, Samplable
from vd4rl_data.sampling.pool import whole
from vd4rl_data.storage.parts import PartStore
from vd4rl_data.storage.rows import episode_rows

STATE: Final = "state"
_BLOCK_BYTES: Final = 2**26
_RECIPE: Final = {"kind": "replay buffer"}
_SMALL: Final = ("actions", "rewards", "discounts", "terminals")


class ReplayBuffer(Samplable):
    """Episodes in memory, and in a folder if one is given; more of them can be added at any time.

    Its samplers draw from an added episode from the next batch on: the same seed and the same
    episodes added after the same batches give the same batches. Add from the thread that samples.

    With a folder, each episode is one file, complete or absent whatever happens, and a buffer that
    is opened again holds them all. To go on with a run, load the sampler's state into a sampler of
    a buffer with as many episodes as there were: ``ReplayBuffer(folder, episodes=n)``.
    """

    def __init__(self, folder: Path | str | None = None, *, episodes: int | None = None) -> None:
        """Open a buffer.

        Args:
            folder: where its episodes are kept; ``None``: in memory alone.
            episodes: take the first so many of the folder's episodes and delete those that were
                added later; ``None``: take all.

        Raises:
            DatasetFormatError: the folder holds something else, or fewer episodes.
            CorruptFileError: a file is damaged.
        """
        self._frames = _Frames()
        self._arrays: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_SMALL, STATE)}
        self._lengths: list[int] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._columns: Columns | None = None
        self._store = None if folder is None else PartStore(Path(folder), _RECIPE)
        for episode in self._stored(episodes):
            self._check(episode)
            self._take_in(episode)

    @property
    def version(self) -> int:
        """The number of episodes."""
        return len(self._lengths)

    @property
    def changes(self) -> bool:
        """Always true."""
        return True

    @property
    def num_transitions(self) -> int:
        """Transitions of all episodes."""
        return sum(self._lengths)

    @property
    def nbytes(self) -> int:
        """Bytes of all frames."""
        return self._frames.nbytes

    def __len__(self) -> int:
        """The number of episodes."""
        return len(self._lengths)

    def __repr__(self) -> str:
        where = "in memory" if self._store is None else f"in {self._store.folder}"
        return (
            f"ReplayBuffer({len(self)} episodes, {self.num_transitions} transitions, "
            f"{self.nbytes / 1e9:.2f} GB of frames, {where})"
        )

    def add(self, episode: Episode) -> None:
        """Add one episode; its arrays are copied.

        Raises:
            InvalidEpisodeError: it breaks an invariant of :class:`vd4rl_data.Episode`, or its
                frames, actions or states have other sizes than those of the first episode.
            NoSpaceError: the disk is full; the episode is not added.
        """
        self._check(episode)
        if self._store is not None:
            self._store.write(len(self), episode)
        self._take_in(episode)

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """All episodes; they are for training.

        Raises:
            NoEpisodesError: there is none yet, or validation is asked for.
            ValueError: unknown split, or episodes have no ``infos["state"]``.
        """
        if split not in ("all", "train", "validation"):
            raise ValueError(f"split: expected one of all, train, validation, got {split!r}")
        if not self._lengths:
            raise NoEpisodesError("ReplayBuffer: there is no episode yet: add one first")
        if split == "validation":
            raise NoEpisodesError("ReplayBuffer: split: all of its episodes are for training")
        if state and STATE not in self._shapes:
            raise ValueError(
                "state: the episodes of this buffer have none; add episodes with infos['state'], "
                "float32 (T+1, P): environments tell it in info['state']"
            )
        if self._columns is None:
            self._columns = self._joined()
        return whole(self._columns, np.arange(len(self)))

    def _joined(self) -> Columns:
        joined = {name: np.concatenate(rows) for name, rows in self._arrays.items() if rows}
        starts = np.concatenate([[0], np.cumsum(np.array(self._lengths, dtype=np.int64) + 1)])
        states = joined.pop(STATE, None)
        return Columns(frames=self._frames.all(), starts=starts, states=states, **joined)

    def _check(self, episode: Episode) -> None:
        where = f"episode {len(self)} of the buffer"
        validate(episode, where)
        found = _shapes(where, episode)
        expected = self._shapes or found
        for name in sorted(expected.keys() | found.keys()):
            if found.get(name) != expected.get(name):
                raise InvalidEpisodeError(
                    f"{where}: {name}: expected rows of shape {expected.get(name, 'none')} as in "
                    f"the first episode, got {found.get(name, 'none')}"
                )

    def _take_in(self, episode: Episode) -> None:
        rows = episode_rows(episode)
        self._frames.add(rows["observations"])
        for name in _SMALL:
            self._arrays[name].append(rows[name])
        if STATE in episode.infos:
            self._arrays[STATE].append(episode.infos[STATE].copy())
        self._shapes = self._shapes or _shapes("", episode)
        self._lengths.append(len(episode))
        self._columns = None

    def _stored(self, episodes: int | None) -> Iterator[Episode]:
        """The episodes of the folder; later ones than asked for are deleted."""
        count = 0
        while self._store is not None and self._store.path(count).exists():
            count += 1
        wanted = count if episodes is None else checked_count("episodes", episodes, least=0)
        if wanted > count:
            where = "memory" if self._store is None else str(self._store.folder)
            raise DatasetFormatError(
                f"ReplayBuffer: episodes: expected {wanted} in {where}, got {count}"
            )
        if self._store is None:
            return
        for number in reversed(range(wanted, count)):  # the last one first: no gap, come what may
            self._store.path(number).unlink()
        yield from self._store.episodes(range(wanted))


class _Frames:
    """Frames in blocks of memory that are filled one after the other."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.uint8]] = []
        self._used: list[int] = []

    def __getstate__(self) -> dict[str, Any]:
        """Without the room that is left: what is added to a copy begins a new block."""
        return {"_blocks": [block[:used] for block, used in self._views()], "_used": self._used}

    @property
    def nbytes(self) -> int:
        return sum(block[:used].nbytes for block, used in self._views())

    def add(self, frames: NDArray[np.uint8]) -> None:
        """Copy the frames of an episode, (T+1, H, W, 3), behind the others."""
        if not self._blocks or self._used[-1] + len(frames) > len(self._blocks[-1]):
            rows = max(len(frames), _BLOCK_BYTES // frames[0].nbytes)
            self._blocks.append(np.empty((rows, *frames.shape[1:]), np.uint8))
            self._used.append(0)
        begin = self._used[-1]
        self._blocks[-1][begin : begin + len(frames)] = frames
        self._used[-1] += len(frames)

    def all(self) -> FrameArray:
        """All frames so far."""
        return FrameArray([block[:used] for block, used in self._views()])

    def _views(self) -> Iterator[tuple[NDArray[np.uint8], int]]:
        return zip(self._blocks, self._used, strict=True)


def _shapes(where: str, episode: Episode) -> dict[str, tuple[int, ...]]:
    """The shape of a row of each array whose rows must be alike.

    Raises:
        InvalidEpisodeError: the state is no float32 vector of each observation.
    """
    shapes = {
        "observations": episode.observations.shape[1:],
        "actions": episode.actions.shape[1:],
    }
    state = episode.infos.get(STATE)
    if state is None:
        return shapes
    if state.dtype != np.float32 or state.ndim != 2 or len(state) != len(episode) + 1:
        raise InvalidEpisodeError(
            f"{where}: infos/{STATE}: expected float32 ({len(episode) + 1}, P), a state of each "
            f"observation, got {state.dtype} {state.shape}"
        )
    return {**shapes, STATE: state.shape[1:]}
