"""What strangers give to ``make_submission``: numpy's numbers are taken, wrong kinds are told."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vd4rl_data
from tests.results.making import ID, PROTOCOL, make_runs
from vd4rl_data.errors import InvalidIdError, InvalidResultError
from vd4rl_data.evaluation import ActionTrace
from vd4rl_data.results import Algorithm, format_result, make_submission, parse_result

pytestmark = pytest.mark.usefixtures("no_type_checks")

JUNK: dict[str, Any] = {
    "None": None,
    "a number": 3.5,
    "a negative number": -1,
    "text": "x",
    "bytes": b"x",
    "a list": [1, "x"],
    "a set": {1},
    "a mapping": {"x": 1},
    "an object": object(),
    "a class": Algorithm,
    "an array": np.ones((2, 2)),
    "a complex number": 1j,
    "not a number": float("nan"),
    "a generator": (value for value in "x"),
}


def submit(**changes: Any) -> Any:
    given = {"algorithm": "Mine", "dataset_id": ID, "runs": make_runs(), "protocol": PROTOCOL}
    return make_submission(**{**given, **changes}).result


def key(junk: Any) -> Any:
    """Python itself refuses some keys of a mapping."""
    return (1, 2) if type(junk).__hash__ is None else junk


CALLS: dict[str, Callable[[Any], Any]] = {
    **{
        name: lambda junk, name=name: submit(**{name: junk})
        for name in (
            *("algorithm", "dataset_id", "runs", "protocol", "environment", "curves", "successes"),
            *("kind", "data", "hardware", "wall_clock_seconds", "hyperparameters", "submitter"),
            *("date", "license", "note", "unusual"),
        )
    },
    "runs of a seed": lambda junk: submit(runs={0: junk}),
    "a seed": lambda junk: submit(runs={key(junk): make_runs()[0]}),
    "a hyperparameter": lambda junk: submit(hyperparameters={"x": junk}),
    "a name": lambda junk: submit(hyperparameters={key(junk): 1}),
    "a curve": lambda junk: submit(curves={0: junk}),
    "a curve's seed": lambda junk: submit(curves={key(junk): [(1, 2.0)]}),
    "a point": lambda junk: submit(curves={0: [junk]}),
    "a step": lambda junk: submit(curves={0: [(junk, 1.0)]}),
    "successes of a seed": lambda junk: submit(successes={0: junk}),
    "a field that is none": lambda junk: submit(colour=junk),
}
RIGHT = {
    *((name, "None") for name in ("curves", "successes", "data", "hardware", "submitter", "date")),
    *((name, "None") for name in ("wall_clock_seconds", "hyperparameters", "license", "note")),
    *(("unusual", "None"), ("successes of a seed", "None")),
    *((name, "text") for name in ("algorithm", "hardware", "submitter", "license", "note")),
    *(("unusual", "text"), ("a name", "text"), ("wall_clock_seconds", "a number")),
    ("hyperparameters", "a mapping"),
    *(("a hyperparameter", what) for what in ("None", "a number", "a negative number", "text")),
    ("a hyperparameter", "a list"),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_of_a_wrong_kind_is_told_by_its_place(call: str) -> None:
    for what, junk in JUNK.items():
        if (call, what) in RIGHT:
            CALLS[call](junk)
            continue
        with pytest.raises((InvalidResultError, InvalidIdError)) as caught:
            CALLS[call](junk)
        told = ("expected", "there is no field", "dataset id", "must", "seed")
        assert any(words in str(caught.value) for words in told), (what, str(caught.value))


@pytest.mark.parametrize("runs", [list, tuple], ids=lambda kind: kind.__name__)
def test_a_list_of_runs_is_told_how_to_name_its_seeds(runs: Any) -> None:
    with pytest.raises(InvalidResultError, match=r"runs: .*dict\(enumerate\(runs\)\)"):
        submit(runs=runs(make_runs().values()))


def test_data_that_are_none_say_where_the_content_hash_stands() -> None:
    with pytest.raises(InvalidResultError, match=r"data: .*vd4rl info ID"):
        submit(data="0" * 64)


class _Size(enum.Enum):
    LARGE = "large"


class _Name(enum.StrEnum):
    MINE = "mine"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1, 2]), (1, 2)),
        (np.array(2.5), 2.5),
        ([np.int8(1), 2.5, "x", None], (1, 2.5, "x", None)),
        ((1, 2), (1, 2)),
        (np.str_("x"), "x"),
        (Path("a") / "b", "a/b"),
        (_Name.MINE, "mine"),
    ],
    ids=repr,
)
def test_hyperparameters_are_plain_in_the_file(given: Any, kept: Any) -> None:
    result = submit(hyperparameters={"x": given})
    assert parse_result(format_result(result)) == result
    assert repr(result.hyperparameters["x"]) == repr(kept)


def test_a_hyperparameter_without_a_form_in_json_is_told() -> None:
    with pytest.raises(InvalidResultError, match=r"hyperparameters\.size: expected text, numbers"):
        submit(hyperparameters={"size": _Size.LARGE})


def test_seeds_returns_and_curves_of_numpy_and_torch() -> None:
    torch = pytest.importorskip("torch")
    runs = {np.int64(seed): torch.tensor(returns) for seed, returns in make_runs().items()}
    means = {seed: float(returns.double().mean()) for seed, returns in runs.items()}
    result = submit(
        runs=runs,
        curves={np.int32(seed): np.array([[100, 5.0], [200, means[seed]]]) for seed in runs},
        wall_clock_seconds=np.float32(3.0),
        date=dt.date(2026, 1, 2),
    )
    assert parse_result(format_result(result)) == result
    for run, returns in zip(result.evaluations[0].runs, runs.values(), strict=True):
        assert type(run.seed) is int
        assert run.returns == tuple(returns.tolist())
        assert [point.step for point in run.curve] == [100, 200]
    assert (result.date, result.compute.wall_clock_seconds) == ("2026-01-02", 3)


def test_records_may_be_dictionaries() -> None:
    algorithm = {"name": "Mine", "label": "second try"}
    protocol = {
        "checkpoint": "last",
        "online_evaluations": np.int64(0),
        "hyperparameters_shared": "suite",
    }
    result = submit(algorithm=algorithm, protocol=protocol)
    assert result == submit(algorithm=Algorithm(**algorithm), protocol=PROTOCOL)
    with pytest.raises(InvalidResultError, match="protocol: there is no field 'checkpoints'"):
        submit(protocol={"checkpoints": "last"})


def test_a_result_made_by_hand_of_numpy_is_written() -> None:
    made = submit()
    (evaluation,) = made.evaluations
    for run in evaluation.runs:
        object.__setattr__(run, "seed", np.int64(run.seed))
        object.__setattr__(run, "returns", np.array(run.returns))
    assert parse_result(format_result(made)) == submit()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_told_with_its_place(value: float) -> None:
    runs = make_runs()
    runs[1][2] = value
    with pytest.raises(InvalidResultError, match=r"runs\[1\]\.returns\[2\]: expected a number"):
        submit(runs=runs)


def test_a_loaded_dataset_says_its_own_content() -> None:
    dataset = vd4rl_data.load_dataset("VD4RL/walker_walk-random-sample-64px-v0")
    data = submit(data=dataset).data
    assert data.content_sha256 == dataset.manifests[0].content_sha256
    assert submit(data=dataclasses.asdict(data)).data == data


@dataclasses.dataclass(frozen=True)
class _Played:
    returns: np.ndarray
    traces: tuple[ActionTrace, ...]
    successes: np.ndarray
    final_successes: np.ndarray


@pytest.mark.parametrize(
    ("dataset_id", "expected"),
    [
        ("MetaWorld/door_open-scripted-64px-v0", (1.0, 1.0, 0.0)),  # solved at any step
        (ID, None),
    ],
)
def test_successes_of_an_evaluation_reach_the_result(
    dataset_id: str, expected: tuple[float, ...] | None
) -> None:
    """Where the benchmark counts them; actions and returns travel as well."""
    played = _Played(
        np.array([1.0, 2.0, 0.0]),
        tuple(ActionTrace(seed, np.zeros((4, 4), np.float32)) for seed in range(3)),
        np.array([True, True, False]),
        np.array([True, False, False]),
    )
    (run,) = submit(dataset_id=dataset_id, runs={0: played}).evaluations[0].runs
    assert run.successes == expected
    assert (run.returns, run.lengths) == ((1.0, 2.0, 0.0), (4, 4, 4))
