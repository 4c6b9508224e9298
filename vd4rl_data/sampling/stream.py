"""In which order the samples of a dataset are drawn."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.sampling.draws import Draws
from vd4rl_data.sampling.query import AnyQuery, Rng, generator_of
from vd4rl_data.sampling.windows import Records, Table
from vd4rl_data.seeding import family_from, family_of, family_state, member_of

Plan: TypeAlias = Mapping[str, NDArray[Any]]
"""A batch without its pixels: its arrays by name, with rows in the place of frames."""

_BATCHES_AHEAD: Final = 32
_TRANSITIONS_AHEAD: Final = 2**17
"""Batches, and transitions in them, that are planned at once. A batch of pixels sweeps everything
else out of the cache: small arrays are made many times faster for many batches in one go."""


class Starts(NamedTuple):
    """What a stream draws from.

    Attributes:
        table: a record of each start, with a field ``row``.
        draws: how records are drawn.
        plan: turns (n,) records into arrays of n rows; picklable.
    """

    table: Table
    draws: Draws
    plan: Callable[[Records], Plan]


class PlanStream:
    """Shuffled batches of the records of a table, planned; an iterator.

    ``epochs=None`` draws with replacement, for ever. With ``epochs=k`` a *pass* walks
    through k random permutations, so that each record comes exactly once an epoch; no batch spans
    two epochs, and the last one of an epoch may be smaller. :meth:`begin_pass` starts another pass
    with new permutations. The first pass draws from the generator that was given; each later one
    from a generator of its own, which depends on what was given and on the number of the pass, not
    on how far an earlier pass was read.

    Attributes:
        starts: what it draws from.
        epochs: k, or ``None``.
        passes: how many have begun.

    A frame is copied about a third faster if its source and its destination lie at the same offset
    within 32 bytes. With frames of an odd multiple of 16 bytes (84 x 84 pixels) every second row
    and every second place in a batch lie 16 bytes off. ``alternate`` therefore sorts the records of
    a batch so that even and odd rows take turns as far as they can. The set of samples in a batch
    stays as drawn, and the order depends on rows alone: a seed gives the same batches everywhere.
    """

    def __init__(
        self,
        query: AnyQuery,
        starts: Starts,
        *,
        alternate: bool,
        span: int = 1,
    ) -> None:
        """Make the stream.

        Args:
            query: batch size, generator, epochs and ``drop_last`` of it are used here.
            starts: what it draws from.
            alternate: even rows at even places of the batch.
            span: transitions per record; batches of long ones are planned fewer at a time.

        Raises:
            TypeError: ``rng`` is no generator.
            ValueError: ``rng`` is none, ``drop_last`` would drop every batch, or there are weights
                or shares in epochs.
        """
        self._query = query
        self._batch_size = query.batch_size
        self.epochs = query.epochs
        self._rng = self._pass_rng = generator_of(query.rng)
        self._family = family_of(self._rng)
        self.passes = 0
        self._epochs_left = 0
        self._alternate = alternate
        fitting = _TRANSITIONS_AHEAD // (query.batch_size * span)
        self._batches_ahead = max(1, min(fitting, _BATCHES_AHEAD))
        self.go_on_with(starts)

    def go_on_with(self, starts: Starts) -> None:
        """Draw from other starts from the next batch on; what was planned ahead is dropped.

        Raises:
            ValueError: as of the constructor.
        """
        size = self._batch_size
        if self.epochs is not None and self._query.drop_last and len(starts.table) < size:
            raise ValueError(
                f"drop_last: an epoch of {len(starts.table)} samples has no full batch of {size}; "
                "lower batch_size or pass drop_last=False"
            )
        if self.epochs is not None and not starts.draws.alike:
            raise ValueError(
                "epochs: expected None where episodes have weights or shares, as an epoch shows "
                f"every start once, got {self.epochs}"
            )
        self.starts = starts
        self._forget()

    def __len__(self) -> int:
        """Batches of a pass.

        Raises:
            TypeError: the stream is endless.
        """
        if self.epochs is None:
            raise TypeError("an endless sampler (epochs=None) has no len(); pass epochs=k for one")
        whole, rest = divmod(len(self.starts.table), self._batch_size)
        return self.epochs * (whole + (rest > 0 and not self._query.drop_last))

    def begin_pass(self) -> None:
        """Start a pass, whether or not the last one has ended."""
        self.passes += 1
        if self.passes > 1:
            self._pass_rng = member_of(self._family, self.passes - 1)
        self._epochs_left = self.epochs or 0
        self._forget()

    def copy_of_pass(self, number: int) -> PlanStream:
        """A stream of its own, at the start of a pass; endless streams have passes here, too.

        Args:
            number: of the pass, from 0 on; the first draws from the generator as it is now.
        """
        stream = copy.copy(self)
        stream.passes = number
        stream._pass_rng = copy.deepcopy(self._rng)
        stream.begin_pass()
        return stream

    def state(self) -> dict[str, Any]:
        """Where the stream is, in plain values; :meth:`load_state` goes on from there at once,
        however far that is.
        """
        begun = self._cursor < self._end
        return {
            **(self._before if begun else self._resumable()),
            "starts": len(self.starts.table),
            "family": family_state(self._family),
            "own": self._rng.bit_generator.state,
            "taken": self._cursor if begun else 0,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where another stream of the same table and settings was.

        Raises:
            ValueError: the state is none, or of a stream of another size.
        """
        try:
            saved, here = int(state["starts"]), len(self.starts.table)
            if saved != here:
                raise ValueError(
                    f"state: it is of data with {saved} starts, these have {here}: "
                    "bring the data to where they were, e.g. ReplayBuffer(folder, episodes=...)"
                )
            self._family = family_from(state["family"])
            self._rng.bit_generator.state = state["own"]
            self.passes, self._epochs_left = int(state["passes"]), int(state["epochs_left"])
            self._pass_rng = self._rng
            if self.passes > 1:
                self._pass_rng = member_of(self._family, self.passes - 1)
            self._pass_rng.bit_generator.state = state["generator"]
            self._forget()
            self._order = np.array(state["order"], dtype=np.int64)
            if state["taken"]:
                self._refill()
                self._cursor = int(state["taken"])
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"state: expected what state() returned, got {state!r}") from error
        if self._cursor > self._end:
            raise ValueError("state: it belongs to a stream with other batches")
        self._rng.bit_generator.state = state["own"]

    def _resumable(self) -> dict[str, Any]:
        """What decides the batches that are planned next."""
        return {
            "passes": self.passes,
            "epochs_left": self._epochs_left,
            "generator": self._pass_rng.bit_generator.state,
            "order": [] if self.epochs is None else self._order.tolist(),
        }

    def _forget(self) -> None:
        self._order = np.zeros(0, np.int64)
        self._planned: Plan = {}
        self._cursor = self._end = 0
        self._before: dict[str, Any] = {}

    def sample(self, rng: Rng = None) -> Plan:
        """One full batch, drawn with replacement from ``rng`` or else the stream's generator."""
        generator = self._rng if rng is None else generator_of(rng)
        drawn = self.starts.table[self.starts.draws.draw(generator, 1)]
        return self.starts.plan(alternated(drawn) if self._alternate else drawn)

    def of_rows(self, rows: NDArray[Any] | Sequence[int]) -> Plan:
        """The records of given rows, in their order.

        Raises:
            ValueError: a row is not in the table.
        """
        return self.starts.plan(self.starts.table[self.starts.table.find(rows)])

    def __iter__(self) -> PlanStream:
        return self

    def __next__(self) -> Plan:
        if self._cursor == self._end:
            self._refill()
        begin = self._cursor
        self._cursor = min(begin + self._batch_size, self._end)
        return {name: values[begin : self._cursor] for name, values in self._planned.items()}

    def _refill(self) -> None:
        """Draw the next batches, all of one epoch."""
        size = self._batch_size
        if not self.passes:
            self.begin_pass()
        self._before = self._resumable()
        if self.epochs is None:
            self._order = self.starts.draws.draw(self._pass_rng, self._batches_ahead)
        elif len(self._order) == 0 or (self._query.drop_last and len(self._order) < size):
            if self._epochs_left == 0:
                raise StopIteration
            self._epochs_left -= 1
            self._order = self._pass_rng.permutation(len(self.starts.table))
        count = min(len(self._order), self._batches_ahead * size)
        count -= count % size if count > size else 0
        block = self.starts.table[self._order[:count]]
        self._order = self._order[count:]
        if self._alternate:
            pieces = [block[at : at + size] for at in range(0, count, size)]
            block = np.concatenate([alternated(piece) for piece in pieces])
        self._planned, self._cursor, self._end = self.starts.plan(block), 0, count


def alternated(records: Records) -> Records:
    """Records in an order in which even and odd rows take turns, as far as there are both."""
    order = np.empty(len(records), np.int64)
    places = np.arange(len(records))
    order[np.argsort(places % 2, kind="stable")] = np.argsort(records["row"] % 2, kind="stable")
    return records[order]
