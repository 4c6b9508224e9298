"""A run that has come far goes on at once: its batches are not drawn again."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

from baselines.bench.settings import RunSettings
from vd4rl_data.sampling import TransitionSampler


def test_resuming_draws_nothing_again(
    run: Any, whole: Any, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many batches are drawn as gradient steps are left."""
    drawn: list[int] = []
    original = TransitionSampler.draw

    def counted(self: TransitionSampler) -> Any:
        drawn.append(1)
        return original(self)

    steps = settings.hyperparameters.steps

    def interrupt(step: int, _: str) -> None:
        if step >= steps - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("a", progress=interrupt)
    monkeypatch.setattr(TransitionSampler, "draw", counted)
    resumed = run("a")
    assert len(drawn) == steps - settings.protocol.evaluate_every
    assert resumed.curve()[-1]["returns"] == whole("drq_bc").curve()[-1]["returns"]
