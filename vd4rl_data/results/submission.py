"""From a training loop to a result file, in three lines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Any,
    Final,
    Literal,
    Protocol,
    SupportsFloat,
    cast,
    runtime_checkable,
)

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vd4rl_data.errors import InvalidResultError
from vd4rl_data.ids import benchmark_of, parse_id
from vd4rl_data.registry import BENCHMARKS
from vd4rl_data.results.curves import OnlinePoint
from vd4rl_data.results.files import check_document, write_result
from vd4rl_data.results.model import Algorithm, Data, Environment, RunResult, TrainedOn
from vd4rl_data.results.model import Protocol as RunProtocol
from vd4rl_data.results.plain import plain, shown
from vd4rl_data.results.traces import pack_actions
from vd4rl_data.results.validate import HOW_TO_SAY_DATA
from vd4rl_data.seeding import EVALUATION_PROTOCOL
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
    algorithm: str | Algorithm | Mapping[str, Any],
    dataset_id: str,
    runs: Mapping[Any, Evaluated | ArrayLike],
    protocol: RunProtocol | Mapping[str, Any],
    *,
    environment: Environment = "original",
    curves: Mapping[Any, Iterable[Any]] | None = None,
    successes: Mapping[Any, ArrayLike] | None = None,
    kind: Literal["submitted", "reproduced"] = "submitted",
    data: Data | TrainedOn | Mapping[str, Any] | None = None,
    hardware: str | None = None,
    wall_clock_seconds: SupportsFloat | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    **about: Any,
) -> Submission:
    """Make a submission of what was measured.

    Numbers may be Python's, numpy's, torch's or JAX's; records may be dictionaries with the names
    of their fields.

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
            holds origin and content hash (``vd4rl info ID`` prints both), or a :class:`Data`.
        hardware: in words.
        wall_clock_seconds: of all runs together.
        hyperparameters: flat: a name and a value, or a list of values.
        about: further fields of it, e.g. ``submitter``.

    Raises:
        InvalidIdError: the id is none.
        InvalidResultError: an argument is of the wrong kind, or the result contradicts itself, e.g.
            by runs of different lengths; every finding is listed by its place in the result.
    """
    dataset = parse_id(dataset_id)
    benchmark = str(benchmark_of(dataset))
    measured = _by_seed("runs", runs, "evaluation or returns, e.g. {0: evaluate(...)}")
    points = _by_seed("curves", curves, "(step, mean return) pairs", measured)
    counted = _by_seed("successes", successes, "success of each episode", measured)
    made: list[dict[str, Any]] = []
    traced: list[NDArray[np.float32]] = []
    for seed, run in measured.items():
        where = f"runs[{seed!r}]"
        actions = [trace.actions for trace in run.traces] if isinstance(run, Evaluated) else []
        solved = _successes(benchmark, run, counted.get(seed))
        made.append(
            {
                "seed": seed,
                **_episodes(run, where),
                **_curves(points.get(seed, ()), f"curves[{seed!r}]"),
                **({} if solved is None else {"successes": solved}),
            }
        )
        traced.extend(actions)
    actions = pack_actions(traced) if traced else None
    document: dict[str, Any] = {
        "algorithm": {"name": algorithm} if isinstance(algorithm, str) else algorithm,
        "benchmark": benchmark,
        "image_size": dataset.size,
        "kind": kind,
        "protocol": _protocol(protocol, made),
        "evaluations": [{"environment": environment, "runs": made}],
        "data": _data(data),
        "compute": {
            "hardware": hardware,
            "wall_clock_seconds": wall_clock_seconds,
            "versions": {"vd4rl-data": __version__, **versions_of(_PACKAGES)},
        },
        "hyperparameters": {} if hyperparameters is None else hyperparameters,
        "traces": _traces(traced, actions),
        **about,
    }
    return Submission(check_document(plain(document), "the submission"), actions)


def _by_seed(
    name: str, value: Any, of: str, known: Mapping[Any, Any] | None = None
) -> dict[int, Any]:
    """Training seed, as a Python integer, → what is given for it; of known seeds only."""
    if value is None and known is not None:
        return {}
    if not isinstance(value, Mapping):
        listed = isinstance(value, Iterable) and not isinstance(value, str | bytes)
        hint = f"; if the seeds were 0, 1, 2, ...: dict(enumerate({name}))" if listed else ""
        raise _refused(
            f"{name}: expected a mapping from training seed to {of}, {_got(value)}{hint}"
        )
    found = {_seed(key, name): item for key, item in cast("Mapping[Any, Any]", value).items()}
    unknown = [seed for seed in found if known is not None and seed not in known]
    if known is not None and unknown:
        raise _refused(f"{name}: expected training seeds of runs, {[*known]}, got {unknown}")
    return found


def _seed(key: Any, name: str) -> int:
    seed = plain(key, name)
    if type(seed) is not int:
        raise _refused(f"{name}: expected training seeds as whole numbers, {_got(key)}")
    return seed


def _episodes(run: Any, where: str) -> dict[str, Any]:
    """What is known of a run's episodes, by the names of the fields."""
    if not isinstance(run, Evaluated):
        returns = plain(run, where)
        if not isinstance(returns, list):
            raise _refused(f"{where}: expected an evaluation or returns (E,), {_got(run)}")
        return {"returns": returns}
    known: dict[str, Any] = {"returns": plain(run.returns, where)}
    if run.traces:
        known["episode_seeds"] = [trace.seed for trace in run.traces]
        known["lengths"] = [len(trace.actions) for trace in run.traces]
    return known


