"""Several looks of the same transitions: batches of datasets that differ in pixels alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

import numpy as np

from vd4rl_data.errors import NotTwinsError
from vd4rl_data.sampling.keywords import takes
from vd4rl_data.sampling.pool import Data, Pool, source_of
from vd4rl_data.sampling.query import SequenceQuery, TransitionQuery
from vd4rl_data.sampling.sampler import Sampler
from vd4rl_data.sampling.sequences import Sequences, SequenceSampler
from vd4rl_data.sampling.transitions import Transitions, TransitionSampler

Batch = TypeVar("Batch", Transitions, Sequences)

_ALIKE: Final = ("starts", "actions", "rewards", "discounts", "terminals", "states")


class Views:
    """Datasets of the same trajectories in several looks, sampled together."""

    def __init__(self, data: Sequence[Data]) -> None:
        """Check that they are twins.

        Args:
            data: one source for each look, all of the same episodes in the same order. None of them
                may change.

        Raises:
            ValueError: there are none, or one can change.
            NotTwinsError: episodes, actions, rewards, discounts, ends or states differ.
        """
        self._sources = [source_of(each) for each in data]
        if not self._sources or any(source.changes for source in self._sources):
            raise ValueError(
                "Views: expected one or more sources that never change, got"
                f" {[type(each).__name__ for each in data]}"
            )
        first, *others = [source.pool() for source in self._sources]
        for number, other in enumerate(others, 1):
            _check_twins(first, other, number)

    @takes(TransitionQuery)
    def transitions(self, query: TransitionQuery) -> ViewSampler[Transitions]:
        """Shuffled batches of transitions, each in every look.

        Args:
            query: a :class:`vd4rl_data.sampling.TransitionQuery`, or its arguments.

        Raises:
            TypeError, ValueError: as :class:`vd4rl_data.sampling.TransitionSampler`.
        """
        return ViewSampler([TransitionSampler(*pair) for pair in self._asked(query)])

    @takes(SequenceQuery)
    def sequences(self, query: SequenceQuery) -> ViewSampler[Sequences]:
        """Shuffled batches of windows, each in every look.

        Args:
            query: a :class:`vd4rl_data.sampling.SequenceQuery`, or its arguments.

        Raises:
            TypeError, ValueError: as :class:`vd4rl_data.sampling.SequenceSampler`.
        """
        return ViewSampler([SequenceSampler(*pair) for pair in self._asked(query)])

    def _asked(self, query: Any) -> Iterator[tuple[Any, Any]]:
        """The first sampler draws for all; the others' generators are never used."""
        for number, source in enumerate(self._sources):
            yield source, query if number == 0 else replace(query, rng=0)


class ViewSampler(Generic[Batch]):
    """An iterator of tuples: the same batch in every look, in the order of the sources.

    Actions, rewards, discounts, flags and states of a tuple are the same arrays; observations are
    those of each look. Streams, passes and states are those of
    :class:`~vd4rl_data.sampling.Sampler`.
    """

    def __init__(self, samplers: Sequence[Sampler[Batch]]) -> None:
        """Use :meth:`Views.transitions` or :meth:`Views.sequences`."""
        self._first, *self._others = samplers

    def __len__(self) -> int:
        """Batches of a pass.

        Raises:
            TypeError: the sampler is endless.
        """
        return len(self._first)

    def __iter__(self) -> Iterator[tuple[Batch, ...]]:
        if self._first.epochs is None:
            return self
        self._first.begin_pass()
        return self._first.rest_of_pass(self)

    def __next__(self) -> tuple[Batch, ...]:
        plan = self._first.draw()
        samplers = [self._first, *self._others]
        return tuple(sampler.assemble(dict(plan)) for sampler in samplers)

    def state(self) -> dict[str, Any]:
        """Where the sampler is, in plain values."""
        return self._first.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where another sampler of the same data and settings was.

        Raises:
            ValueError: it is something else, or of data with other starts.
        """
        self._first.load_state(state)


def _check_twins(first: Pool, other: Pool, number: int) -> None:
    pairs = {name: (getattr(first.columns, name), getattr(other.columns, name)) for name in _ALIKE}
    pairs["episodes"] = (first.episodes, other.episodes)
    for name, (ours, theirs) in pairs.items():
        if not _equal(ours, theirs):
            raise NotTwinsError(
                f"Views: source {number}: {name}: expected the values of source 0, of which this is"
                f" to be another look, got others ({_shape(theirs)} against {_shape(ours)}). Twins"
                " are rendered from one file of states: python -m collection render FILE --look ..."
            )


def _equal(ours: Any, theirs: Any) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return np.array_equal(ours, theirs)


def _shape(values: Any) -> str:
    return "none" if values is None else f"shape {values.shape}"
