"""The interface of a policy, and the results of its evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy.typing import ArrayLike, NDArray

from vd4rl_data.arguments import check_type
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.scores import EpisodeSummary, normalized_score, score
from vd4rl_data.spec import DatasetSpec, ReturnScore, SuccessScore


@runtime_checkable
class Policy(Protocol):
    """The policy to evaluate: stacked frames in, actions out.

    A policy with memory (a recurrent one) also has a method ``reset(batch_size: int)``, which is
    called before the first frames of every group of episodes.

    A policy that wants proprioception in addition has an attribute ``wants_state = True`` and is
    called with a second array: float32 (B, P), the simulator's state at the last frame.
    """

    def __call__(self, observations: NDArray[np.uint8], /) -> ArrayLike:
        """Choose actions.

        Args:
            observations: uint8 (B, K, H, W, 3), a new array: the last K frames of B episodes,
                oldest first.

        Returns:
            Numbers (B, A) in [-1, 1].
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ActionTrace:
    """Everything that :func:`replay` needs to reproduce an episode's return.

    Attributes:
        seed: the seed that the environment was reset with.
        actions: float32 (T, A), as given to the simulator.
        member: number of the environment within the evaluation; 0 if there is only one.
    """

    seed: int
    actions: Float32[np.ndarray, "T A"]
    member: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Raw results of E episodes, in episode order.

    Attributes:
        returns: float64 (E,), undiscounted.
        lengths: int64 (E,), in time steps.
        successes: bool (E,), whether ``info["success"]`` was ever true; ``None`` if no environment
            reported it.
        traces: the actions of each episode.
        final_successes: the same for the last time step alone.
        media: name → SHA-256 of the pictures that the environments' looks show.
        final_completed: float64 (E,), the share of the task's parts that are done at the last time
            step, 0 to 1; ``None`` if no environment reported parts.
    """

    returns: Float64[np.ndarray, " E"]
    lengths: Int64[np.ndarray, " E"]
    successes: Bool[np.ndarray, " E"] | None
    traces: tuple[ActionTrace, ...]
    final_successes: Bool[np.ndarray, " E"] | None = None
    media: Mapping[str, str] = field(default_factory=dict[str, str])
    final_completed: Float64[np.ndarray, " E"] | None = None

    def normalized(self, dataset: DatasetSpec | str) -> Float64[np.ndarray, " E"]:
        """Normalized scores, float64 (E,), on a dataset's scale; papers print 100 times this.

        Raises:
            InvalidArgumentError: it is neither an id nor a specification.
            UnknownDatasetError: the id is not in the catalog.
            NoScoreError: the dataset has no score, or it needs successes that were not reported.
        """
        spec = get_dataset_spec(dataset) if isinstance(dataset, str) else dataset
        check_type("dataset", spec, DatasetSpec)
        if isinstance(spec.score, ReturnScore):
            return np.asarray(normalized_score(spec, self.returns), dtype=np.float64)
        found = [score(spec, summary) for summary in self.summaries(spec)]
        return np.asarray(found, dtype=np.float64)

    def summaries(self, spec: DatasetSpec) -> Iterator[EpisodeSummary]:
        """Everything that a score may depend on, episode by episode."""
        at_the_end = isinstance(spec.score, SuccessScore) and spec.score.when == "last"
        successes = self.final_successes if at_the_end else self.successes
        for number, episode_return in enumerate(self.returns):
            yield EpisodeSummary(
                episode_return=float(episode_return),
                length=int(self.lengths[number]),
                success=None if successes is None else float(successes[number]),
            )
