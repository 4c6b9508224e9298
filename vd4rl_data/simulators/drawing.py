"""Cheaper drawing of slow scenes: what a task's row leaves out of its model's pictures.

A software renderer spends its time on vertices and shadow maps: with shadows, MuJoCo draws the
whole scene twice more for every light that casts one. At 64 pixels most of it is not seen.
``docs/manipulation.md`` has what each setting saves and changes.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32

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
    if drawing.grid:
        for mesh in range(model.nmesh):
            _simplify_mesh(model, mesh, drawing.grid)


def _simplify_mesh(model: Any, mesh: int, grid: float) -> None:
    """Draw a mesh with one of its vertices per cell of a grid.

    Only the lists of faces change, which are read by the renderer alone: contacts know vertices.
    """
    first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    start, faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    nearest = merged(model.mesh_vert[first : first + count], grid)
    drawn = nearest[model.mesh_face[start : start + faces]]
    keep = whole(drawn)
    left = int(keep.sum())
    if left < _LEAST_FACES:
        return
    model.mesh_face[start : start + left] = drawn[keep]
    for rows in (model.mesh_facenormal, model.mesh_facetexcoord):
        rows[start : start + left] = rows[start : start + faces][keep]
    model.mesh_facenum[mesh] = left


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


def whole(faces: Int[np.ndarray, "F 3"]) -> Bool[np.ndarray, " F"]:
    """Which faces (F, 3) have three different corners, and are the first of the same corners."""
    a, b, c = faces.T
    keep = (a != b) & (b != c) & (a != c)
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    only = np.zeros(len(faces), bool)
    only[first] = True
    return keep & only
