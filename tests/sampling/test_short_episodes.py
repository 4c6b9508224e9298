"""Windows that leave out whole episodes: how many is said once, at the line of the user."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.storage import processes, tiny
from vd4rl_data.errors import ShortEpisodesWarning
from vd4rl_data.sampling import Selection, SequenceSampler, TransitionSampler


@pytest.mark.parametrize(
    ("length", "left_out"), [(2, 2), (3, 3), (4, 4), (8, 5), (300, 5), (301, 6), (501, 6)]
)
def test_the_warning_says_how_many(painted: Any, length: int, left_out: int) -> None:
    message = f"length={length}: {left_out} of 7 episodes have fewer transitions .* pad=True"
    with pytest.warns(ShortEpisodesWarning, match=message) as found:
        sampler = SequenceSampler(painted.columns, 4, length, rng=0, epochs=1)
    assert len(found) == 1
    message = f'n_step={length}: {left_out} of 7 episodes have fewer .* n_step_end="shorten"'
    with pytest.warns(ShortEpisodesWarning, match=message) as found:
        TransitionSampler(painted.columns, 4, n_step=length, rng=0)
    assert len(found) == 1
    next(iter(sampler))  # says no more: warnings are errors here


@pytest.mark.parametrize(
    "call", ["Dataset(tiny.SPEC, [open_dataset(path)]).sequences(2, 3)", "TorchSequences(d, 2, 3)"]
)
def test_the_warning_names_the_users_line(call: str, tmp_path: Path) -> None:
    """In a process without the type checks of tests, which stand between the frames."""
    tiny.write(tmp_path / "x.h5", tiny.episodes_of((3, 1)))
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from tests.storage import tiny\n"
        "from vd4rl_data.dataset import Dataset\n"
        "from vd4rl_data.storage import open_dataset\n"
        "from vd4rl_data.pytorch import TorchSequences\n"
        "path = sys.argv[1]\n"
        "d = Dataset(tiny.SPEC, [open_dataset(path)])\n"
        f"next({call})\n"
    )
    finished = subprocess.run(
        [sys.executable, "-W", "default::UserWarning", str(script), str(tmp_path / "x.h5")],
        env={**os.environ, "PYTHONPATH": str(processes.ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert f"{script}:8: ShortEpisodesWarning: length=3: 1 of 2" in finished.stderr
    assert finished.stderr.count("ShortEpisodesWarning") == 1


@pytest.mark.parametrize("chosen", [[0, 4], [0]], ids=str)
def test_only_the_chosen_episodes_count(painted: Any, chosen: list[int]) -> None:
    Selection(painted.columns, chosen).sequences(4, 300, rng=0)
    with pytest.warns(ShortEpisodesWarning, match="1 of 2 episodes"):
        Selection(painted.columns, [0, 1]).sequences(4, 300, rng=0)


def test_windows_that_are_kept_are_not_told(painted: Any) -> None:
    with warnings.catch_warnings(record=True) as found:
        SequenceSampler(painted.columns, 4, 50, rng=0, pad=True)
        TransitionSampler(painted.columns, 4, n_step=9, n_step_end="shorten")
        TransitionSampler(painted.columns, 4, n_step=1)
        SequenceSampler(painted.columns, 4, 1)
    assert not found
