"""A refused command, and one that finds its work done, leave every byte and time as it was."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench import sweep  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.cli import main  # noqa: E402
from tests.baselines import blob  # noqa: E402
from tests.baselines.sweep_worker import ToyTraining  # noqa: E402
from tests.disk import snapshot  # noqa: E402
from vd4rl_data.storage.atomic import write_lock  # noqa: E402

ID = blob.SPEC.name
SMALL = ["--batch-size", "6", "--feature-dim", "8", "--hidden-dim", "16"]
QUICK = ["--device", "cpu", "--workers", "1", "--no-progress"]
TOY = "Toy/blob_push-expert-16px-v0/seed0"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a command runs: finished runs, datasets, and room for more.

    ``runs/a`` is a run of 4 steps, ``sweep`` a folder of a sweep with one run of 20.
    """

    root: Path
    data: Path
    other_data: Path

    @property
    def run(self) -> Path:
        return self.root / "runs" / "a"

    def train(self, *more: str, name: str = "a", data: Path | None = None) -> list[str]:
        given = ["--algorithm", "bc", "--dataset", ID, "--steps", "4", "--evaluation-episodes", "1"]
        where = ["--out", str(self.root / "runs" / name), "--data-dir", str(data or self.data)]
        return ["train", *given, *where, *SMALL, *QUICK, "--no-tensorboard", *more]

    def sweep(self, *more: str, data: Path | None = None) -> list[str]:
        given = ["--algorithms", "bc", "--datasets", ID, "--preset", "smoke", *QUICK]
        where = ["--out", str(self.root / "sweep"), "--data-dir", str(data or self.data)]
        return ["sweep", *given, *where, "--no-tensorboard", *more]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, blob_folder: Path) -> Place:
    """One finished run, and one of a sweep; copied for every test."""
    blob.register()
    place = Place(
        tmp_path_factory.mktemp("made"), blob_folder, tmp_path_factory.mktemp("other_data")
    )
    blob.make_dataset(place.other_data, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "Training", ToyTraining)
        assert main(place.train()) == 0
        assert main(place.sweep()) == 0
    blob.unregister()
    return place


@pytest.fixture
def place(made: Place, blob_root: Path, tmp_path: Path, monkeypatch: Any) -> Place:
    monkeypatch.setattr(sweep, "Training", ToyTraining)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    root = tmp_path / "made"
    shutil.copytree(made.root, root)
    return dataclasses.replace(made, root=root)


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def _damage_checkpoint(place: Place) -> None:
    (place.run / "checkpoint.pt").write_bytes(b"nothing")


def _other_device(place: Place) -> None:
    run = RunFolder(place.run)
    run.save_checkpoint({**(run.load_checkpoint("bc") or {}), "device": "cuda"})


def _no_facts(place: Place) -> None:
    (place.run / "facts.json").unlink()


def _file_in_place_of_a_folder(place: Place) -> None:
    shutil.rmtree(place.run)
    place.run.write_text("mine")


def _film(place: Place) -> None:
    (place.root / "mine.gif").write_bytes(b"mine")


def _second_run(place: Place) -> None:
    """The same seed with another return."""
    shutil.copytree(place.run, place.root / "runs" / "b")
    evaluation = RunFolder(place.run).load_evaluation()
    assert evaluation is not None
    other = dataclasses.replace(evaluation, returns=evaluation.returns + 1)
    RunFolder(place.root / "runs" / "b").save_evaluation(other)


def _table(place: Place) -> None:
    (place.root / "runs" / "report").mkdir()
    (place.root / "runs" / "report" / "table.md").write_text("mine")


def _nothing(place: Place) -> None:
    pass


def _longer_sweep(place: Place) -> None:
    """As ``--steps 30`` leaves it."""
    folder = place.root / "sweep" / "bc-smoke" / TOY
    _edit(folder / "settings.json", lambda found: found["hyperparameters"].update(steps=30))
    run = RunFolder(folder)
    run.save_checkpoint({**(run.load_checkpoint("bc") or {}), "step": 30})


