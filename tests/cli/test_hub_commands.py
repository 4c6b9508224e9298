"""``vd4rl mirror serve``, ``vd4rl publish --dry-run`` and ``source="hf://..."``, together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vd4rl_data
from tests.cli.conftest import Run
from vd4rl_data.hub.mirror import MirrorServer

SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"


def test_what_is_prepared_can_be_served_and_loaded(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    sample = next((repository / "vd4rl_data/samples/VD4RL").glob("*.h5"))
    prepared = tmp_path / "prepared"
    done = run("publish", sample, "--repo", "lab/walker", "--out", prepared, "--dry-run")
    assert done.status == 0, done.err
    assert "Nothing was uploaded." in done.out
    served = tmp_path / "served"
    shutil.copytree(prepared, served / "datasets" / "lab" / "walker")
    with MirrorServer(served) as server:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        theirs = vd4rl_data.load_dataset(SAMPLE, source="hf://lab/walker")
        requests = server.counters.requests
        commit = theirs.paths[0].relative_to(os.environ["VD4RL_DATA_DIR"]).parts[3]
        again = vd4rl_data.load_dataset(SAMPLE, source=f"hf://lab/walker@{commit}")
        assert server.counters.requests == requests
    ours = vd4rl_data.load_dataset(SAMPLE)
    np.testing.assert_array_equal(theirs[1].observations, ours[1].observations)
    assert again.paths == theirs.paths != ours.paths


def test_mirror_serves_until_interrupted(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    command = [sys.executable, "-m", "vd4rl_data.cli", "mirror", "serve", str(tmp_path)]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("export HF_ENDPOINT=http://127.0.0.1:")
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) in (0, 2)
