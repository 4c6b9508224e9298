"""Meshes of fewer faces that look alike: quadric error metrics (Garland and Heckbert, 1997).

Edges are collapsed onto one of their two ends, the cheapest first, so no vertex is moved or made.
Many that do not touch are collapsed at once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int

_SHARE: Final = 0.3
"""Of all edges, those that may be collapsed in one pass: the cheapest."""

_TURN: Final = 0.2
"""A face may turn until the product of its old and its new normal is this."""

_BORDER: Final = 10.0
"""How much more an open border holds than a face of the same area."""


def decimated(
    vertices: Float64[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], most: int
) -> tuple[Int[np.ndarray, "L 3"], Int[np.ndarray, " L"]]:
    """Faces that are left of a mesh.

    Args:
        vertices: float64 (V, 3).
        faces: int (F, 3), the corners.
        most: number of faces to come down to. A few more are left where any collapse would turn
            faces over; none are dropped of a mesh that has no more than these.

    Returns:
        The corners of the faces left, (L, 3), some of the given vertices; and which of the given
        faces they were, (L,).
    """
    faces, left = faces.astype(np.int64), np.arange(len(faces))
    quadrics = _quadrics(vertices, faces)
    refused = np.zeros((0, 2), np.int64)
    while len(faces) > most:
        pairs = _cheapest(vertices, faces, quadrics, refused)[: (len(faces) - most + 1) // 2]
        onto = _without_turned(vertices, faces, pairs)
        refused = np.concatenate([refused, pairs[onto[pairs[:, 0]] == pairs[:, 0]]])
        moved = np.flatnonzero(onto != np.arange(len(onto)))
        if not len(pairs):
            break
        np.add.at(quadrics, onto[moved], quadrics[moved])
        faces = onto[faces]
        kept = whole(faces)
        faces, left = faces[kept], left[kept]
    return faces, left


def _quadrics(
    vertices: Float64[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float64[np.ndarray, "V 4 4"]:
    """What it costs to move each vertex: squared distances to the planes of its faces."""
    normals = _normals(vertices, faces)
    areas = np.linalg.norm(normals, axis=1)
    units = normals / np.maximum(areas, 1e-30)[:, None]
    planes = [(faces, units, areas)]
    ends, owners = _borders(faces)
    if len(ends):  # a plane through the border, upright on its face
        along = vertices[ends[:, 1]] - vertices[ends[:, 0]]
        upright = np.cross(along, units[owners])
        size = np.linalg.norm(upright, axis=1)
        units = upright / np.maximum(size, 1e-30)[:, None]
        planes.append((ends, units, _BORDER * size**2))
    found = np.zeros((len(vertices), 4, 4))
    for corners, units, weights in planes:
        offsets = -(units * vertices[corners[:, 0]]).sum(axis=1)
        plane = np.column_stack([units, offsets])
        each = weights[:, None, None] * plane[:, :, None] * plane[:, None, :]
        for corner in corners.T:
            np.add.at(found, corner, each)
    return found


def _cheapest(
    vertices: Float64[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    quadrics: Float64[np.ndarray, "V 4 4"],
    refused: Int[np.ndarray, "R 2"],
) -> Int[np.ndarray, "E 2"]:
    """Edges without an end in common as (from, onto), the cheapest first."""
    count = len(vertices)
    keys = np.unique(np.sort(_edges(faces), axis=1) @ (count, 1))
    edges = np.column_stack(np.divmod(keys, count))
    both = np.concatenate([edges, edges[:, ::-1]])
    both = both[~np.isin(both @ (count, 1), refused @ (count, 1))]
    corners = np.column_stack([vertices, np.ones(len(vertices))])[both[:, 1]]
    shared = quadrics[both[:, 0]] + quadrics[both[:, 1]]
    costs = np.einsum("ei,eij,ej->e", corners, shared, corners)
    lengths = ((vertices[both[:, 0]] - vertices[both[:, 1]]) ** 2).sum(axis=1)
    chosen = both[np.lexsort((lengths, costs))[: int(np.ceil(_SHARE * len(both)))]]
    ranks = np.arange(len(chosen))
    first = np.full(count, len(chosen))
    for end in chosen.T:
        np.minimum.at(first, end, ranks)
    return chosen[(first[chosen] == ranks[:, None]).all(axis=1)]


def _without_turned(
    vertices: Float64[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    pairs: Int[np.ndarray, "E 2"],
) -> Int[np.ndarray, " V"]:
    """What each vertex becomes if edges collapse, all but those that would turn a face over."""
    onto = np.arange(len(vertices))
    onto[pairs[:, 0]] = pairs[:, 1]
    before = _normals(vertices, faces)
    sizes = np.linalg.norm(before, axis=1)
    while True:
        after = _normals(vertices, onto[faces])
        product = (before * after).sum(axis=1)
        turned = product < _TURN * sizes * np.linalg.norm(after, axis=1)
        wrong = np.unique(faces[turned])
        wrong = wrong[onto[wrong] != wrong]
        if not len(wrong):
            return onto
        onto[wrong] = wrong


def _borders(faces: Int[np.ndarray, "F 3"]) -> tuple[Int[np.ndarray, "B 2"], Int[np.ndarray, " B"]]:
    """The edges that only one face has, (B, 2), and that face, (B,)."""
    edges = _edges(faces)
    _, first, counts = np.unique(
        np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True
    )
    open_ = np.sort(first[counts == 1])
    return edges[open_], open_ % len(faces)


def _edges(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "E 2"]:
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def _normals(
    vertices: Float64[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float64[np.ndarray, "F 3"]:
    """Normals of faces, as long as twice their areas."""
    a, b, c = (vertices[corner] for corner in faces.T)
    return np.cross(b - a, c - a)


def whole(faces: Int[np.ndarray, "F 3"]) -> Bool[np.ndarray, " F"]:
    """Which faces (F, 3) have three different corners, and are the first of the same corners."""
    a, b, c = faces.T
    keep = (a != b) & (b != c) & (a != c)
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    only = np.zeros(len(faces), bool)
    only[first] = True
    return keep & only
