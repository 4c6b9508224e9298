"""The checker: what it finds, what it refuses, what earns a badge."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vd4rl_data
import vd4rl_data.envs
from leaderboard.check import check_file
from leaderboard.cli import main
from leaderboard.random_policy import play_randomly, random_policy
from leaderboard.store import place_of, read_store, slug
from tests.leaderboard.making import make_entry
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import (
    Algorithm,
    Data,
    Protocol,
    format_result,
    make_submission,
    read_result,
)
from vd4rl_data.results.text import MAX_BYTES
from vd4rl_data.results.traces import traces_path
from vd4rl_data.seeding import EVALUATION_PROTOCOL
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.versions import PACKAGES

BENCHMARK = "VD4RL/walker_walk-medium-v0"
BASE: dict[str, Any] = json.loads(
    format_result(make_entry(Algorithm(name="Mine"), BENCHMARK, 84, 0.5))
)


def write(tmp_path: Path, document: Any, name: str = "mine.json") -> Path:
    path = tmp_path / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def runs(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["evaluations"][0]["runs"]
    return found


def without_curves(document: dict[str, Any]) -> list[dict[str, Any]]:
    for run in runs(document):
        run.pop("curve")
    return runs(document)


def constant(document: dict[str, Any]) -> None:
    for run in without_curves(document):
        run["returns"] = [500.0] * len(run["returns"])


def duplicated(document: dict[str, Any]) -> None:
    made = without_curves(document)
    made[1]["returns"] = list(made[0]["returns"])


def too_good(document: dict[str, Any]) -> None:
    without_curves(document)[0]["returns"][0] = 1000.5


def negative(document: dict[str, Any]) -> None:
    without_curves(document)[0]["returns"][0] = -1.0


def two_seeds(document: dict[str, Any]) -> None:
    del runs(document)[2:]
    document["protocol"]["seeds"] = 2


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unregistered": (lambda d: d.update(benchmark="VD4RL/walker_walk-demos-v0"), "not registered"),
    "other version": (lambda d: d.update(benchmark="VD4RL/walker_walk-medium-v7"), "registered"),
    "path": (lambda d: d.update(benchmark="VD4RL/../../../etc-medium-v0"), "not a benchmark"),
    "protocol": (
        lambda d: d["protocol"].update(version=EVALUATION_PROTOCOL + 1),
        "protocol.version",
    ),
    "schema": (lambda d: d.update(schema_version=2), "schema_version"),
    "environment": (
        lambda d: d["evaluations"][0].update(environment="rgb_video"),
        "does not belong",
    ),
    "constant": (constant, "every return of every seed"),
    "duplicated": (duplicated, "the very same returns"),
    "too good": (too_good, "out of the task's bounds"),
    "negative": (negative, "out of the task's bounds"),
    "two seeds": (two_seeds, "3 training seeds or more"),
    "curve out of bounds": (lambda d: runs(d)[0]["curve"][0].update(mean_return=5000), "bounds"),
    "normalized submitted": (lambda d: d.update(normalized_score=0.9), "no field"),
    "infinite": (lambda d: runs(d)[0]["returns"].__setitem__(0, float("inf")), "Infinity"),
    "not a number": (lambda d: runs(d)[0]["returns"].__setitem__(0, float("nan")), "NaN"),
}


def test_the_unchanged_document_passes(tmp_path: Path) -> None:
    report = check_file(write(tmp_path, BASE))
    assert report.ok, report.problems
    assert report.badges == ("submitted", "5+ seeds", "no online tuning", "one setting")


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason(tmp_path: Path, name: str) -> None:
    change, words = REFUSED[name]
    document = copy.deepcopy(BASE)
    change(document)
    report = check_file(write(tmp_path, document))
    assert not report.ok
    assert report.badges == ()
    assert any(words in problem for problem in report.problems), report.problems


def test_a_policy_that_never_moves_is_possible(tmp_path: Path) -> None:
    document = copy.deepcopy(BASE)
    for run in without_curves(document):
        run["returns"] = [0.0] * len(run["returns"])
    assert check_file(write(tmp_path, document)).ok


def test_notes_do_not_refuse(tmp_path: Path) -> None:
    document = copy.deepcopy(BASE)
    del document["hyperparameters"]
    del document["data"]
    report = check_file(write(tmp_path, document))
    assert report.ok
    for words in (
        "content hash is missing",
        "data not stated",
        "algorithm.code",
        "hyperparameters",
    ):
        assert sum(words in warning for warning in report.warnings) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    {
        "empty": "",
        "huge": " " * (MAX_BYTES + 1),
        "deep": "[" * 200_000,
        "duplicate": json.dumps(BASE).replace('"kind"', '"kind": "submitted", "kind"', 1),
        "a list": "[]",
        "null": "null",
        "a string": '"x"',
    }.items(),
)
def test_hostile_files_are_refused(tmp_path: Path, name: str, text: str) -> None:
    report = check_file(write(tmp_path, text, f"{name}.json"))
    assert not report.ok
    assert report.problems


def test_links_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("/etc/passwd")
    (tmp_path / "folder.json").mkdir()
    for name in ("link.json", "folder.json"):
        assert "regular file" in check_file(tmp_path / name).problems[0]


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    for name in ("../../evil", "/etc/passwd", "..\\x", "a/b", "CON", ".", "%2e%2e", "日本"):
        result = make_entry(Algorithm(name=name, label="../x"), BENCHMARK, 84, 0.4)
        place = place_of(result)
        assert place.parts[:2] == ("VD4RL", "walker_walk-medium-v0")
        assert len(place.parts) == 3
        assert set(place.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.")
        assert not place.name.startswith(".")


def test_slugs_are_words() -> None:
    assert slug("DrQ+BC") == "drq_plus_bc"
    assert slug("Über-Agent's 2nd") == "uber_agents_2nd"


# Replay: a real policy, evaluated in the real environment.


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random policy's submission, one seed from rendered episodes, written by the three lines."""
    pytest.importorskip("dm_control")
    dataset = "VD4RL/cheetah_run-random-64px-v0"

    def evaluation(seed: int) -> vd4rl_data.Evaluation:
        rng = np.random.default_rng(seed)

        def policy(observations: np.ndarray) -> np.ndarray:
            return rng.uniform(-1, 1, (len(observations), 6))

        env = vd4rl_data.make_env("cheetah_run", size=8)  # small frames are quick to draw
        return vd4rl_data.evaluate(policy, env, episodes=1, seed=seed, inference_batch=1)

    from vd4rl_data.errors import RenderBackendError

    runs: dict[int, Any] = {}
    with contextlib.closing(Simulation("cheetah_run")) as simulation:
        for seed in (1, 2):  # drawing is slow: two of the three seeds do without
            runs[seed] = play_randomly(simulation, simulation.task, seed, episodes=1)
    try:
        runs = {0: evaluation(0), **runs}
    except RenderBackendError as error:
        pytest.skip(str(error))
    protocol = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="suite")
    folder = tmp_path_factory.mktemp("evaluated")
    made = make_submission("Random", dataset, runs, protocol, data=Data(origin="none"))
    return made.write(folder / "random.json")


