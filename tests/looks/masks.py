"""Where a frame shows the robot, by drawing the numbers of its geometries."""

from __future__ import annotations

import numpy as np

from vd4rl_data.simulators import Simulation, View
from vd4rl_data.simulators.gl import load_mujoco


def robot_mask(simulation: Simulation, size: int) -> np.ndarray:
    """bool (size, size): the pixels of everything that moves, at the simulation's state."""
    mujoco = load_mujoco()
    simulator = simulation._simulator
    model, view = simulator.model, View(size, simulation.task.camera)
    scene = simulator._canvases._canvas(model, view)._scene
    flags = [mujoco.mjtRndFlag.mjRND_SEGMENT.value, mujoco.mjtRndFlag.mjRND_IDCOLOR.value]
    scene.flags[flags] = 1
    try:
        numbers = simulator.draw(view).astype(np.int64) @ (1, 1 << 8, 1 << 16) - 1
    finally:
        scene.flags[flags] = 0
    moves = np.zeros(scene.ngeom + 1, bool)  # the last one: no geometry
    for geom in scene.geoms[: scene.ngeom]:
        if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM.value:
            moves[geom.segid] = model.geom_bodyid[geom.objid] > 0
    return moves[numbers]


def eroded(mask: np.ndarray) -> np.ndarray:
    """The mask without the pixels at its edge."""
    padded = np.pad(mask, 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return windows.all(axis=(2, 3))
