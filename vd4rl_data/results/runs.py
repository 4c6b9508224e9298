"""What was measured in one environment, as a result file holds it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.arguments import checked_count
from vd4rl_data.errors import InvalidArgumentError
from vd4rl_data.registry import BENCHMARKS
from vd4rl_data.results.given import given_returns, plain
from vd4rl_data.results.model import Run
from vd4rl_data.results.traces import pack_actions
from vd4rl_data.spec import SuccessScore


@runtime_checkable
class Evaluated(Protocol):
    """What :func:`vd4rl_data.evaluate` returns.

    It may also have ``successes`` and ``final_successes``, one per episode: whether the task was
    ever solved, and whether it was at the last time step.
    """

    @property
    def returns(self) -> NDArray[np.float64]:
        """(E,)."""
        ...

    @property
    def traces(self) -> Sequence[Any]:
        """One :class:`vd4rl_data.evaluation.ActionTrace` per episode, or none at all."""
        ...


def common_media(runs: Mapping[int, Any]) -> dict[str, Any]:
    """What the evaluations say of the pictures that they were played before.

    Raises:
        InvalidArgumentError: they were not the same ones.
    """
    first, *others = (
        cast("Mapping[str, str]", getattr(run, "media", None) or {}) for run in runs.values()
    )
    for seed, media in zip(list(runs)[1:], others, strict=True):
        if media != first:
            raise InvalidArgumentError(
                f"runs[{seed}].media: expected evaluations before the same pictures, {dict(first)},"
                f" got {dict(media)}"
            )
    return dict(first)


def described_run(
    seed: int, run: Any, benchmark: str
) -> tuple[dict[str, Any], list[NDArray[np.float32]]]:
    """One run as a file holds it, and the actions of its episodes, each (T, A).

    Raises:
        InvalidArgumentError: it is something else; the message begins with its name.
    """
    where = f"runs[{seed}]"
    if isinstance(run, Run):
        if run.seed != seed or run.lengths is not None:
            raise InvalidArgumentError(
                f"{where}: expected a Run of this seed without lengths, got seed {run.seed};"
                " an evaluation brings lengths and actions together"
            )
        return plain(run, where), []
    if isinstance(run, type) or not isinstance(run, Evaluated):
        return {"seed": seed, "returns": given_returns(run, where)}, []
    made: dict[str, Any] = {"seed": seed, "returns": given_returns(run.returns, where)}
    successes = _successes(run, benchmark)
    if successes is not None:
        made["successes"] = np.asarray(successes, dtype=np.float64).ravel().tolist()
    actions = _actions(run, len(made["returns"]), where)
    if actions:
        made["episode_seeds"] = [
            checked_count(f"{where}.traces[{i}].seed", trace.seed, least=0)
            for i, trace in enumerate(run.traces)
        ]
        made["lengths"] = [len(episode) for episode in actions]
    return made, actions


def _successes(run: Evaluated, benchmark: str) -> Any:
    """What an evaluation tells of what the benchmark counts; ``None`` for nothing."""
    row = BENCHMARKS.get(benchmark)
    if row is None or not isinstance(row.score, SuccessScore):
        return None
    return getattr(run, "final_successes" if row.score.when == "last" else "successes", None)


def _actions(run: Evaluated, episodes: int, where: str) -> list[NDArray[np.float32]]:
    found: list[NDArray[np.float32]] = []
    for i, trace in enumerate(run.traces):
        given = np.asarray(trace.actions)
        actions = given.astype(np.float32) if given.dtype.kind == "f" else np.zeros(0, np.float32)
        if actions.ndim != 2 or not np.array_equal(actions, given):
            raise InvalidArgumentError(
                f"{where}.traces[{i}]: expected actions float32 (T, A), as the simulator got them,"
                f" got {given.dtype} {given.shape}"
            )
        found.append(actions)
    if found and len(found) != episodes:
        raise InvalidArgumentError(
            f"{where}: expected one trace per episode, {episodes}, got {len(found)}; give the"
            " returns alone if there are no traces"
        )
    return found


def packed_traces(
    episodes: Sequence[NDArray[np.float32]],
) -> tuple[bytes | None, dict[str, Any] | None]:
    """The bytes of a trace file, and what a result says of it; ``None`` for no episodes.

    Raises:
        InvalidArgumentError: their actions differ in size.
    """
    if not episodes:
        return None, None
    sizes = {episode.shape[1] for episode in episodes}
    if len(sizes) > 1:
        raise InvalidArgumentError(
            f"runs: expected actions of one size, got {sorted(sizes)} dimensions"
        )
    actions = pack_actions(episodes)
    return actions, {"sha256": hashlib.sha256(actions).hexdigest(), "action_size": sizes.pop()}
