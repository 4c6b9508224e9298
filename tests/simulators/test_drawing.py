"""Cheaper drawing: which vertices and faces are left, and that nothing else changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.decimation import decimated, whole
from vd4rl_data.simulators.drawing import merged
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


def ball(around: int, along: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a sphere of radius 1, their corners in turn seen from outside."""
    polar = np.linspace(0, np.pi, along + 1)[1:-1]
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    rings = [
        (np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)) for p in polar for a in angle
    ]
    vertices = np.array([*rings, (0, 0, 1), (0, 0, -1)])
    top, bottom = len(rings), len(rings) + 1
    faces = []
    for a in range(around):
        b = (a + 1) % around
        faces.append((top, a, b))
        last = (along - 2) * around
        faces.append((bottom, last + b, last + a))
        for ring in range(0, last, around):
            faces += [(ring + a, ring + around + a, ring + b)]
            faces += [(ring + b, ring + around + a, ring + around + b)]
    return vertices, np.array(faces)


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[corner] for corner in faces.T)
    return float((a * np.cross(b, c)).sum() / 6)


def test_a_sphere_of_fewer_faces_is_still_closed_and_round() -> None:
    vertices, faces = ball(40, 30)
    drawn, left = decimated(vertices, faces, 300)
    assert 290 <= len(drawn) <= 300
    assert len(left) == len(drawn) == len(np.unique(left))
    assert whole(drawn).all()
    edges = np.concatenate([drawn[:, [0, 1]], drawn[:, [1, 2]], drawn[:, [2, 0]]]).tolist()
    assert sorted(edges) == sorted([b, a] for a, b in edges)  # each edge has two faces, in turn
    assert volume(vertices, drawn) > 0.94 * volume(vertices, faces)
    a, b, c = (vertices[corner] for corner in drawn.T)
    assert ((a + b + c) * np.cross(b - a, c - a)).sum(axis=1).min() > 0  # none is turned over


def test_what_is_flat_goes_first_and_borders_stay() -> None:
    side = np.arange(11) / 10
    flat = np.array([(x, y, 0.0) for x in side for y in side])
    corner = (np.arange(10)[:, None] * 11 + np.arange(10)).ravel()
    squares = [(corner, corner + 11, corner + 1), (corner + 1, corner + 11, corner + 12)]
    faces = np.concatenate([np.column_stack(square) for square in squares])
    drawn, _ = decimated(flat, faces, 2)
    a, b, c = (flat[corner] for corner in drawn.T)
    assert len(drawn) < 10
    assert np.cross(b - a, c - a)[:, 2].sum() / 2 == pytest.approx(1.0)
    same, left = decimated(flat, faces, len(faces))
    np.testing.assert_array_equal(same, faces)
    np.testing.assert_array_equal(left, np.arange(len(faces)))


@pytest.mark.render
def test_less_is_drawn_and_the_episode_is_the_same() -> None:
    pytest.importorskip("metaworld")
    task = get_task_spec("MetaWorld/hammer")
    rough = Drawing(256, slices=8, stacks=4, reflections=False, grid=0.02, mesh_faces=50)
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
