"""Looking into a world model: which pictures there are, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from baselines.cli import main  # noqa: E402
from baselines.dreamer.inspection import (  # noqa: E402
    open_loop,
    reconstructions,
    reward_fit,
    uncertainties,
)
from tests.baselines.conftest import MODEL_BASED, dataset_of, inputs_of  # noqa: E402

PICTURES = ("reconstructions.png", "open_loop.png", "penalty.png", "uncertainty.png")


@pytest.fixture
def inspect(blob_root: Path, capsys: Any) -> Any:
    """The command on a run, with options; returns the exit status and what it said."""

    def start(folder: Any, *more: str) -> tuple[int, str]:
        command = ["inspect", str(folder.path), "--data-dir", str(blob_root), "--device", "cpu"]
        status = main([*command, "--sequences", "3", *more])
        said = capsys.readouterr()
        return status, said.out + said.err

    return start


def test_pictures_and_penalties(run: Any, inspect: Any) -> None:
    name = "semopo"
    folder, dataset = run("a", algorithm=name, hyper={"steps": 5}), dataset_of(name).name
    status, said = inspect(folder, "--seen", "2", "--others", dataset)
    assert status == 0, said
    for picture in PICTURES:
        with Image.open(folder.path / "inspection" / picture) as image:
            assert np.asarray(image).std() > 1
    figures = json.loads((folder.path / "inspection" / "figures.json").read_text())
    assert list(figures) == [dataset, "white noise"]
    assert all(each["mean_penalty"] > 0 for each in figures.values())
    assert all(each["mean_exogenous"] > 0 for each in figures.values())
    assert figures[dataset]["reward_r2"] < 1
    status, said = inspect(folder, "--seen", "2")
    assert status == 1
    assert "reconstructions.png already exists" in said
    assert inspect(folder, "--seen", "2", "--replace")[0] == 0


def test_both_halves_of_a_model_are_shown(make_agent: Any) -> None:
    agent = make_agent("semopo")
    ((batch, _),) = inputs_of(agent, 0, 1)
    generator = torch.Generator().manual_seed(0)
    names = [strip.name for strip in reconstructions(agent, batch, generator)]
    assert names[:5] == ["data", "both", "endogenous", "exogenous", "mask"]
    states = agent.observe_frames(batch, generator)
    seen = agent.pictures(states)
    mask = seen["mask"] + 0.5
    assert mask.shape == (2, 3, 1, 64, 64)
    mixed = mask * seen["endogenous"] + (1 - mask) * seen["exogenous"]
    torch.testing.assert_close(seen["both"], mixed)


def test_what_cannot_be_inspected_is_told(run: Any, inspect: Any) -> None:
    free = run("free", hyper={"steps": 1})
    assert "drq_bc has no world model" in inspect(free)[1]
    folder = run("a", algorithm="offline_dv2", hyper={"steps": 5})
    assert "seen: expected 1 to 2, got 3" in inspect(folder, "--seen", "3")[1]
    assert "--seed: expected at least 0, got -1" in inspect(folder, "--seed", "-1")[1]
    assert not (folder.path / "inspection").exists()


@pytest.mark.parametrize("name", MODEL_BASED)
def test_open_loop_sees_only_the_beginning(make_agent: Any, name: str) -> None:
    agent = make_agent(name)
    ((batch, _),) = inputs_of(agent, 0, 1)

    def strips(chunk: Any, draw: Any, *more: int) -> list[Any]:
        return draw(agent, chunk, *more, torch.Generator().manual_seed(0))

    changed = type(batch)(batch.frames.clone(), batch.actions, batch.rewards)
    changed.frames[:, 1:] = 255 - changed.frames[:, 1:]
    expected, found = (strips(chunk, open_loop, 1) for chunk in (batch, changed))
    per_sequence = len(expected) // len(batch.frames)
    assert [strip.name for strip in expected].count("data") == len(batch.frames)
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        same = torch.equal(ours.frames, theirs.frames)
        assert same == bool(number % per_sequence)
    rows = strips(batch, reconstructions)
    assert torch.equal(rows[0].frames, batch.frames[0].permute(0, 2, 3, 1))
    for each in uncertainties(agent, batch, torch.Generator().manual_seed(0)).values():
        assert each.shape == batch.rewards[:, 1:].shape
    states = agent.observe_frames(batch, torch.Generator().manual_seed(0))[0]
    known = type(batch)(batch.frames, batch.actions, agent.expected_rewards(states).detach())
    assert reward_fit(agent, known, torch.Generator().manual_seed(0)) == pytest.approx(1.0)
