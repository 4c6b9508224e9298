"""The programs of docs/sampling.md run, one after the other, and print what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import vd4rl_data

_PAGE = (Path(__file__).parents[2] / "docs" / "sampling.md").read_text(encoding="utf-8")
_PROGRAM = "\n".join(re.findall(r"^```python\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the programs define, once they have run."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(_PROGRAM, "docs/sampling.md", "exec"), names)
    return names


def test_programs_print_what_they_say(
    capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("names")
    promised = re.findall(r"^print\(.*\)  # (.*)$", _PROGRAM, re.MULTILINE)
    assert len(promised) >= 6
    assert capsys.readouterr().out.splitlines() == promised


@pytest.mark.render
def test_episodes_are_played_into_a_buffer(names: dict[str, Any]) -> None:
    env = gymnasium.make("VD4RL/walker_walk-random-64px-v0", max_episode_steps=30)
    episode = names["play"](env, lambda frame: env.action_space.sample())
    env.close()
    buffer = vd4rl_data.ReplayBuffer()
    buffer.add(episode)
    mixture = vd4rl_data.Mixture([(names["ds"], 1), (buffer, 1)])
    batch = next(mixture.transitions(8, 3, rng=0, state=True))
    assert batch.states.shape == (8, 24)
