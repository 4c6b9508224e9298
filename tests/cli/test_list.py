"""``vd4rl list``."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.conftest import ID, SAMPLE, Run, flip_byte, write
from vd4rl_data.registry import DATASETS, list_datasets
from vd4rl_data.suites.policies import TRAINING_RUNS
from vd4rl_data.ways import KINDS, ways_to_get

_MEDIUM = "VD4RL/walker_walk-medium-64px-v0"
_EXPERT = "VD4RL/walker_walk-expert-64px-v0"
_MEDIUM_EXPERT = "VD4RL/walker_walk-medium_expert-64px-v0"


def _line(text: str, name: str) -> str:
    (found,) = (line for line in text.splitlines() if line.split()[:1] == [name])
    return found


def test_a_pipe_gets_a_line_per_dataset(run: Run) -> None:
    header, *lines = run("list").out.splitlines()
    assert header.split() == [
        "id",
        "episodes",
        "transitions",
        "return",
        "raw",
        "GB",
        "here",
        "origin",
        "how",
        "to",
        "get",
        "it",
    ]
    assert [line.split()[0] for line in lines] == list(DATASETS)
    assert _line("\n".join(lines), ID).split()[1:] == [
        "200",
        "100,000",
        "42.3",
        "±",
        "8.7",
        "1.23",
        "-",
        "download",
        "or",
        "collect",
    ]


@pytest.mark.parametrize(
    ("option", "value"),
    [("suite", "VD4RL"), ("task", "humanoid_walk"), ("behavior", "medium_expert"), ("size", 84)],
)
def test_filters(run: Run, option: str, value: str | int) -> None:
    expected = [spec.name for spec in list_datasets(**{option: value})]
    found = [row["name"] for row in json.loads(run("list", f"--{option}", value, "--json").out)]
    assert found == expected
    assert len(found) > 0


_PARTS = any(replay.of for run in TRAINING_RUNS for replay in run.replays.values())
_HOW = [how for how in KINDS if how != "part" or _PARTS]


@pytest.mark.parametrize("how", _HOW)
def test_every_dataset_can_be_had_somehow(run: Run, how: str) -> None:
    rows = json.loads(run("list", "--how", how, "--json").out)
    assert rows
    expected = [
        spec.name for spec in list_datasets() if how in {way.kind for way in ways_to_get(spec)}
    ]
    assert [row["name"] for row in rows] == expected
    (way,) = (way for way in rows[0]["ways"] if way["kind"] == how)
    assert way["commands"]


def test_filters_that_leave_nothing(run: Run) -> None:
    arguments = ("list", "--task", "humanoid_walk", "--behavior", "expert", "--size", "64")
    assert len(json.loads(run(*arguments, "--json").out)) == 1
    assert run("list", "--size", "84").status == 0


def test_json_has_every_field(run: Run, dataset: Path) -> None:
    rows = {row["name"]: row for row in json.loads(run("list", "--json").out)}
    assert list(rows) == list(DATASETS)
    row = rows[ID]
    assert row["id"]["behavior"] == "random"
    assert row["task"]["action_size"] == 6
    assert row["published_returns"]["mean"] == 42.3
    assert row["raw_bytes"] == 100_200 * 64 * 64 * 3
    assert row["local"] == {
        "state": "incomplete",
        "num_episodes": 4,
        "origin": "regenerated",
        "path": str(dataset),
        "bundled": False,
        "parts": [],
    }
    assert rows[SAMPLE]["local"]["bundled"] is True
    assert rows[_MEDIUM_EXPERT]["local"]["parts"][0]["state"] == "absent"


def test_what_is_here(run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(data_dir, lengths=[1] * 200)
    write(data_dir, _MEDIUM, [1] * 200, origin="official")
    write(data_dir, _EXPERT, [1] * 3, origin="imported")
    out = run("list").out
    assert "  complete       regenerated  " in _line(out, ID)
    assert "  complete       official  " in _line(out, _MEDIUM)
    assert "  3/200          imported  " in _line(out, _EXPERT)
    assert "  composite 1/2  imported+official  " in _line(out, _MEDIUM_EXPERT)
    assert "  bundled        sample  " in _line(out, SAMPLE)
    rows = {row["name"]: row["local"] for row in json.loads(run("list", "--json").out)}
    composite = rows[_MEDIUM_EXPERT]
    assert (composite["state"], composite["num_episodes"]) == ("incomplete", 203)
    assert [part["state"] for part in composite["parts"]] == ["complete", "incomplete"]


def test_a_damaged_file_is_told(run: Run, dataset: Path) -> None:
    flip_byte(dataset, 20)
    finished = run("list")
    assert finished.status == 0
    assert " damaged " in _line(finished.out, ID)


def test_a_complete_copy_comes_before_an_incomplete_one(
    run: Run, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VD4RL_SHARED_DATA_DIRS", str(tmp_path))
    write(data_dir, lengths=[1, 1])
    write(tmp_path, lengths=[1] * 200)
    assert "  complete       regenerated  " in _line(run("list").out, ID)


@pytest.mark.parametrize("beside", [-11, 0, 3, 19, 39, 59, 79, 159])
def test_no_terminal_is_too_narrow(run: Run, monkeypatch: pytest.MonkeyPatch, beside: int) -> None:
    """Beside the longest id there is room for this many letters."""
    width = max(map(len, DATASETS)) + beside
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, no_color=True, width=width, highlight=False)
    monkeypatch.setattr("vd4rl_data.cli.listing.output_console", lambda: console)
    assert run("list").status == 0
    text = screen.getvalue().replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    suites = tuple({f"{spec.id.suite}/" for spec in list_datasets()})
    assert sum(line.startswith(suites) for line in lines) == len(DATASETS)
    joined = text.replace("\n", "")
    if beside >= 0:
        for name in DATASETS:
            assert name in joined
    assert ("here" in lines[0]) == (beside >= 19)
    assert ("return" in lines[0]) == (beside >= 39)
    assert ("Not shown" in joined) == (beside < 139)
    assert "walker_walk, 84 px" in text
