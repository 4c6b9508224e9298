"""``python -m leaderboard``: what the commands refuse, and what they write."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from leaderboard.check import check_file
from leaderboard.cli import main
from leaderboard.random_policy import random_policy
from leaderboard.store import read_store
from tests.leaderboard.documents import BASE, too_good, write
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import (
    read_result,
)


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
