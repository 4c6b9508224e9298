"""Does this machine draw what the machine that made a dataset drew?"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from jaxtyping import Float64

from vd4rl_data.errors import RenderDriftWarning, UnknownDatasetError
from vd4rl_data.fingerprint import RenderFingerprint, frame_difference
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.gl import renderer_name
from vd4rl_data.simulators.table import find_simulator
from vd4rl_data.simulators.versions import describe_installed
from vd4rl_data.spec import TaskSpec

_CHECKED: Final[set[str]] = set()


def make_fingerprint(
    task: str | TaskSpec, physics_states: Float64[np.ndarray, "F S"], size: int
) -> RenderFingerprint:
    """Draw reference frames of a task.

    Args:
        task: a task name of the registry, or its row.
        physics_states: float64 (F, S): the states to draw, as recorded in ``infos/physics_state``.
        size: height and width of the frames in pixels.

    Raises:
        RenderBackendError: there is no OpenGL library, or it refuses.
    """
    simulation = Simulation(task)
    try:
        frames = np.stack([simulation.render_state(state, size) for state in physics_states])
    finally:
        simulation.close()
    return RenderFingerprint(renderer_name(), physics_states, frames)


def check_fingerprint(fingerprint: RenderFingerprint, task: str | TaskSpec) -> float:
    """Draw a fingerprint's states here and compare.

    Returns:
        The mean absolute difference in grey levels, 0 to 255; 0.0 means the very same pixels.

    Raises:
        RenderBackendError: there is no OpenGL library, or it refuses.
    """
    size = fingerprint.frames.shape[1]
    here = make_fingerprint(task, fingerprint.physics_states, size)
    return frame_difference(here.frames, fingerprint.frames)


def warn_on_drift(dataset_id: str) -> None:
    """Compare the local file of a dataset with this machine's renderer, once per process and id.

    Nothing is downloaded; without a local file, or without a fingerprint in it, nothing is
    compared, nor in a worker process that does not know the id: the one that started it does. A
    difference gives a :class:`~vd4rl_data.errors.RenderDriftWarning`.
    """
    if dataset_id in _CHECKED:
        return
    _CHECKED.add(dataset_id)
    from vd4rl_data.dataset import find_fingerprint

    try:
        spec = get_dataset_spec(dataset_id)
    except UnknownDatasetError:
        return
    fingerprint = find_fingerprint(dataset_id)
    if fingerprint is None:
        return
    difference = check_fingerprint(fingerprint, spec.task)
    if difference > 0.0:
        installed = describe_installed(find_simulator(spec.task.simulator).PACKAGES)
        warnings.warn(
            f"{dataset_id}: this machine draws other pixels than the one that made the dataset; the"
            f" frames differ by {difference:.3f} grey levels (of 255) on average. Dataset:"
            f" {fingerprint.renderer}. Here: {renderer_name()}; {installed}. Agents trained on the"
            " dataset are evaluated on slightly other images; `vd4rl info` tells the versions that"
            " it was made with, and `vd4rl verify --render` measures the difference again.",
            RenderDriftWarning,
            stacklevel=2,
        )
