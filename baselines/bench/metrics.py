"""Metrics of a run, as lines of JSON and for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from baselines.bench.run_folder import RunFolder
from vd4rl_data.storage.atomic import write_text


class MetricsLog:
    """Appends to ``metrics.jsonl`` and, if wanted, to event files."""

    def __init__(self, folder: RunFolder, step: int, *, tensorboard: bool) -> None:
        """Go on after a gradient step; what was logged later is dropped.

        TensorBoard, if it is wanted, is installed: see :mod:`baselines.bench.checks`.
        """
        self._board = _summary_writer(folder, step) if tensorboard else None
        lines = _lines_until(folder, step)
        write_text(folder.metrics_path, "".join(f"{line}\n" for line in lines))
        self._file = folder.metrics_path.open("a", encoding="utf-8")

    def train(self, step: int, values: Mapping[str, float], phase: str | None = None) -> None:
        """Log the means of the gradient steps since the last call, up to ``step``.

        Args:
            step: of the run.
            values: by name.
            phase: whose they are, where a run has several.
        """
        place = {"step": step} if phase is None else {"step": step, "phase": phase}
        self._file.write(json.dumps({**place, **values}) + "\n")
        self._file.flush()
        self._draw("train" if phase is None else f"train/{phase}", step, values)

    def evaluation(self, step: int, values: Mapping[str, float]) -> None:
        """Show an evaluation to TensorBoard; the run's curve is its home."""
        self._draw("evaluation", step, values)

    def _draw(self, group: str, step: int, values: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Close all files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def read_metrics(folder: RunFolder) -> list[dict[str, Any]]:
    """All lines."""
    if not folder.metrics_path.is_file():
        return []
    lines = folder.metrics_path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _lines_until(folder: RunFolder, step: int) -> list[str]:
    """The lines up to a step; a kill may have left half of a last one."""
    if not folder.metrics_path.is_file():
        return []
    kept: list[str] = []
    for line in folder.metrics_path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            break
        if record["step"] <= step:
            kept.append(line)
    return kept


def _summary_writer(folder: RunFolder, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder.tensorboard_path), purge_step=step + 1 if step else None)