def copied(evaluated: Path, folder: Path) -> Path:
    path = folder / evaluated.name
    path.write_bytes(evaluated.read_bytes())
    traces_path(path).write_bytes(traces_path(evaluated).read_bytes())
    return path


@pytest.mark.render
def test_honest_traces_earn_the_badge(evaluated: Path) -> None:
    report = check_file(evaluated)
    assert report.ok, report.problems
    assert report.badges[0] == "replayed"
    assert report.replay is not None
    assert set(report.replay.versions) == set(PACKAGES)


@pytest.mark.render
def test_an_altered_return_loses_it(evaluated: Path, tmp_path: Path) -> None:
    path = copied(evaluated, tmp_path)
    document = json.loads(path.read_text())
    document["evaluations"][0]["runs"][1]["returns"][0] += 0.01
    report = check_file(write(tmp_path, document, path.name))
    assert report.badges == ()
    assert "original, seed 1, episode 0: claims" in report.problems[0]


@pytest.mark.render
def test_an_altered_action_loses_it(evaluated: Path, tmp_path: Path) -> None:
    path = copied(evaluated, tmp_path)
    actions = np.frombuffer(traces_path(path).read_bytes(), "<f4").copy()
    actions[600 * 6] = -actions[600 * 6]
    traces_path(path).write_bytes(actions.tobytes())
    report = check_file(path)
    assert report.badges == ()
    assert "another SHA-256" in report.problems[0]

    import hashlib

    document = json.loads(path.read_text())
    document["traces"]["sha256"] = hashlib.sha256(actions.tobytes()).hexdigest()
    report = check_file(write(tmp_path, document, path.name))
    assert report.badges == ()
    assert "original, seed 1, episode 0: claims" in report.problems[0]
    assert "its actions give" in report.problems[0]


