"""One dataset, ready to be sampled: whole, a composite of parts, or a subset of its episodes."""

from __future__ import annotations

import dataclasses
import hashlib
import operator
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, SupportsIndex, overload

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from vd4rl_data.dataset.states import STATE_KEY, check_has_states
from vd4rl_data.dataset.subset import Part, choose_episodes, parts_of
from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetChangedError
from vd4rl_data.frames import FrameArray
from vd4rl_data.sampling import Columns, Pool, Samplable
from vd4rl_data.sampling.pool import whole
from vd4rl_data.scores import normalized_score
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.storage.reader import StoredDataset, open_dataset

SPLITS: Final = ("all", "train", "validation")


class Dataset(Samplable):
    """An opened dataset. ``len(ds)`` counts episodes, ``ds[i]`` is an :class:`Episode`.

    ``ds.transitions(...)`` and ``ds.sequences(...)`` give batches. Arrays that are attributes are
    read-only. Picklable: a copy in another process maps the same
    files again, if they still hold the same.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        stored: Sequence[StoredDataset],
        *,
        max_episodes: int | None = None,
        fraction: float | None = None,
    ) -> None:
        """Use :func:`vd4rl_data.load_dataset`."""
        self.spec = spec
        self.stored = tuple(stored)
        self._subset = (max_episodes, fraction)
        self._total = sum(len(part) for part in self.stored)
        self._episodes: Int64[np.ndarray, " E"]
        if max_episodes is None and fraction is None:
            self._episodes = np.arange(self._total, dtype=np.int64)
        else:
            self._episodes = choose_episodes(self._parts, max_episodes, fraction)

    @property
    def id(self) -> str:
        """The catalog id."""
        return self.spec.name

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """The manifest of each stored part; one unless the dataset is a composite."""
        return tuple(part.manifest for part in self.stored)

    @property
    def manifest(self) -> Manifest:
        """The manifest of a dataset that is stored in one piece.

        Raises:
            ValueError: this is a composite; see :attr:`manifests`.
        """
        first, *others = self.stored
        if others:
            raise ValueError(f"{self.id} has {len(self.stored)} parts; use `manifests`")
        return first.manifest

    @property
    def complete(self) -> bool:
        """Whether all episodes of the catalog row are here and none was left out on request."""
        everything = len(self._episodes) == self._total
        return everything and all(manifest.complete for manifest in self.manifests)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file (of shards: the first) of each part."""
        return tuple(part.path for part in self.stored)

    @property
    def num_transitions(self) -> int:
        """Transitions in the selected episodes."""
        return int(self.lengths.sum())

    @cached_property
    def lengths(self) -> Int64[np.ndarray, " E"]:
        """int64 (E,): transitions of each episode."""
        return _readonly((np.diff(self._starts) - 1)[self._episodes])

    @cached_property
    def returns(self) -> Float64[np.ndarray, " E"]:
        """float64 (E,): undiscounted return of each episode."""
        rewards = self._joined("rewards").astype(np.float64)
        return _readonly(np.add.reduceat(rewards, self._starts[:-1])[self._episodes])

    @property
    def episode_starts(self) -> Int64[np.ndarray, " E1"]:
        """int64 (E+1,): the first row of each selected episode in the arrays of
        :func:`vd4rl_data.get_dataset`, and the number of their rows.
        """
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(self.lengths + 1)])

    @cached_property
    def frames(self) -> FrameArray:
        """uint8 (N, H, W, 3): the observations of all parts, before any selection."""
        return FrameArray([part.array("observations") for part in self.stored])

    @cached_property
    def columns(self) -> Columns:
        """All rows of all parts, before any selection; what the samplers index."""
        return Columns(
            frames=self.frames,
            starts=self._starts,
            actions=self._joined("actions"),
            rewards=self._joined("rewards"),
            discounts=self._joined("discounts"),
            terminals=self._joined("terminals"),
        )

    def __len__(self) -> int:
        """The number of selected episodes."""
        return len(self._episodes)

    @overload
    def __getitem__(self, number: SupportsIndex) -> Episode: ...
    @overload
    def __getitem__(self, number: slice) -> list[Episode]: ...
    def __getitem__(self, number: SupportsIndex | slice) -> Episode | list[Episode]:
        """One episode, or the list of those in a slice.

        Its observations are read-only, and those of a flat file a view of it; all other arrays are
        your own.

        Raises:
            IndexError: there is no such episode.
            TypeError: the number is neither an integer nor a slice.
        """
        if isinstance(number, slice):
            return [self._episode(one) for one in range(*number.indices(len(self)))]
        try:
            wanted = operator.index(number)
        except TypeError:
            raise TypeError(
                f"{self.id}: expected an episode number or a slice, got {number!r} (a "
                f"{type(number).__name__})"
            ) from None
        if not -len(self) <= wanted < len(self):
            raise IndexError(f"{self.id}: no episode {wanted}, there are {len(self)}")
        return self._episode(wanted)

    def _episode(self, number: int) -> Episode:
        stored = int(self._episodes[number])
        for part in self.stored:
            if stored < len(part):
                return _with_own_arrays(part.episode(stored))
            stored -= len(part)
        raise IndexError(f"{self.id}: no stored episode {number}")

    def __iter__(self) -> Iterator[Episode]:
        """All selected episodes, in stored order."""
        return self.episodes()

    def __repr__(self) -> str:
        return (
            f"Dataset({self.id!r}, {len(self)} of {self.spec.num_episodes} episodes, "
            f"{self.num_transitions} transitions, {'+'.join(m.origin for m in self.manifests)})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        paths = tuple(path.absolute() for path in self.paths)
        return _reopen, (self.spec, paths, self._subset, [_digest(one) for one in self.manifests])

    def episode_numbers(self, split: str = "all") -> Int64[np.ndarray, " e"]:
        """Stored numbers of the selected episodes of a split, ascending.

        Args:
            split: ``all``, or the manifest's ``train`` (95 %) or ``validation`` (5 %).

        Raises:
            ValueError: unknown split, or one without any episode.
        """
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
        if split == "all":
            return self._episodes.copy()
        held_out = np.isin(self._episodes, np.concatenate([p.validation for p in self._parts]))
        numbers = self._episodes[held_out if split == "validation" else ~held_out]
        if not numbers.size:
            raise ValueError(
                f"{self.id}: split {split!r}: none of the {len(self)} selected episodes is held "
                "out for validation, as a single episode of a dataset (or of a part of it) is for "
                "training; select more episodes, at least 2 of a part"
            )
        return numbers

    def episodes(self, split: str = "all") -> Iterator[Episode]:
        """The episodes of a split, one at a time, in stored order."""
        positions = np.searchsorted(self._episodes, self.episode_numbers(split))
        for position in positions:
            yield self[int(position)]

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """What the samplers draw from: the selected episodes of a split.

        Args:
            split: as in :meth:`episode_numbers`.
            state: its columns have the states that the file has in ``infos/state``.

        Raises:
            ValueError: unknown split, or one without any episode, or a file has no states.
        """
        columns = self._columns_with_states if state else self.columns
        return whole(columns, self.episode_numbers(split))

    def rows(self) -> NDArray[np.int64] | None:
        """Rows of the selected episodes within :attr:`columns`; ``None`` if they are all."""
        if len(self._episodes) == self._total:
            return None
        starts = self._starts
        spans = [np.arange(int(starts[n]), int(starts[n + 1])) for n in self._episodes]
        return np.concatenate(spans)

    def normalized_score(self, episode_return: Any) -> Any:
        """See :func:`vd4rl_data.scores.normalized_score`."""
        return normalized_score(self.spec, episode_return)

    @cached_property
    def _columns_with_states(self) -> Columns:
        for part in self.stored:
            check_has_states(part)
        states = self._joined(STATE_KEY).astype(np.float32, copy=False)
        return dataclasses.replace(self.columns, states=states)

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        """The parts that a subset takes its share of, with their validation episodes."""
        return parts_of(self.manifests)

    @cached_property
    def _starts(self) -> Int64[np.ndarray, " E1"]:
        """int64 (E+1,): the first row of each episode of all parts, before any selection."""
        rows = [np.diff(part.starts) for part in self.stored]
        starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate(rows))])
        return _readonly(starts)

    def _joined(self, key: str) -> NDArray[Any]:
        """One read-only array over all parts: mapped if there is one part, else in memory."""
        arrays = [part.array(key) for part in self.stored]
        return arrays[0] if len(arrays) == 1 else _readonly(np.concatenate(arrays))


