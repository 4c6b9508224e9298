"""Batches of the library's samplers, as phases want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baselines.errors import CheckpointError
from vd4rl_data.pytorch import TorchSequences, TorchTransitions
from vd4rl_data.sampling import SequenceSampler


class SampledBatches:
    """Goes on where an earlier process was, without a pixel read for what came before."""

    def __init__(
        self, sampled: TorchTransitions | TorchSequences, state: Mapping[str, Any] | None
    ) -> None:
        """Bring a sampler to where it was.

        Args:
            sampled: endless, of which nothing was taken yet.
            state: what :meth:`state` said, or ``None`` to begin.

        Raises:
            CheckpointError: another version of this package said it, or of other data.
        """
        self._sampled = sampled
        self._taken = 0 if state is None else int(state["taken"])
        if state is None:
            return
        if state["sampler"] is not None:
            load_sampler(sampled, state["sampler"])
        else:  # of a checkpoint from before samplers had states
            for _ in range(self._taken):
                sampled.sampler.draw()

    def __next__(self) -> Any:
        """The next batch."""
        self._taken += 1
        return next(self._sampled)

    def state(self) -> dict[str, Any]:
        """How many batches were taken, and where the sampler was after them."""
        return {"taken": self._taken, "sampler": self._sampled.state()}


def load_sampler(
    sampled: TorchTransitions | TorchSequences | SequenceSampler, state: Mapping[str, Any]
) -> None:
    """Bring a sampler to where another one was.

    Raises:
        CheckpointError: that was of another version of this package, or of other data.
    """
    try:
        sampled.load_state(state)
    except ValueError as error:
        raise CheckpointError(
            "the checkpoint's batches are those of another version of this package, or of other "
            f"data ({error}); go on with that version, or start anew in another folder"
        ) from error