@pytest.mark.render
@pytest.mark.parametrize(
    ("value", "words"),
    [(2.0, "expected finite values in"), (float("nan"), "expected finite values in")],
)
def test_actions_out_of_bounds_lose_it(
    evaluated: Path, tmp_path: Path, value: float, words: str
) -> None:
    import hashlib

    path = copied(evaluated, tmp_path)
    actions = np.frombuffer(traces_path(path).read_bytes(), "<f4").copy()
    actions[0] = value
    traces_path(path).write_bytes(actions.tobytes())
    document = json.loads(path.read_text())
    document["traces"]["sha256"] = hashlib.sha256(actions.tobytes()).hexdigest()
    report = check_file(write(tmp_path, document, path.name))
    assert words in report.problems[0]


@pytest.mark.render
def test_an_episode_cut_short_loses_it(evaluated: Path, tmp_path: Path) -> None:
    import hashlib

    path = copied(evaluated, tmp_path)
    document = json.loads(path.read_text())
    actions = traces_path(path).read_bytes()[: -6 * 4]
    traces_path(path).write_bytes(actions)
    document["evaluations"][0]["runs"][2]["lengths"] = [499]
    document["traces"]["sha256"] = hashlib.sha256(actions).hexdigest()
    report = check_file(write(tmp_path, document, path.name))
    assert "the episode continues after its 499 actions" in report.problems[0]


# The command line.


@pytest.mark.render
def test_add_puts_file_traces_and_receipt_into_the_store(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert main(["add", str(evaluated), "--store", str(store)]) == 0
    (entry,) = read_store(store)
    assert entry.key == "VD4RL/cheetah_run-random-v0/random"
    assert entry.replayed is not None
    assert "replayed" in capsys.readouterr().out
    assert main(["add", str(evaluated), "--store", str(store)]) == 1
    assert "there already" in capsys.readouterr().out
    assert main(["check", "--store", str(store)]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out

    entry.path.write_bytes(entry.path.read_bytes() + b"\n")
    (changed,) = read_store(store)
    assert changed.replayed is None  # the receipt is of other bytes
    assert main(["check", "--no-replay", "--store", str(store)]) == 1
    assert "it is of another result" in capsys.readouterr().out

    (store / "VD4RL" / "page.html").write_text("<script>")
    assert main(["check", "--no-replay", "--store", str(store)]) == 1
    assert "page.html: does not belong" in capsys.readouterr().out


def test_check_fails_on_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = copy.deepcopy(BASE)
    too_good(document)
    assert main(["check", str(write(tmp_path, document))]) == 1
    assert "PROBLEM" in capsys.readouterr().out
    assert main(["add", str(tmp_path / "mine.json"), "--store", str(tmp_path / "s")]) == 1
    assert not (tmp_path / "s").exists()


def test_a_file_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "store"
    (store / "VD4RL").mkdir(parents=True)
    path = write(store / "VD4RL", BASE, "elsewhere.json")
    assert "it belongs at" in check_file(path, store=store).problems[0]
    with pytest.raises(InvalidResultError, match="it belongs at"):
        read_store(store)


def test_random_writes_a_result_that_passes(tmp_path: Path) -> None:
    pytest.importorskip("dm_control")
    path = random_policy("VD4RL/cheetah_run-random-v0", seeds=3, episodes=1).write(
        tmp_path / "r.json"
    )
    assert check_file(path).badges[0] == "replayed"
    assert read_result(path).kind == "submitted"
