"""The command line: what it trains, what it says, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench.presets import preset_settings  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.cli import main  # noqa: E402
from tests.baselines import blob  # noqa: E402
from vd4rl_data.results import read_result  # noqa: E402

SMALL = ["--steps", "4", "--batch-size", "6", "--feature-dim", "8", "--hidden-dim", "16"]
QUICK = ["--device", "cpu", "--workers", "1", "--no-tensorboard"]


@pytest.fixture
def train(blob_root: Path, tmp_path: Path) -> Any:
    def start(*more: str, algorithm: str = "drq_bc", name: str = "a") -> int:
        given = ["--algorithm", algorithm, "--dataset", blob.SPEC.name, "--no-progress"]
        where = ["--out", str(tmp_path / name), "--data-dir", str(blob_root)]
        return main(["train", *given, *where, *SMALL, *QUICK, "--evaluation-episodes", "2", *more])

    return start


def test_train_evaluate_report(train: Any, tmp_path: Path, capsys: Any) -> None:
    video = tmp_path / "episode.gif"
    assert train("--video", str(video)) == 0
    assert train("--seed", "1", name="b") == 0
    assert train(algorithm="bc", name="c") == 0
    run = RunFolder(tmp_path / "a")
    said = capsys.readouterr().out
    assert f"{run.curve()[-1]['mean_return']:.1f}" in said
    assert video.read_bytes()[:6] == b"GIF89a"
    assert main(["evaluate", str(run.path), "--episodes", "2", "--workers", "1"]) == 0
    episodes = capsys.readouterr().out.splitlines()[1].split()[1:]
    assert episodes == [f"{value:.1f}" for value in run.curve()[-1]["returns"]]
    added = ["--evaluation", "distracted_train", "--add"]
    assert main(["evaluate", str(run.path), "--episodes", "2", "--workers", "1", *added]) == 0
    both = read_result(run.result_path).evaluations
    assert [each.environment for each in both] == ["original", "distracted_train"]
    assert both[0].runs[0].returns == both[1].runs[0].returns  # the toy's are the same
    capsys.readouterr()
    assert main(["report", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    rows = [line.split(" | ") for line in said.splitlines() if line.startswith("| Toy")]
    small = "steps=4, batch_size=6, feature_dim=8, hidden_dim=16, evaluation_episodes=2"
    assert [row[1] for row in rows] == [f"{name} (paper, {small})" for name in ("BC", "DrQ+BC")]
    assert [row[3] for row in rows] == ["1", "2"]
    assert " ± " in rows[1][4]
    assert " ± " not in rows[0][4]
    merged = read_result(next((tmp_path / "report").glob("*drq_bc*.json")))
    assert [each.seed for each in merged.evaluations[0].runs] == [0, 1]
    assert merged.protocol.seeds == 2
    assert len(list((tmp_path / "report").glob("*.png"))) == 1


def test_options_are_those_of_the_algorithm(capsys: Any) -> None:
    given = ["--dataset", "VD4RL/cheetah_run-expert-84px-v0", "--preset", "paper", "--help"]
    with pytest.raises(SystemExit):
        main(["train", "--algorithm", "cql", *given])
    said = capsys.readouterr().out
    assert "--alpha" in said
    assert "default: 20.0" in said
    assert "--bc-weight" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--algorithm", "drqbc", "--dataset", blob.SPEC.name], "Did you mean 'drq_bc'?"),
        (["--algorithm", "bc", "--dataset", "VD4RL/walker_walk-medum-64px-v0"], "unknown behavior"),
        (
            ["--algorithm", "bc", "--dataset", "VD4RL/walker_walk-medium-64px-v0"],
            "VD4RL/walker_walk-medium-64px-v0",
        ),
        (["--algorithm", "bc", "--dataset", blob.SPEC.name, "--learning-rate", "0"], "above 0"),
        (["--algorithm", "bc", "--dataset", blob.SPEC.name, "--steps", "0"], "at least 1"),
        (["--algorithm", "bc", "--dataset", blob.SPEC.name, "--device", "tpu"], "device:"),
        (["--algorithm", "bc", "--dataset", blob.SPEC.name, "--device", "cuda:99"], "cuda:99"),
        (["--algorithm", "cql", "--dataset", blob.SPEC.name, "--tau", "1.5"], r"in [0, 1]"),
    ],
)
def test_bad_input(
    blob_root: Path,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    more = [] if "--device" in arguments else ["--device", "cpu"]
    status: Any
    try:
        status = main(["train", *arguments, *more, "--no-progress", "--no-tensorboard"])
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    assert status != 0
    assert message in " ".join((said.out + said.err).split())


def test_another_algorithms_checkpoint(train: Any, tmp_path: Path, capsys: Any) -> None:
    assert train(algorithm="bc") == 0
    assert train(algorithm="drq_bc", name="b") == 0
    assert train(algorithm="drq_bc") == 1  # the folder's settings already say no
    assert "holds a run of algorithm bc, and drq_bc was asked for" in capsys.readouterr().err
    checkpoint = (tmp_path / "a" / "checkpoint.pt").read_bytes()
    (tmp_path / "b" / "checkpoint.pt").write_bytes(checkpoint)
    assert train(algorithm="drq_bc", name="b") == 1
    assert "expected a checkpoint of 'drq_bc', this is one of 'bc'" in capsys.readouterr().err
    (tmp_path / "b" / "checkpoint.pt").write_bytes(checkpoint[:1000])
    assert train(algorithm="drq_bc", name="b") == 1
    assert "delete it to start this run anew" in capsys.readouterr().err


@pytest.mark.parametrize("preset", ["paper", "official_code", "smoke"])
@pytest.mark.parametrize("name", ["bc", "drq_bc", "cql"])
def test_presets(name: str, preset: Any) -> None:
    hyper, protocol = preset_settings(name, "VD4RL/walker_walk-medium-84px-v0", preset)
    paper = preset == "paper"
    if preset == "smoke":
        assert hyper.steps <= 100
        return
    assert hyper.batch_size == 256
    assert hyper.steps == (100_000 if paper else 550_000)
    assert hyper.learning_rate == (1e-4 if paper else 3e-4)
    assert hyper.stddev_duration == (500_000 if paper else 250_000)
    assert (hyper.stddev_start, hyper.stddev_end, hyper.stddev_clip) == (1.0, 0.1, 0.3)
    assert (hyper.feature_dim, hyper.hidden_dim, hyper.frame_stack) == (50, 1024, 3)
    assert protocol.evaluate_every == 5_000
    assert protocol.evaluation_episodes == 10
    if name != "bc":
        assert (hyper.discount_factor, hyper.tau) == (0.99, 0.01)
        assert hyper.n_step == (1 if name == "cql" and not paper else 3)
    if name == "drq_bc":
        assert hyper.bc_weight == 2.5
    if name == "cql":
        assert hyper.num_actions == 10
        assert hyper.alpha == (2.0 if paper else 10.0)


def test_cql_trade_offs_are_the_papers() -> None:
    table = {
        "walker_walk": {"random": 0.5, "medium_replay": 0.5, "medium": 2, "medium_expert": 2},
        "cheetah_run": {"random": 0.5, "medium_replay": 0.5, "medium": 10, "medium_expert": 1},
    }
    table["walker_walk"]["expert"] = 5
    table["cheetah_run"]["expert"] = 20
    for task, rows in table.items():
        for behavior, alpha in rows.items():
            hyper, _ = preset_settings("cql", f"VD4RL/{task}-{behavior}-84px-v0", "paper")
            assert hyper.alpha == alpha
    steps = preset_settings("cql", "VD4RL/walker_walk-medium_expert-84px-v0", "paper")[0].steps
    assert steps == 200_000


@pytest.mark.parametrize(("name", "mean"), [("bc", 409.0), ("drq_bc", 468.0), ("cql", 148.0)])
def test_published_numbers_come_from_the_leaderboards_files(name: str, mean: float) -> None:
    """V-D4RL, Table 1, walker medium; a benchmark has no size."""
    from baselines.bench.report import STORE, find_published
    from baselines.bench.settings import RunSettings

    dataset = "VD4RL/walker_walk-medium-64px-v0"
    hyper, _ = preset_settings(name, dataset, "paper")
    settings = RunSettings(algorithm=name, dataset=dataset, hyperparameters=hyper)
    found = find_published(settings, STORE)
    assert found is not None
    assert found.mean == pytest.approx(mean)
    assert "Table 1" in found.source
    assert find_published(settings, Path("nowhere")) is None
