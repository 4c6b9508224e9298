"""Numbers on command lines: one out of range is told by its option, and nothing is made."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from tests.project.parsing import parsed

pytest.importorskip("torch")

ID = "VD4RL/walker_walk-random-64px-v0"
POLICY = Path(__file__).parents[2] / "collection/policies/walker_walk-medium.safetensors"
COMMANDS: dict[str, list[str]] = {
    "collection collect": [ID],
    "collection render": ["x.h5", "--size", "64"],
    "collection rollout-stats": ["walker_walk"],
    "collection judge": [str(POLICY)],
    "collection train": ["walker_walk"],
    "baselines train": ["--algorithm", "bc", "--dataset", ID],
    "baselines train ": ["--algorithm", "cql", "--dataset", ID],
    "baselines sweep": ["--algorithms", "bc", "--datasets", ID],
    "baselines evaluate": ["run"],
    "leaderboard random": ["VD4RL/walker_walk-random-v0", "--out", "x.json"],
}
"""Room and command → what it needs besides its numbers."""


def _numbers(command: Any) -> Iterator[tuple[str, type]]:
    """The options of a parsed command that take an integer or a float."""
    hints = get_type_hints(type(command))
    for field in dataclasses.fields(command):
        value = getattr(command, field.name)
        if dataclasses.is_dataclass(value):
            yield from _numbers(value)
            continue
        hint = hints[field.name]
        for kind in (float, int):
            if hint is kind or kind in get_args(hint):
                yield f"--{field.name.replace('_', '-')}", kind


@pytest.mark.parametrize("name", COMMANDS)
def test_a_number_out_of_range_is_told_by_its_option(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    room, command = name.split()
    main = importlib.import_module(f"{room}.cli").main
    arguments = [command, *COMMANDS[name]]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VD4RL_DATA_DIR", str(tmp_path / "data"))
    numbers = list(_numbers(parsed(room, arguments)))
    assert numbers
    for option, kind in numbers:
        for value in ("-1", "nan") if kind is float else ("-1",):
            assert main([*arguments, option, value]) == 1, (option, value)
            shown = capsys.readouterr().err
            assert shown.startswith(f"error: {option}: expected "), (option, value, shown)
            assert shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
