"""Batches of the library's samplers, as phases want them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from baselines.bench.phases import Source
from vd4rl_data.pytorch import TorchSequences, TorchTransitions
from vd4rl_data.pytorch.feeds import choose_storage
from vd4rl_data.pytorch.samplers import columns_of


class SampledBatches:
    """Goes on where an earlier process was, without a pixel read for what came before.

    Attributes:
        drawn: batches so far, those of earlier processes included.
    """

    def __init__(
        self,
        make: Callable[[str], TorchTransitions | TorchSequences],
        source: Source,
        layout: str = "stacked",
    ) -> None:
        """Make the sampler and bring it to where it was.

        Args:
            make: makes it, in the given storage and in ``layout``, endless.
            source: whose data and generator it takes.
            layout: of its batches.
        """
        storage = source.storage
        if storage == "auto":
            columns, _ = columns_of(source.dataset, "all")
            storage = choose_storage(columns.frames, len(columns.frames), source.device, layout)
        self._batches = make(storage)
        # A feed that streams to the GPU draws ahead in a thread of its own, so where its sampler is
        # says nothing: it is wound forward before it begins.
        self._ahead = storage == "stream" and source.device.type == "cuda"
        self.drawn = 0 if source.state is None else int(source.state["drawn"])
        saved = None if source.state is None else source.state["sampler"]
        if saved is not None:
            self._batches.sampler.load_state(saved)
        else:
            for _ in range(self.drawn):
                self._batches.sampler.draw()

    def __next__(self) -> Any:
        """The next batch."""
        self.drawn += 1
        return next(self._batches)

    def state(self) -> dict[str, Any]:
        """How many were taken, and the sampler's own state where that says the same."""
        sampler = None if self._ahead else self._batches.sampler.state()
        return {"drawn": self.drawn, "sampler": sampler}
