"""Everything that refuses a run. Nothing here writes, so that a refused command changes nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, Final

from baselines.bench.registry import get_algorithm
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import Machine, RunSettings
from baselines.errors import CheckpointError, InvalidSettingError
from vd4rl_data import seeding
from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.registry import get_dataset_spec

SEEDING: Final = {
    "training_streams": seeding.TRAINING_STREAMS,
    "evaluation_protocol": seeding.EVALUATION_PROTOCOL,
}
"""What a run that goes on must have begun with."""


def check_run(settings: RunSettings, run: RunFolder, machine: Machine) -> dict[str, Any] | None:
    """Check that a run may begin in this folder, or go on with what lies there.

    Returns:
        The checkpoint that it goes on from, if there is one.

    Raises:
        InvalidSettingError: the algorithm cannot take frames of the dataset's size, or the folder
            holds a run with other settings, or one that is past the steps asked for.
        CheckpointError: what lies there is damaged, or was made on another kind of device or with
            other random streams.
        DeviceNotFoundError, MissingDependencyError: the machine has not what was asked for.
    """
    device = machine.torch_device()
    check_size = get_algorithm(settings.algorithm).check_size
    if check_size is not None:
        check_size(get_dataset_spec(settings.dataset).size)
    if machine.tensorboard:
        check_tensorboard()
    if run.path.exists() and not run.path.is_dir():
        raise InvalidSettingError(f"{run.path}: expected a folder, this is a file")
    run.check_settings(settings)
    saved = run.load_checkpoint(settings.algorithm)
    if saved is None:
        return None
    reached, steps = int(saved["step"]), settings.hyperparameters.steps
    if reached > steps:
        raise InvalidSettingError(
            f"steps: expected at least {reached}, which the run in {run.path} has reached, got "
            f"{steps}; give another folder to train a shorter one"
        )
    if saved["device"] != device.type:
        raise CheckpointError(
            f"{run.path}: this run was made on {saved['device']}; go on with "
            f"--device {saved['device']}, or start anew in another folder"
        )
    begun = saved.get("seeding", dict.fromkeys(SEEDING, 1))
    if begun != SEEDING:
        raise CheckpointError(
            f"{run.path}: this run was begun with other random streams, {begun}; this version of "
            f"the package has {SEEDING}. Start anew in another folder"
        )
    return saved


def check_data(settings: RunSettings, run: RunFolder, data: Mapping[str, Any]) -> None:
    """Check that a run goes on with the data that it was begun on.

    Raises:
        InvalidSettingError: these are others.
        CheckpointError: what was noted of them is damaged.
    """
    found = run.facts()["data"]
    if found != data:
        raise InvalidSettingError(
            f"{run.path} was begun on other data of {settings.dataset}: {found} there, "
            f"{dict(data)} here"
        )


def check_tensorboard() -> None:
    """Check that event files can be written.

    Raises:
        MissingDependencyError: they cannot.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingDependencyError(
            'TensorBoard is not installed: pip install -e ".[baselines]", or pass --no-tensorboard'
        )
