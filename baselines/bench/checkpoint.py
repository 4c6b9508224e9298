"""Reading a checkpoint, and what it must fit before a run goes on with it."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import torch

from baselines.bench.phases import TRAINING, Schedule
from baselines.errors import CheckpointError, InvalidSettingError

_UNREADABLE: Final = (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, OSError)


def read_checkpoint(
    path: Path, algorithm: str, advice: str = "delete it to start this run anew"
) -> dict[str, Any]:
    """What :meth:`RunFolder.save_checkpoint` wrote, on the CPU.

    Args:
        path: of the file.
        algorithm: that it must be of.
        advice: what to do if it is damaged.

    Raises:
        CheckpointError: it is damaged, or of another algorithm.
    """
    try:
        state: Any = torch.load(path, weights_only=True, map_location="cpu")
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{path} cannot be read: it is damaged, or no checkpoint; {advice}"
        ) from error
    made_by = state.get("algorithm") if isinstance(state, dict) else None
    if made_by != algorithm:
        raise CheckpointError(
            f"{path}: expected a checkpoint of {algorithm!r}, this is one of {made_by!r}"
        )
    return cast("dict[str, Any]", state)


def phases_of(saved: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Names and starts of the phases that a saved run has been in; the last one was saved in.

    Checkpoints from before there were phases have one.
    """
    if "phases" not in saved:
        return [(TRAINING, 0)]
    return [(str(name), int(start)) for name, start in saved["phases"]]


def batches_of(saved: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of the batches of the phase that was saved in.

    Checkpoints from before there were phases hold states of earlier samplers: batches are drawn
    again up to their step.
    """
    if "phases" not in saved:
        return {"taken": saved["step"], "sampler": None}
    return saved["batches"]


def check_phases(saved: Mapping[str, Any], schedule: Schedule) -> None:
    """Check that a run had, so far, the phases that it would have had with the steps asked for.

    Raises:
        InvalidSettingError: with these steps earlier phases would have been longer or shorter.
    """
    there, asked = phases_of(saved), schedule.passed(int(saved["step"]))
    if there != asked:
        raise InvalidSettingError(
            f"steps: a run of {schedule.steps:,} gradient steps has other phases than the one that "
            f"was begun: {_told(asked)} asked for, {_told(there)} there. Give the steps that it "
            "was begun with, or another folder to start anew"
        )


def _told(phases: list[tuple[str, int]]) -> str:
    return ", ".join(f"{name} from step {start:,}" for name, start in phases)
