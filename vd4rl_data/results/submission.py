"""From a training loop to a result file, in three lines."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vd4rl_data.ids import benchmark_of, parse_id
from vd4rl_data.registry import BENCHMARKS
from vd4rl_data.results.curves import CurvePoint, OnlinePoint
from vd4rl_data.results.files import format_result, write_result
from vd4rl_data.results.model import (
    Algorithm,
    Compute,
    Data,
    Environment,
    EnvironmentRuns,
    Run,
    RunResult,
    Setting,
    Traces,
    TrainedOn,
)
from vd4rl_data.results.model import Protocol as RunProtocol
from vd4rl_data.results.traces import pack_actions
from vd4rl_data.spec import SuccessScore
from vd4rl_data.version import __version__, versions_of

_PACKAGES: Final = ("numpy", "torch", "mujoco", "dm_control", "gymnasium")


@runtime_checkable
class Evaluated(Protocol):
    """What :func:`vd4rl_data.evaluate` returns."""

    @property
    def returns(self) -> NDArray[np.float64]:
        """(E,)."""
        ...

    @property
    def traces(self) -> Sequence[Any]:
        """One :class:`vd4rl_data.evaluation.ActionTrace` per episode."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """A result and the bytes of its action traces, if it has any."""

    result: RunResult
    actions: bytes | None

    def write(self, path: Path | str, *, replace: bool = False) -> Path:
        """Write both beside each other; returns the path of the result.

        Args:
            path: of the result.
            replace: put both in the place of those that are there.

        Raises:
            InvalidResultError: the result contradicts itself.
            OutputExistsError: one of them is there, and ``replace`` was not asked for.
        """
        return write_result(path, self.result, self.actions, replace=replace)


def make_submission(
    algorithm: str | Algorithm,
    dataset_id: str,
    runs: Mapping[int, Evaluated | ArrayLike],
    protocol: RunProtocol,
    *,
    environment: Environment = "original",
    curves: Mapping[int, Sequence[tuple[int, float] | OnlinePoint]] | None = None,
    successes: Mapping[int, ArrayLike] | None = None,
    kind: Literal["submitted", "reproduced"] = "submitted",
    data: Data | TrainedOn | None = None,
    hardware: str | None = None,
    wall_clock_seconds: float | None = None,
    hyperparameters: Mapping[str, Setting | tuple[Setting, ...]] | None = None,
    **about: Any,
) -> Submission:
    """Make a submission of what was measured.

    Args:
        algorithm: its name, or all about it.
        dataset_id: what was trained on, e.g. ``VD4RL/walker_walk-medium-64px-v0``.
        runs: training seed → its final evaluation (as :func:`vd4rl_data.evaluate` returns it, whose
            actions become traces) or its raw returns (E,).
        protocol: how; ``seeds`` and ``episodes`` are filled in.
        environment: where.
        curves: training seed → evaluations on the way: (gradient step, mean return) pairs of
            offline training; then, for track ``offline_to_online``, :class:`OnlinePoint` from the
            offline point (0) to the end of the budget, ``protocol.environment_steps``.
        successes: training seed → success of each episode (E,), from 0 to 1, as the benchmark
            counts it. Evaluations tell it by themselves, where it is yes or no.
        kind: ``reproduced`` is for this project's reference implementations.
        data: what was trained on: what :func:`vd4rl_data.load_dataset` returned, whose manifest
            holds origin and content hash, or a :class:`Data`.
        hardware: in words.
        wall_clock_seconds: of all runs together.
        hyperparameters: flat.
        about: further fields of it, e.g. ``submitter``.

    Raises:
        InvalidIdError: the id is none.
        InvalidResultError: the result contradicts itself, e.g. runs of different lengths.
    """
    dataset = parse_id(dataset_id)
    benchmark = benchmark_of(dataset)
    made = tuple(
        _run(
            seed,
            run,
            **_curves((curves or {}).get(seed, ())),
            successes=_successes(str(benchmark), run, (successes or {}).get(seed)),
        )
        for seed, run in runs.items()
    )
    episodes = [actions for _, traced in made for actions in traced]
    actions = pack_actions(episodes) if episodes else None
    result = RunResult(
        algorithm=Algorithm(name=algorithm) if isinstance(algorithm, str) else algorithm,
        benchmark=str(benchmark),
        image_size=dataset.size,
        kind=kind,
        protocol=dataclasses.replace(
            protocol, seeds=len(made), episodes=len(made[0][0].returns) if made else None
        ),
        evaluations=(EnvironmentRuns(environment=environment, runs=tuple(run for run, _ in made)),),
        data=data if data is None or isinstance(data, Data) else Data.of(data),
        compute=Compute(
            hardware=hardware,
            wall_clock_seconds=wall_clock_seconds,
            versions={"vd4rl-data": __version__, **versions_of(_PACKAGES)},
        ),
        hyperparameters=dict(hyperparameters or {}),
        traces=None
        if actions is None
        else Traces(
            sha256=hashlib.sha256(actions).hexdigest(), action_size=int(episodes[0].shape[1])
        ),
        **about,
    )
    format_result(result)  # raises where the result could not be read back
    return Submission(result, actions)


def _run(
    seed: int, run: Evaluated | ArrayLike, **columns: Any
) -> tuple[Run, list[NDArray[np.float32]]]:
    """A run with further fields, and the actions of its episodes."""
    if not isinstance(run, Evaluated):
        returns = np.asarray(run, dtype=np.float64).ravel()
        return Run(seed=seed, returns=tuple(returns.tolist()), **columns), []
    actions = [cast("NDArray[np.float32]", trace.actions) for trace in run.traces]
    made = Run(
        seed=seed,
        returns=tuple(run.returns.tolist()),
        episode_seeds=tuple(int(trace.seed) for trace in run.traces),
        lengths=tuple(len(episode) for episode in actions),
        **columns,
    )
    return made, actions


def _curves(points: Sequence[tuple[int, float] | OnlinePoint]) -> dict[str, Any]:
    """The two curves of a run, by the names of their fields."""
    pairs = [point for point in points if not isinstance(point, OnlinePoint)]
    return {
        "curve": tuple(CurvePoint(step=int(step), mean_return=float(mean)) for step, mean in pairs),
        "online_curve": tuple(point for point in points if isinstance(point, OnlinePoint)),
    }


def _successes(
    benchmark: str, run: Evaluated | ArrayLike, given: ArrayLike | None
) -> tuple[float, ...] | None:
    """Success of each episode: as given, else as an evaluation tells what the benchmark counts."""
    row = BENCHMARKS.get(benchmark)
    if given is None and row is not None and isinstance(row.score, SuccessScore):
        name = "final_successes" if row.score.when == "last" else "successes"
        given = getattr(run, name, None)
    return None if given is None else tuple(np.asarray(given, dtype=np.float64).ravel().tolist())
