"""Cheaper drawing: which vertices and faces are left, and that nothing else changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.drawing import merged, whole
from vd4rl_data.spec import Drawing, TaskSpec


def test_vertices_of_a_cell_become_the_one_nearest_their_middle() -> None:
    vertices = np.array(
        [[0.1, 0.1, 0.1], [0.5, 0.5, 0.5], [0.8, 0.8, 0.8], [1.5, 0.5, 0.5], [-0.1, 0, 0]],
        np.float32,
    )
    assert merged(vertices, 1.0).tolist() == [1, 1, 1, 3, 4]
    assert merged(vertices, 0.01).tolist() == [0, 1, 2, 3, 4]


def test_faces_with_corners_in_common_go() -> None:
    faces = np.array([[0, 1, 2], [0, 0, 2], [2, 0, 1], [0, 1, 3]])
    assert whole(faces).tolist() == [True, False, False, True]


@pytest.mark.render
def test_less_is_drawn_and_the_episode_is_the_same() -> None:
    pytest.importorskip("metaworld")
    task = get_task_spec("MetaWorld/hammer")
    rough = Drawing(shadow_size=256, slices=8, stacks=4, reflections=False, grid=0.02)
    tasks: list[TaskSpec] = [
        dataclasses.replace(task, drawing=drawing) for drawing in (None, task.drawing, rough)
    ]
    frames, states, faces = [], [], []
    for row in tasks:
        simulation = Simulation(row)
        simulation.reset(0)
        for _ in range(3):
            simulation.step(np.array([0.5, 0.0, -1.0, 1.0]))
        frames.append(simulation.render(64).astype(int))
        states.append(simulation.physics_state)
        faces.append(int(simulation._simulator.model.mesh_facenum.sum()))
        simulation.close()
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])
    assert faces[0] > 1.5 * faces[1] > 3 * faces[2]
    assert 0 < np.abs(frames[0] - frames[1]).mean() < 1 < np.abs(frames[0] - frames[2]).mean()
