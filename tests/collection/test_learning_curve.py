"""The picture of a learning curve shows all that was returned."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from collection.learning_curve import draw_learning_curve


@pytest.mark.parametrize(("lowest", "drawn_from"), [(-900.0, -900.0), (0.0, 0.0), (70.0, 0.0)])
def test_returns_below_zero_are_seen(
    lowest: float, drawn_from: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the axis begins at zero."""
    curve = [
        {
            "environment_steps": 10_000 * number,
            "evaluation_returns": [100.0 * number],
            "training_returns": [lowest, 90.0 * number],
        }
        for number in (1, 2, 3)
    ]
    limits: list[tuple[float, float]] = []
    save = Figure.savefig

    def note(self: Figure, *arguments: object, **options: object) -> None:
        limits.extend(axes.get_ylim() for axes in self.axes)
        save(self, *arguments, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Figure, "savefig", note)
    draw_learning_curve(tmp_path / "curve.png", "dclaw_screw", curve)
    ((bottom, top),) = limits
    assert bottom <= drawn_from < top
    assert bottom == 0 or drawn_from < 0
