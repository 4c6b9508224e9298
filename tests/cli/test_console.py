"""Progress in a terminal and in a log file."""

from __future__ import annotations

import pytest

from vd4rl_data.cli.console import PlainProgress, progress_bar


def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0, 29.0, 31.0, 40.0, 3600.0])
    monkeypatch.setattr("vd4rl_data.cli.console.time.monotonic", lambda: next(clock))
    progress = PlainProgress("reading", 200, "episodes")
    for done in (1, 2, 10, 11, 100):
        progress(done)
    assert capsys.readouterr().err == (
        "reading: 10 of 200 episodes, 00:09:49 left\nreading: 100 of 200 episodes, 01:00:00 left\n"
    )


def test_an_unknown_total(capsys: pytest.CaptureFixture[str]) -> None:
    PlainProgress("verifying", None, "episodes", seconds_between=0.0)(3)
    assert capsys.readouterr().err == "verifying: 3 episodes\n"


@pytest.mark.parametrize("total", [None, 3])
def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    with progress_bar("packing", total) as update:
        update(2)
        update(5)  # the total was a guess
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "packing" in captured.err
    assert ("5/5" if total else "5/?") in captured.err


def test_a_log_of_a_short_job_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("packing", 3) as update:
        update(3)
    assert capsys.readouterr() == ("", "")
