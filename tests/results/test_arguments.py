"""Functions that strangers call check their own arguments, and take numpy's numbers as Python's.

Without the type checks of the other tests, as users run them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vd4rl_data
from tests.results.making import ID, PROTOCOL, make_result, make_runs
from vd4rl_data.errors import InvalidArgumentError, InvalidResultError, Vd4rlError
from vd4rl_data.evaluation import ActionTrace, Evaluation, replay
from vd4rl_data.results import (
    Algorithm,
    Data,
    Run,
    benchmark_of,
    format_result,
    make_submission,
    parse_benchmark,
    parse_result,
    read_result,
    read_traces,
    result_paths,
    write_result,
)

pytestmark = pytest.mark.usefixtures("no_type_checks")

SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"
EVALUATION = Evaluation(np.ones(1), np.ones(1, dtype=np.int64), None, ())
JUNK: dict[str, Any] = {
    "none": None,
    "number": 3.5,
    "negative": -1,
    "text": "x",
    "bytes": b"x",
    "list": [1, "x"],
    "tuple": (1, 2),
    "set": {1},
    "mapping": {"x": 1},
    "deep": {"x": [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]},
    "keys": {3: 1},
    "object": object(),
    "class": Algorithm,
    "array": np.ones((2, 2)),
    "objects": np.array([object()]),
    "complex": 1j,
    "nan": float("nan"),
    "moment": dt.datetime(2020, 1, 1),
    "generator": "a generator",  # made anew for each call
}


def submit(**changes: Any) -> Any:
    given = {"algorithm": "Mine", "dataset_id": ID, "runs": make_runs(), "protocol": PROTOCOL}
    return make_submission(**{**given, **changes})


def play(**changes: Any) -> object:
    def policy(observations: np.ndarray) -> np.ndarray:
        raise AssertionError("called although an argument was wrong")

    return vd4rl_data.evaluate(
        **{"policy": policy, "env_or_id": ID, "episodes": 1, "seed": 0, **changes}
    )


def hashable(junk: Any) -> Any:
    """Python itself refuses some keys of a dictionary."""
    return (1, 2) if getattr(type(junk), "__hash__", None) is None else junk


def _by_name(call: Callable[..., Any], *names: str) -> dict[str, Callable[[Any], Any]]:
    return {
        f"{call.__name__} {name}": lambda junk, name=name: call(**{name: junk}) for name in names
    }


def _load(**changes: Any) -> object:
    return vd4rl_data.load_dataset(**{"dataset": SAMPLE, **changes})


def _format(**changes: Any) -> object:
    return format_result(dataclasses.replace(make_result(), **changes))


CALLS: dict[str, Callable[[Any], object]] = {
    **_by_name(
        submit, "algorithm", "dataset_id", "runs", "protocol", "environment", "curves", "kind",
        "data", "hardware", "wall_clock_seconds", "hyperparameters", "submitter", "date",
        "license", "note", "unusual", "successes", "nonsense", "benchmark", "published",
    ),
    "submit a seed": lambda junk: submit(runs={hashable(junk): [1.0]}),
    "submit a run": lambda junk: submit(runs={0: junk}),
    "submit an algorithm": lambda junk: submit(algorithm={"name": junk}),
    "submit a hyperparameter": lambda junk: submit(hyperparameters={"x": junk}),
    "submit a name": lambda junk: submit(hyperparameters={hashable(junk): 1}),
    "submit a curve": lambda junk: submit(curves={0: junk}),
    "submit a point": lambda junk: submit(curves={0: [junk]}),
    "submit a step": lambda junk: submit(curves={0: [(junk, 1.0)]}),
    "submit successes of a run": lambda junk: submit(successes={0: junk}),
    "submit a hash": lambda junk: submit(data={"origin": "official", "content_sha256": junk}),
    **_by_name(_format, "algorithm", "image_size", "evaluations", "hyperparameters", "compute"),
    **{
        call.__name__: call
        for call in (
            format_result, parse_result, read_result, result_paths, benchmark_of, parse_benchmark,
        )
    },
    "read_traces": lambda junk: read_traces("x.json", junk),
    "read_traces path": lambda junk: read_traces(junk, make_result()),
    "write_result path": lambda junk: write_result(junk, make_result()),
    "write_result result": lambda junk: write_result("y.json", junk),
    "write_result actions": lambda junk: write_result("y.json", make_result(), junk),
    "Data.of": Data.of,
    **_by_name(
        play, "policy", "env_or_id", "episodes", "seed", "frame_stack", "workers",
        "inference_batch",
    ),
    "play evaluation": lambda junk: play(evaluation="nonsense" if junk is None else junk),
    **_by_name(_load, "dataset", "source", "root", "max_episodes", "fraction"),
    "replay env": lambda junk: replay(junk, []),
    "replay traces": lambda junk: replay(ID, junk),
    "replay a trace": lambda junk: replay(ID, [junk]),
    "replay a seed": lambda junk: replay(ID, [ActionTrace(junk, np.zeros((1, 6), np.float32))]),
    "replay actions": lambda junk: replay(ID, [ActionTrace(0, junk)]),
    "normalized": EVALUATION.normalized,
}  # fmt: skip

GOOD: dict[str, str] = {
    "submit algorithm": "text",
    "submit an algorithm": "text",
    **{f"submit {name}": "none" for name in ("curves", "data", "successes", "date")},
    **{f"submit {name}": "none text" for name in ("hardware", "submitter", "license", "note")},
    "submit unusual": "none text",
    "submit wall_clock_seconds": "none number",
    "submit hyperparameters": "none mapping",
    "submit a hyperparameter": "none number negative text list tuple",
    "submit a name": "text",
    "submit a run": "tuple generator",
    "submit successes of a run": "none",
    "submit a hash": "none",
    "_format compute": "none",
    "_format hyperparameters": "mapping",
    "write_result path": "text",
    "write_result actions": "none",
    "result_paths": "text",
    "_load root": "none",
    "_load max_episodes": "none",
    "_load fraction": "none",
}
"""What is right among the junk."""


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_is_told_in_our_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = CALLS[name]
    for what, junk in JUNK.items():
        value = (number for number in (1, 2)) if what == "generator" else junk
        if what in GOOD.get(name, "").split():
            call(value)
            continue
        with pytest.raises((Vd4rlError, ValueError, FileNotFoundError)) as caught:
            call(value)
        error, place = caught.value, Path(caught.traceback[-1].path)
        assert place.is_relative_to(Path(vd4rl_data.__file__).parent), what
        if not isinstance(error, FileNotFoundError | InvalidResultError):
            told = ("expected", "no spec", "nested deeper", "catalog", "no benchmark")
            assert any(words in str(error) for words in told), (what, error)
    assert {path.name for path in tmp_path.iterdir()} <= {"x", "y.json"}  # of the right calls


def test_numbers_of_numpy_and_torch_are_plain_in_the_file() -> None:
    torch = pytest.importorskip("torch")
    runs = {np.int64(seed): returns.astype(np.float32) for seed, returns in make_runs().items()}
    curves = {
        np.int32(seed): np.array([[100, 5.0], [200, np.mean(runs[seed], dtype=np.float64)]])
        for seed in runs
    }
    given: dict[str, Any] = {
        "rate": np.float32(0.1), "n": np.int64(3), "flag": np.bool_(True), "text": np.str_("x"),
        "array": np.array([1, 2]), "zero": np.array(2.5), "list": [np.int8(1), 2.5, "x", None],
        "tensor": torch.tensor(2.0), "path": Path("a/b"), "day": np.datetime64("2020-01-02"),
    }  # fmt: skip
    result = submit(
        runs=runs,
        curves=curves,
        hyperparameters=given,
        wall_clock_seconds=np.float32(3.0),
        date=dt.date(2026, 1, 2),
    ).result
    assert parse_result(format_result(result)) == result
    wanted = {
        "rate": float(np.float32(0.1)), "n": 3, "flag": True, "text": "x", "array": (1, 2),
        "zero": 2.5, "list": (1, 2.5, "x", None), "tensor": 2.0, "path": "a/b", "day": "2020-01-02",
    }  # fmt: skip
    assert repr(result.hyperparameters) == repr(wanted)
    found = result.evaluations[0].runs
    assert repr([run.seed for run in found]) == "[0, 1, 2]"
    assert [run.returns for run in found] == [tuple(runs[np.int64(s)].tolist()) for s in range(3)]
    assert [point.step for point in found[1].curve] == [100, 200]
    assert result.compute is not None
    assert (result.date, result.compute.wall_clock_seconds) == ("2026-01-02", 3)


def test_mappings_and_classes_say_the_same() -> None:
    """Protocol, algorithm, data and runs may be given as a file spells them."""
    runs = make_runs()
    same = submit(
        algorithm={"name": "Mine"},
        protocol={
            "checkpoint": "last",
            "online_evaluations": np.int64(0),
            "hyperparameters_shared": "suite",
        },
        runs={seed: Run(seed=seed, returns=tuple(runs[seed].tolist())) for seed in runs},
        data={"origin": "other"},
    )
    assert same.result == submit(data=Data(origin="other")).result
    for given in (list, tuple, iter):
        lists = {seed: given(returns.tolist()) for seed, returns in runs.items()}
        assert submit(runs=lists).result == submit().result


def test_what_a_list_of_runs_lacks_is_said() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^runs: expected a mapping .*dict\(enumerate"):
        submit(runs=list(make_runs().values()))


def test_a_result_made_by_hand_of_numpy_is_written() -> None:
    made = submit().result
    (evaluation,) = made.evaluations
    runs = [
        dataclasses.replace(run, seed=np.int64(run.seed), returns=np.array(run.returns))  # type: ignore[arg-type]
        for run in evaluation.runs
    ]
    by_hand = dataclasses.replace(evaluation, runs=runs)  # type: ignore[arg-type]
    assert parse_result(format_result(dataclasses.replace(made, evaluations=[by_hand]))) == made  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_told_with_its_place(value: float) -> None:
    runs = make_runs()
    runs[1][2] = value
    with pytest.raises(InvalidResultError, match=r"runs\[1\]\.returns\[2\]: expected a"):
        submit(runs=runs)


def test_a_loaded_dataset_says_its_own_content(capsys: pytest.CaptureFixture[str]) -> None:
    """As the docstring says: the dataset itself, or what the command prints."""
    from vd4rl_data.cli import main

    dataset = vd4rl_data.load_dataset(SAMPLE)
    data = submit(data=dataset).result.data
    assert data.content_sha256 == dataset.manifests[0].content_sha256
    assert main(["info", SAMPLE]) == 0
    assert data.content_sha256 in "".join(capsys.readouterr().out.split())
    assert "vd4rl info ID" in str(make_submission.__doc__)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, object])
def test_actions_that_float32_does_not_hold_are_refused(dtype: Any) -> None:
    """They would be other actions in the file than those that were played."""
    traces = (ActionTrace(1, np.full((2, 6), 1 / 3 if dtype is np.float64 else 0, dtype)),)
    played = Evaluation(np.ones(1), np.array([2]), None, traces)
    with pytest.raises(InvalidArgumentError, match=r"runs\[0\]\.traces\[0\]: expected actions"):
        submit(runs={0: played})