def _curves(points: Any, where: str) -> dict[str, Any]:
    """The two curves of a run, by the names of their fields."""
    if not isinstance(points, Iterable) or isinstance(points, str | bytes | Mapping):
        raise _refused(f"{where}: expected (step, mean return) pairs, {_got(points)}")
    offline: list[Any] = []
    online: list[Any] = []
    for i, point in enumerate(cast("Iterable[Any]", points)):
        if isinstance(point, OnlinePoint):
            online.append(point)
            continue
        pair = plain(point, f"{where}[{i}]")
        if isinstance(pair, list) and len(cast("list[Any]", pair)) == 2:
            step, mean = cast("list[Any]", pair)
            pair = {"step": step, "mean_return": mean}
        if not isinstance(pair, dict):
            raise _refused(f"{where}[{i}]: expected (step, mean return), {_got(point)}")
        offline.append(pair)
    return {"curve": offline, "online_curve": online}


def _successes(benchmark: str, run: Any, given: Any) -> Any:
    """Success of each episode: as given, else as an evaluation tells what the benchmark counts."""
    row = BENCHMARKS.get(benchmark)
    if given is None and row is not None and isinstance(row.score, SuccessScore):
        name = "final_successes" if row.score.when == "last" else "successes"
        given = getattr(run, name, None)
    said = plain(given, "successes")
    if not isinstance(said, list):
        return said
    listed = cast("list[Any]", said)
    return [float(value) if type(value) is bool else value for value in listed]


def _protocol(protocol: Any, runs: Sequence[Mapping[str, Any]]) -> Any:
    """With the numbers of runs and episodes filled in."""
    said = plain(protocol, "protocol")
    if isinstance(said, dict):
        said = {"version": EVALUATION_PROTOCOL, **cast("dict[str, Any]", said)}
        said |= {"seeds": len(runs) or None, "episodes": len(runs[0]["returns"]) if runs else None}
    return cast("Any", said)


def _data(data: Any) -> Any:
    """What was trained on, as the result says it."""
    if data is None or isinstance(data, Data | Mapping):
        return cast("Any", data)
    if isinstance(data, type) or not isinstance(data, TrainedOn):
        expected = "a dataset that load_dataset returned, or Data(origin=..., content_sha256=...)"
        raise _refused(f"data: expected {expected}, {_got(data)}; {HOW_TO_SAY_DATA}")
    return Data.of(data)


def _traces(
    episodes: Sequence[NDArray[np.float32]], actions: bytes | None
) -> dict[str, Any] | None:
    if actions is None:
        return None
    size = episodes[0].shape[1]
    return {"sha256": hashlib.sha256(actions).hexdigest(), "action_size": size}


def _refused(problem: str) -> InvalidResultError:
    return InvalidResultError("the submission", (problem,))


def _got(value: object) -> str:
    return f"got {shown(value)}"
