"""``vd4rl publish --dry-run``, a plain file server and ``source="hf://..."``, together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import vd4rl_data
from tests.cli.conftest import Run
from tests.download.static_server import serving
from vd4rl_data.errors import RemoteFileNotFoundError

SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_what_is_prepared_can_be_served_from_a_folder_and_loaded(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    sample = next((repository / "vd4rl_data/samples/VD4RL").glob("*.h5"))
    prepared = tmp_path / "prepared"
    done = run("publish", sample, "--repo", "lab/walker", "--out", prepared, "--dry-run")
    assert done.status == 0, done.err
    assert "Nothing was uploaded." in done.out
    served = tmp_path / "served"
    shutil.copytree(prepared, served / "datasets" / "lab" / "walker" / "resolve" / COMMIT)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serving(served) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        theirs = vd4rl_data.load_dataset(SAMPLE, source=f"hf://lab/walker@{COMMIT}")
        with pytest.raises(RemoteFileNotFoundError, match="revision/main"):
            vd4rl_data.load_dataset(SAMPLE, source="hf://lab/walker")
    again = vd4rl_data.load_dataset(SAMPLE, source=f"hf://lab/walker@{COMMIT}")
    ours = vd4rl_data.load_dataset(SAMPLE)
    np.testing.assert_array_equal(theirs[1].observations, ours[1].observations)
    assert again.paths == theirs.paths != ours.paths
