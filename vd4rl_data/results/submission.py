"""From a training loop to a result file, in three lines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, SupportsFloat, cast

from numpy.typing import ArrayLike

from vd4rl_data.arguments import check_type, shown
from vd4rl_data.errors import InvalidArgumentError
from vd4rl_data.ids import benchmark_of, parse_id
from vd4rl_data.results.files import check_document, format_result, write_result
from vd4rl_data.results.given import (
    given_by_seed,
    given_curves,
    given_data,
    given_runs,
    plain,
)
from vd4rl_data.results.model import (
    SCHEMA,
    SCHEMA_VERSION,
    Algorithm,
    Data,
    Environment,
    Run,
    RunResult,
    TrainedOn,
)
from vd4rl_data.results.model import Protocol as RunProtocol
from vd4rl_data.results.runs import Evaluated, common_media, described_run, packed_traces
from vd4rl_data.seeding import EVALUATION_PROTOCOL
from vd4rl_data.version import __version__, versions_of

_PACKAGES: Final = ("numpy", "torch", "mujoco", "dm_control", "gymnasium")


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """A result and the bytes of its action traces, if it has any."""

    result: RunResult
    actions: bytes | None

    def write(self, path: str | PathLike[str], *, replace: bool = False) -> Path:
        """Write both beside each other; returns the path of the result.

        Args:
            path: of the result.
            replace: put both in the place of those that are there.

        Raises:
            InvalidArgumentError: that is no path.
            InvalidResultError: the result contradicts itself.
            OutputExistsError: one of them is there, and ``replace`` was not asked for.
            FileNotFoundError: there is no such folder.
        """
        return write_result(path, self.result, self.actions, replace=replace)


def make_submission(
    algorithm: str | Algorithm | Mapping[str, Any],
    dataset_id: str,
    runs: Mapping[Any, Evaluated | Run | ArrayLike],
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

    Everything is checked here, as strangers' files are. Numbers and arrays of numpy, torch and JAX
    are as good as Python's, and mappings with the right names as good as the classes of
    :mod:`vd4rl_data.results.model`.

    Args:
        algorithm: its name, or all about it (:class:`Algorithm`).
        dataset_id: what was trained on, e.g. ``VD4RL/walker_walk-medium-64px-v0``.
        runs: a mapping from training seed to its final evaluation (as :func:`vd4rl_data.evaluate`
            returns it, whose actions become traces, and whose successes are kept), to its raw
            returns (E,), or to a :class:`Run`.
        protocol: how (:class:`Protocol`); ``seeds`` and ``episodes`` are filled in.
        environment: where; a name of :data:`vd4rl_data.results.model.Environment`.
        curves: a mapping from training seed to evaluations on the way: (gradient step, mean return)
            pairs of offline training; then, for track ``offline_to_online``, :class:`OnlinePoint`
            from the offline point (0) to the end of the budget, ``protocol.environment_steps``.
        successes: a mapping from training seed to the success of each episode (E,), from 0 to 1, as
            the benchmark counts it. Evaluations tell it by themselves, where it is yes or no.
        kind: ``submitted``; the leaderboard takes ``reproduced`` from this project's maintainers.
        data: what was trained on: what :func:`vd4rl_data.load_dataset` returned, whose manifest
            holds origin and content hash. Without it at hand, ``vd4rl info ID`` prints both
            (``content SHA-256``): ``Data(origin="official", content_sha256="...")``, or
            ``part_sha256s`` for a dataset made of parts.
        hardware: in words.
        wall_clock_seconds: of all runs together.
        hyperparameters: a mapping from name to a number, text, boolean, ``None``, or a flat list
            of these; paths and dates become text.
        about: further fields of the result: ``submitter``, ``date``, ``license``, ``note``,
            ``unusual``.

    Raises:
        InvalidArgumentError: an argument is something else; the message begins with its name.
        InvalidIdError: that is no id.
        InvalidResultError: a value is not what its field holds, or the result contradicts itself,
            e.g. by runs of different lengths; ``problems`` lists the findings.
    """
    dataset = parse_id(dataset_id)
    benchmark = str(benchmark_of(dataset))
    given = given_runs(runs)
    on_the_way = {
        seed: given_curves(f"curves[{seed}]", found)
        for seed, found in given_by_seed("curves", curves, given).items()
    }
    told = given_by_seed("successes", successes, given)
    made = [described_run(seed, run, benchmark) for seed, run in given.items()]
    for run, _ in made:
        run.update(on_the_way.get(run["seed"], {}))
        if run["seed"] in told:
            run["successes"] = told[run["seed"]]
    actions, traces = packed_traces([trace for _, traced in made for trace in traced])
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "algorithm": {"name": algorithm} if isinstance(algorithm, str) else algorithm,
        "benchmark": benchmark,
        "image_size": dataset.size,
        "kind": kind,
        "protocol": _protocol(protocol, [run for run, _ in made]),
        "evaluations": [
            {
                "environment": environment,
                "runs": [run for run, _ in made],
                "media": common_media(given),
            }
        ],
        "data": given_data(data),
        "compute": {
            "hardware": hardware,
            "wall_clock_seconds": wall_clock_seconds,
            "versions": {"vd4rl-data": __version__, **versions_of(_PACKAGES)},
        },
        "hyperparameters": {} if hyperparameters is None else hyperparameters,
        "traces": traces,
    }
    for name in about:
        if name in document or name == "published":
            raise InvalidArgumentError(f"{name}: expected one of the arguments, got a field")
    result = check_document(plain({**document, **about}), "the submission")
    format_result(result)  # raises where its file would be too large
    return Submission(result, actions)


def add_evaluation(
    submission: Submission,
    environment: Environment,
    runs: Mapping[Any, Evaluated | Run | ArrayLike],
) -> Submission:
    """The same submission with the returns in a further environment.

    Args:
        submission: what :func:`make_submission` returned.
        environment: where, e.g. ``distracted_test``.
        runs: as in :func:`make_submission`, of the same training seeds and as many episodes.

    Raises:
        InvalidArgumentError: an argument is something else.
        InvalidResultError: the result contradicts itself, e.g. by other seeds.
    """
    check_type("submission", submission, Submission)
    document: dict[str, Any] = plain(submission.result)
    given = given_runs(runs)
    made = [described_run(seed, run, document["benchmark"]) for seed, run in given.items()]
    further = {
        "environment": environment,
        "runs": [run for run, _ in made],
        "media": common_media(given),
    }
    actions, traces = packed_traces([trace for _, traced in made for trace in traced])
    document["evaluations"] = [*document["evaluations"], further]
    if traces is not None:
        actions = (submission.actions or b"") + (actions or b"")
        document["traces"] = {**traces, "sha256": hashlib.sha256(actions).hexdigest()}
    result = check_document(document, "the submission")
    format_result(result)
    return Submission(result, submission.actions if traces is None else actions)


def _protocol(protocol: object, runs: Sequence[dict[str, Any]]) -> Any:
    """With the numbers of runs and episodes."""
    given = plain(protocol, "protocol")
    if not isinstance(given, dict):
        raise InvalidArgumentError(
            "protocol: expected a Protocol(checkpoint=..., online_evaluations=...,"
            f" hyperparameters_shared=...), got {shown(protocol)}"
        )
    filled_in = {"seeds": len(runs), "episodes": len(runs[0]["returns"])}
    return {"version": EVALUATION_PROTOCOL, **cast("dict[str, Any]", given), **filled_in}
