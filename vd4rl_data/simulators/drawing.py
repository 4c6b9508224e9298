"""Cheaper drawing of slow scenes: what a task's row leaves out of its model's pictures.

A software renderer spends its time on vertices and shadow maps: with shadows, MuJoCo draws the
whole scene twice more for every light that casts one. At 64 pixels most of it is not seen.
``docs/manipulation.md`` has what each setting saves and changes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Int, Int32

from vd4rl_data.simulators.decimation import decimated, whole
from vd4rl_data.spec import Drawing

_LEAST_FACES: Final = 4
"""Fewer enclose nothing."""


def simplify(model: Any, drawing: Drawing | None) -> None:
    """Apply a row's drawing to a model that was just compiled. Its physics stay as they are.

    Args:
        model: ``mujoco.MjModel``, before its first frame.
        drawing: what to leave out; ``None`` leaves out nothing.
    """
    if drawing is None:
        return
    quality = model.vis.quality
    quality.shadowsize = min(quality.shadowsize, drawing.shadow_size)
    quality.numslices = min(quality.numslices, drawing.slices)
    quality.numstacks = min(quality.numstacks, drawing.stacks)
    if not drawing.reflections:
        model.mat_reflectance[:] = 0.0
    for mesh in range(model.nmesh):
        if drawing.grid:
            _merge_vertices(model, mesh, drawing.grid)
        if 0 < drawing.mesh_faces < model.mesh_facenum[mesh]:
            _collapse_edges(model, mesh, drawing.mesh_faces)


def _merge_vertices(model: Any, mesh: int, grid: float) -> None:
    """Draw a mesh with one of its vertices per cell of a grid.

    Only the lists of faces change, which are read by the renderer alone: contacts know vertices.
    """
    vertices, faces = _mesh(model, mesh)
    drawn = merged(vertices, grid)[faces]
    keep = whole(drawn)
    if keep.sum() < _LEAST_FACES:
        return
    start = model.mesh_faceadr[mesh]
    for rows in (model.mesh_facenormal, model.mesh_facetexcoord):
        rows[start : start + keep.sum()] = rows[start : start + len(faces)][keep]
    _draw_faces(model, mesh, drawn[keep])


def _collapse_edges(model: Any, mesh: int, most: int) -> None:
    """Draw a mesh with so many faces. A corner that has moved takes what its new place has."""
    vertices, faces = _mesh(model, mesh)
    drawn, left = _collapsed(vertices.tobytes(), faces.tobytes(), most)
    _, first = np.unique(faces, return_index=True)
    one = np.zeros(len(vertices), np.int64)
    one[faces.ravel()[first]] = first
    start = model.mesh_faceadr[mesh]
    for rows in (model.mesh_facenormal, model.mesh_facetexcoord):
        whole_rows = rows[start : start + len(faces)].copy()
        moved = whole_rows.ravel()[one[drawn]]
        rows[start : start + len(left)] = np.where(drawn == faces[left], whole_rows[left], moved)
    _draw_faces(model, mesh, drawn)


@lru_cache(maxsize=64)
def _collapsed(
    vertices: bytes, faces: bytes, most: int
) -> tuple[Int[np.ndarray, "L 3"], Int[np.ndarray, " L"]]:
    """What is left of a mesh; computed once for all simulations of a process."""
    corners = np.frombuffer(vertices, np.float32).reshape(-1, 3).astype(np.float64)
    return decimated(corners, np.frombuffer(faces, np.int32).reshape(-1, 3), most)


def _mesh(model: Any, mesh: int) -> tuple[Float32[np.ndarray, "V 3"], Int32[np.ndarray, "F 3"]]:
    """Views of a mesh's vertices and of the faces that are drawn."""
    first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    start, faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    return model.mesh_vert[first : first + count], model.mesh_face[start : start + faces]


def _draw_faces(model: Any, mesh: int, faces: Int[np.ndarray, "L 3"]) -> None:
    start = model.mesh_faceadr[mesh]
    model.mesh_face[start : start + len(faces)] = faces
    model.mesh_facenum[mesh] = len(faces)


def merged(vertices: Float32[np.ndarray, "V 3"], grid: float) -> Int32[np.ndarray, " V"]:
    """The vertex that stands for each vertex: of those in its cell, the one nearest their middle.

    Args:
        vertices: float32 (V, 3), in meters.
        grid: edge of a cell, in meters.
    """
    cells = np.floor(vertices / grid).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    cell = cell.ravel()
    counts = np.bincount(cell)
    middles = np.zeros((len(counts), 3))
    np.add.at(middles, cell, vertices)
    middles /= counts[:, None]
    distance = ((vertices - middles[cell]) ** 2).sum(axis=1)
    order = np.lexsort((distance, cell))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return order[starts][cell].astype(np.int32)