def _readonly(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def _with_own_arrays(episode: Episode) -> Episode:
    """The episode with read-only pixels and small arrays of its own, whatever it was read from."""
    small = {name: getattr(episode, name).copy() for name in ("actions", "rewards", "discounts")}
    infos = {name: values.copy() for name, values in episode.infos.items()}
    frames = _readonly(episode.observations.view())
    return dataclasses.replace(episode, observations=frames, infos=infos, **small)


def _digest(manifest: Manifest) -> str:
    """Of the whole manifest, which names the content, the held-out episodes and where all of it
    comes from.
    """
    return hashlib.sha256(manifest.to_json().encode()).hexdigest()


def _reopen(
    spec: DatasetSpec,
    paths: Sequence[Path],
    subset: tuple[int | None, float | None],
    digests: Sequence[str],
) -> Dataset:
    max_episodes, fraction = subset
    stored = [open_dataset(path) for path in paths]
    for part, digest in zip(stored, digests, strict=True):
        found = _digest(part.manifest)
        if found != digest:
            raise DatasetChangedError(
                f"{part.path}: expected the dataset that was pickled (manifest {digest[:12]}), got "
                f"another one ({found[:12]}); the file was replaced: load the dataset again"
            )
    return Dataset(spec, stored, max_episodes=max_episodes, fraction=fraction)
