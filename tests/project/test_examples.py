"""The programs of examples/ for other libraries run, a few updates and steps each."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import vd4rl_data

_FOLDER = Path(__file__).parents[2] / "examples"
_PAGE = (_FOLDER / "README.md").read_text(encoding="utf-8")
_SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"examples_{name}", _FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def short_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations play three steps of one episode at a time."""
    evaluate = vd4rl_data.evaluate

    def shortened(policy: Any, name: str, **options: Any) -> vd4rl_data.Evaluation:
        env = gymnasium.make(name, max_episode_steps=3)
        return evaluate(policy, env, **{**options, "inference_batch": 1})

    monkeypatch.setattr(vd4rl_data, "evaluate", shortened)


LEARNING = {
    "td3_bc": ("torch", {"updates": 2, "batch_size": 4}),
    "torchrl_td3bc": ("torchrl", {"updates": 1, "batch_size": 4}),
    "d3rlpy_td3bc": ("d3rlpy", {"updates": 1, "batch_size": 4}),
    "sb3_finetune": ("stable_baselines3", {"updates": 1, "env_steps": 2, "batch_size": 4}),
}
"""Each program that is played at the end → what it imports, and the arguments of a short run."""


@pytest.mark.render
@pytest.mark.usefixtures("short_episodes", "no_type_checks")
@pytest.mark.filterwarnings("default")  # of other libraries
@pytest.mark.parametrize("name", LEARNING)
def test_a_policy_is_trained_and_played(name: str) -> None:
    library, arguments = LEARNING[name]
    pytest.importorskip("dm_control")
    pytest.importorskip(library, reason=f"needs {library}, see examples/README.md")
    scores = np.atleast_1d(_load(name).main(**arguments))
    assert np.isfinite(scores).all()


@pytest.mark.usefixtures("no_type_checks")
def test_worker_processes_give_the_batches_of_one() -> None:
    pytest.importorskip("torch")
    main = _load("dataloader_workers").main
    assert main(1, 250, workers=2) == main(1, 250, workers=0)


_JAX = """
import sys, gymnasium, vd4rl_data
evaluate = vd4rl_data.evaluate
vd4rl_data.evaluate = lambda policy, name, **options: evaluate(
    policy, gymnasium.make(name, max_episode_steps=3), **{**options, "inference_batch": 1}
)
import jax_cloning
print(jax_cloning.main(updates=2, batch_size=4), "torch" in sys.modules)
"""


@pytest.mark.render
def test_jax_runs_without_torch(repository: Path) -> None:
    if not importlib.util.find_spec("jax"):
        pytest.skip("needs jax, see examples/README.md")
    run = subprocess.run(
        [sys.executable, "-c", _JAX],
        env={**os.environ, "PYTHONPATH": f"{repository}{os.pathsep}{_FOLDER}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    score, torch = run.stdout.split()
    assert math.isfinite(float(score))
    assert torch == "False"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """What a published folder holds of the sample's data: packed shards."""
    folder = tmp_path / "published" / "VD4RL"
    folder.mkdir(parents=True)
    shard = vd4rl_data.load_dataset(_SAMPLE).paths[0]
    (folder / shard.name).symlink_to(shard)
    return folder.parent


@pytest.mark.usefixtures("no_type_checks")
def test_a_published_dataset_is_streamed(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets", reason="needs datasets, see examples/README.md")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    example = _load("hub_streaming")
    data = vd4rl_data.load_dataset(_SAMPLE)
    assert example.main(published, workers=0) == pytest.approx(data.returns.sum() / 1000)
    row = next(iter(example.stream(published)))
    assert row["observation"].dtype == np.uint8
    assert np.array_equal(row["observation"], data[0].observations[0])
    assert np.array_equal(row["next_observation"], data[0].observations[1])


@pytest.mark.usefixtures("no_type_checks")
def test_d3rlpy_sees_our_transitions() -> None:
    pytest.importorskip("d3rlpy", reason="needs d3rlpy: scripts/toolboxes.sh")
    example = _load("d3rlpy_td3bc")
    episode = vd4rl_data.load_dataset(_SAMPLE)[0]
    theirs = example.as_d3rlpy(episode)
    assert theirs.transition_count == len(episode)
    rows = vd4rl_data.load_dataset(_SAMPLE).transitions(1, 3).gather([0, 1, 7, 499])
    for number, step in enumerate((0, 1, 7, 499)):
        picked = example.Stacks()(theirs, step)
        assert np.array_equal(picked.observation, vd4rl_data.stacked(rows.observations)[number])
        later = vd4rl_data.stacked(rows.next_observations)[number]
        assert np.array_equal(picked.next_observation, later)
        assert np.array_equal(picked.action, rows.actions[number])
        assert picked.reward == rows.rewards[number]
        assert picked.terminal == rows.terminated[number]


def test_each_program_has_a_section_and_its_command() -> None:
    sections = dict(re.findall(r"^## [^\n]*`(\w+)\.py`\n(.*?)(?=^## |\Z)", _PAGE, re.M | re.S))
    programs = {path.stem for path in _FOLDER.glob("*.py")}
    assert set(sections) == programs
    for name, text in sections.items():
        assert f"python examples/{name}.py" in text


def test_the_algorithm_fits_on_a_page() -> None:
    assert len((_FOLDER / "td3_bc.py").read_text(encoding="utf-8").splitlines()) <= 80