Case = tuple[Callable[[Place], object], Callable[[Place], list[str]], str]

REFUSED: dict[str, Case] = {
    "fewer steps": (_nothing, lambda p: p.train("--steps", "2"), "expected at least 4"),
    "another rate": (_nothing, lambda p: p.train("--learning-rate", "1"), "learning_rate: 0.0001"),
    "another seed": (_nothing, lambda p: p.train("--seed", "1"), "seed: 0 there, 1 asked"),
    "another algorithm": (
        _nothing,
        lambda p: p.train("--algorithm", "cql"),
        "holds a run of algorithm bc, and cql was asked for; give another folder",
    ),
    "another preset": (
        _nothing,
        lambda p: p.train("--preset", "smoke"),
        "preset: 'paper' there, 'smoke' asked",
    ),
    "a subset": (_nothing, lambda p: p.train("--max-episodes", "2"), "max_episodes: None there"),
    "other data": (
        _nothing,
        lambda p: p.train("--steps", "8", data=p.other_data),
        "was begun on other data",
    ),
    "other data, done": (_nothing, lambda p: p.train(data=p.other_data), "begun on other data"),
    "no such device": (
        _nothing,
        lambda p: p.train("--device", "cuda:99"),
        "'cuda:99' cannot be used",
    ),
    "no such device, new": (
        _nothing,
        lambda p: p.train("--device", "tpu", name="new"),
        "device: 'tpu'",
    ),
    "no threads": (_nothing, lambda p: p.train("--threads", "0", name="new"), "threads: expected"),
    "no workers": (_nothing, lambda p: p.train("--workers", "0", name="new"), "workers: expected"),
    "a name that is no film": (
        _nothing,
        lambda p: p.train("--video", str(p.root / "x.avi"), name="new"),
        "ends in .gif or .mp4",
    ),
    "a film in the way": (
        _film,
        lambda p: p.train("--video", str(p.root / "mine.gif"), name="new"),
        "mine.gif already exists",
    ),
    "no dataset": (
        _nothing,
        lambda p: p.train("--dataset", "VD4RL/walker_walk-medium-64px-v0", name="new"),
        "walker_walk-medium-64px-v0",
    ),
    "longer windows than episodes": (
        _nothing,
        lambda p: p.train("--algorithm", "drq_bc", "--n-step", "50", name="new"),
        "50",
    ),
    "damaged checkpoint": (_damage_checkpoint, lambda p: p.train("--steps", "8"), "delete it to"),
    "checkpoint of cuda": (_other_device, lambda p: p.train("--steps", "8"), "made on cuda"),
    "facts are gone": (_no_facts, lambda p: p.train("--steps", "8"), "facts.json is missing"),
    "a file": (_file_in_place_of_a_folder, lambda p: p.train(), "expected a folder"),
    "sweep, fewer steps": (_nothing, lambda p: p.sweep("--steps", "10"), "expected at least 20"),
    "sweep, other settings": (
        _nothing,
        lambda p: p.sweep("--seeds", "0", "1", "--evaluation-episodes", "7"),
        "evaluation_episodes: 1 there, 7 asked",
    ),
    "sweep, other data": (
        _nothing,
        lambda p: p.sweep("--seeds", "1", "0", "--steps", "30", data=p.other_data),
        "begun on other data",
    ),
    "sweep, reached more": (_longer_sweep, lambda p: p.sweep(), "expected at least 30"),
    "sweep, none at once": (_nothing, lambda p: p.sweep("--parallel", "0"), "parallel: expected"),
    "sweep, no such device": (
        _nothing,
        lambda p: p.sweep("--seeds", "1", "--device", "cuda:99"),
        "'cuda:99' cannot be used",
    ),
    "sweep, unknown algorithm": (
        _nothing,
        lambda p: p.sweep("--algorithms", "bc", "dqn"),
        "no algorithm is called 'dqn'",
    ),
    "evaluate, nothing there": (
        _nothing,
        lambda p: ["evaluate", str(p.root / "nowhere")],
        "holds no run",
    ),
    "evaluate, no episodes": (
        _nothing,
        lambda p: ["evaluate", str(p.run), "--episodes", "0"],
        "episodes: expected",
    ),
    "evaluate, nowhere": (
        _nothing,
        lambda p: ["evaluate", str(p.run), "--evaluation", "distracted"],
        "evaluation: expected one of original, distracted_train",
    ),
    "evaluate, added twice": (
        _nothing,
        lambda p: ["evaluate", str(p.run), "--add"],
        "add: the result has the evaluation 'original' already",
    ),
    "evaluate, added with other episodes": (
        _nothing,
        lambda p: ["evaluate", str(p.run), "--evaluation", "distracted_train", "--add"],
        "add: expected as many episodes",
    ),
    "evaluate, damaged": (_damage_checkpoint, lambda p: ["evaluate", str(p.run)], "delete it to"),
    "evaluate, a film in the way": (
        _film,
        lambda p: ["evaluate", str(p.run), "--video", str(p.root / "mine.gif")],
        "already exists",
    ),
    "evaluate, no film": (
        _nothing,
        lambda p: ["evaluate", str(p.run), "--video", str(p.root / "x.avi")],
        "ends in .gif or .mp4",
    ),
    "report, nothing there": (
        _nothing,
        lambda p: ["report", str(p.root / "nowhere")],
        "holds no finished run",
    ),
    "report, one seed twice": (
        _second_run,
        lambda p: ["report", str(p.root / "runs")],
        "have the same seed (0)",
    ),
    "report, a file in the way": (
        _table,
        lambda p: ["report", str(p.root / "runs")],
        "table.md is in the way",
    ),
    "report, no facts": (_no_facts, lambda p: ["report", str(p.root / "runs")], "facts.json"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_command_changes_nothing(place: Place, capsys: Any, name: str) -> None:
    prepare, command, message = REFUSED[name]
    prepare(place)
    before = snapshot(place.root)
    assert _status(command(place)) != 0
    assert message in " ".join(capsys.readouterr().err.split())
    assert snapshot(place.root) == before


def _status(command: list[str]) -> Any:
    """The options' own parser ends the process."""
    try:
        return main(command)
    except SystemExit as error:
        return error.code


def test_a_held_folder_is_left_alone(place: Place, capsys: Any) -> None:
    with write_lock(place.run / "run"):
        before = snapshot(place.root)
        assert main(place.train("--steps", "8")) == 1
        assert snapshot(place.root) == before


@pytest.mark.parametrize("command", [Place.train, Place.sweep])
def test_what_is_done_is_left_alone(
    place: Place, command: Callable[[Place], list[str]], capsys: Any
) -> None:
    before = snapshot(place.root)
    assert main(command(place)) == 0
    assert snapshot(place.root) == before


def test_a_refused_run_stays_in_the_report(place: Place, capsys: Any) -> None:
    """And can be prolonged afterwards."""
    assert main(place.train("--steps", "2")) == 1
    assert main(["report", str(place.root / "runs")]) == 0
    assert "| BC (paper, steps=4," in capsys.readouterr().out
    assert main(place.train("--steps", "5")) == 0


def test_the_result_of_a_shorter_run_is_not_that_of_a_longer(place: Place) -> None:
    """Killed after the last evaluation and before the result was written."""
    run = RunFolder(place.run)
    old = run.result_path.read_bytes()
    assert main(place.train("--steps", "5")) == 0
    new = run.result_path.read_bytes()
    run.result_path.write_bytes(old)
    assert not run.is_done(5)
    assert main(place.train("--steps", "5")) == 0
    assert run.result_path.read_bytes() == new
