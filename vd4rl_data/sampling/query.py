"""What is asked of a sampler: one record, whoever makes the batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from vd4rl_data.arguments import checked_count, checked_fraction
from vd4rl_data.sampling.indices import N_STEP_ENDS

Rng: TypeAlias = np.random.Generator | int | None
"""A generator, a seed for one, or ``None`` for a generator seeded by the operating system."""


@dataclass(frozen=True, slots=True)
class Query:
    """What both kinds of batches have in common.

    Attributes:
        batch_size: B.
        split: ``"all"``, ``"train"`` or ``"validation"`` episodes of what is sampled.
        state: batches hold the simulator's proprioceptive state, too: ``states``, and beside
            ``next_observations`` the ``next_states``. States are never stacked: each belongs to the
            newest frame of its stack.
        epochs: ``None`` samples for ever with replacement; each ``iter()`` of a sampler with k
            epochs walks through k new permutations of all starts, each start exactly once an epoch.
        drop_last: leave out the smaller last batch of an epoch.
        reuse_buffers: write the frames of every batch to the same memory, so that a batch is valid
            only until the next.
        threads: how many threads copy frames.

    Raises:
        TypeError: a count is not an integer.
        ValueError: a value is out of range.
    """

    batch_size: int
    split: str = field(default="all", kw_only=True)
    state: bool = field(default=False, kw_only=True)
    epochs: int | None = field(default=None, kw_only=True)
    drop_last: bool = field(default=False, kw_only=True)
    reuse_buffers: bool = field(default=False, kw_only=True)
    threads: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        """Check every value, and make Python's integers of numpy's."""
        self._check_counts("batch_size", "threads")
        if self.epochs is not None:  # endless
            self._check_counts("epochs")

    def _check_counts(self, *names: str) -> None:
        for name in names:
            object.__setattr__(self, name, checked_count(name, getattr(self, name)))


@dataclass(frozen=True, slots=True)
class TransitionQuery(Query):
    """Which :class:`~vd4rl_data.sampling.Transitions` are wanted; and as in :class:`Query`.

    Attributes:
        frame_stack: K, frames per observation.
        n_step: n, transitions that a reward sums up.
        discount_factor: γ, in [0, 1].
        rng: a generator, a seed, or ``None`` for fresh entropy.
        n_step_end: windows that reach over the end of their episode are dropped (``"drop"``, what
            the papers do: 500 transitions and n = 3 leave 498 starts) or keep the transitions that
            remain (``"shorten"``).

    Raises:
        TypeError: a count is not an integer, or the discount factor no number.
        ValueError: a value is out of range.
    """

    frame_stack: int = 1
    n_step: int = 1
    discount_factor: float = 0.99
    rng: Rng = None
    n_step_end: str = field(default="drop", kw_only=True)

    def __post_init__(self) -> None:
        """Check every value, and make Python's numbers of numpy's."""
        Query.__post_init__(self)
        self._check_counts("frame_stack", "n_step")
        factor = checked_fraction("discount_factor", self.discount_factor, zero=True)
        object.__setattr__(self, "discount_factor", factor)
        check_choice("n_step_end", self.n_step_end, N_STEP_ENDS)


@dataclass(frozen=True, slots=True)
class SequenceQuery(Query):
    """Which :class:`~vd4rl_data.sampling.Sequences` are wanted; and as in :class:`Query`.

    Attributes:
        length: L, transitions per window.
        rng: a generator, a seed, or ``None`` for fresh entropy.
        pad: without it a window starts at each transition that at least L - 1 others follow, so
            that an episode of T transitions has T - L + 1 windows, or none if it is shorter than L.
            With it a window starts at every transition; where fewer than L remain, the rest of the
            window is zero and the mask false.

    Raises:
        TypeError: a count is not an integer.
        ValueError: a value is out of range.
    """

    length: int
    rng: Rng = None
    pad: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Check every value, and make Python's integers of numpy's."""
        Query.__post_init__(self)
        self._check_counts("length")


AnyQuery: TypeAlias = TransitionQuery | SequenceQuery
"""What a sampler takes."""


def check_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``known``."""
    if value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")


def generator_of(rng: Rng) -> np.random.Generator:
    """The generator itself, one made from a seed, or a fresh one.

    Raises:
        TypeError, ValueError: ``rng`` is nothing that ``numpy.random.default_rng`` takes.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng: expected a numpy.random.Generator, a seed of at least 0, or None, got {rng!r} "
            f"(a {type(rng).__name__})"
        ) from error
