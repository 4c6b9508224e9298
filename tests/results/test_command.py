"""``vd4rl result``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.results.making import make_result
from vd4rl_data.cli import main
from vd4rl_data.results import write_result
from vd4rl_data.results.schema import make_json_schema


def test_validate_says_what_a_file_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_result(tmp_path / "r.json", make_result())
    assert main(["result", "validate", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("OK")
    assert "DrQ+BC on VD4RL/walker_walk-medium-v0, 3 runs" in out


def test_validate_lists_problems_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_result(tmp_path / "good.json", make_result())
    bad = tmp_path / "bad.json"
    bad.write_text(good.read_text().replace('"seed": 1,', '"seed": 0,'))
    assert main(["result", "validate", str(good), str(bad)]) == 1
    out = capsys.readouterr().out
    assert "OK " in out
    assert f"PROBLEM  {bad}: evaluations[0]: the seeds" in out


@pytest.mark.parametrize(
    "arguments", [["validate"], ["schema", "x.json"], ["validate", "none.json"]]
)
def test_wrong_use_is_an_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["result", *arguments]) == 2
    assert capsys.readouterr().err.startswith("vd4rl: ")


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["result", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == make_json_schema()
