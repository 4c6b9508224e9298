"""Bars: what an earlier call did counts, but not for the speed."""

from __future__ import annotations

import io
import re

import pytest
from tqdm import tqdm

from vd4rl_data.progress import StepBar, skip


def test_what_was_skipped_has_no_speed() -> None:
    bar = tqdm(total=1_000_000, file=io.StringIO(), mininterval=0)
    skip(bar, 900_000)
    bar.update(1)
    state = bar.format_dict
    assert (state["n"], state["initial"]) == (900_001, 900_000)
    assert state["rate"] is None or state["rate"] * state["elapsed"] < 1000
    bar.close()


def test_a_bar_that_is_not_drawn_counts_too() -> None:
    bar = tqdm(total=10, disable=True)
    skip(bar, 7)
    assert bar.n == 7


@pytest.mark.parametrize("first", [0, 600])
def test_positions(capsys: pytest.CaptureFixture[str], first: int) -> None:
    with StepBar(1000, title="walker") as bar:
        bar.move_to(first)
        bar.move_to(first + 100, "return 3")
        bar.move_to(first + 400)
    shown = capsys.readouterr().err
    assert re.search(rf"walker: +{first // 10 + 40}%", shown), shown
    assert f"{first + 400}/1000" in shown


def test_work_that_cannot_begin_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="refused"), StepBar(10, title="walker"):
        raise ValueError("refused")
    assert capsys.readouterr() == ("", "")


def test_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with StepBar(10, title="walker", show=False) as bar:
        bar.move_to(3)
        bar.move_to(10, "done")
    assert capsys.readouterr() == ("", "")
