"""Does this machine render the same pixels as the machine that made a dataset?"""

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
    """Render reference frames of a task on this machine.

    Args:
        task: the name of a registered task, or a task's row.
        physics_states: float64 (F, S): the states to render, as in ``infos/physics_state``.
        size: height and width of the frames in pixels.

    Raises:
        RenderBackendError: no OpenGL library works here.
    """
    simulation = Simulation(task)
    try:
        frames = np.stack([simulation.render_state(state, size) for state in physics_states])
    finally:
        simulation.close()
    return RenderFingerprint(renderer_name(), physics_states, frames)


def check_fingerprint(fingerprint: RenderFingerprint, task: str | TaskSpec) -> float:
    """Render a fingerprint's states on this machine and compare the frames.

    Returns:
        The mean absolute difference in gray levels, 0 to 255; 0.0 means identical pixels.

    Raises:
        RenderBackendError: no OpenGL library works here.
    """
    size = fingerprint.frames.shape[1]
    here = make_fingerprint(task, fingerprint.physics_states, size)
    return frame_difference(here.frames, fingerprint.frames)


def warn_on_drift(dataset_id: str) -> None:
    """Compare a dataset's local file with this machine's renderer, once per process and id.

    A difference gives a :class:`~vd4rl_data.errors.RenderDriftWarning`. Nothing is downloaded, and
    nothing is compared without a local file that has a fingerprint, or in a worker process that
    does not know the id (the process that started it does the comparison).
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
            f"{dataset_id}: this machine renders other pixels than the machine that made the"
            f" dataset; the frames differ by {difference:.3f} gray levels (of 255) on average."
            f" Dataset: {fingerprint.renderer}. Here: {renderer_name()}; {installed}. Agents"
            " trained on the dataset are evaluated here on slightly different images; `vd4rl info`"
            " shows the versions that it was made with, and `vd4rl verify --render` measures the"
            " difference again.",
            RenderDriftWarning,
            stacklevel=2,
        )
