"""The weights of a policy as safetensors, read back and compared before they are written.

safetensors 0.8.0 writes an array's memory in storage order and ignores its strides: a transposed
view (as JAX and Keras hold kernels) comes back scrambled, while its hash agrees. So arrays are made
contiguous first, and the resulting bytes are decoded again and compared with the arrays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collection.actor import Actor
from collection.errors import PolicyFileError
from vd4rl_data.storage.atomic import atomic_path

SUFFIX: Final = ".safetensors"

_STATES: Final = 4
_TOLERANCE: Final = 1e-4
"""Tolerance for actions: another memory layout may round products differently."""


def weight_bytes(actor: Actor) -> bytes:
    """The bytes of a weights file, checked to hold exactly this policy.

    Raises:
        PolicyFileError: the arrays are not those of a policy, or differ when read back.
    """
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(array) for name, array in actor.tensors().items()})
    try:
        found = read_weights(content)
    except ValueError as error:
        raise PolicyFileError(f"these are not the layers of a policy: {error}") from error
    different = [
        name
        for name, array in actor.tensors().items()
        if not np.array_equal(found.tensors()[name], array)
    ]
    if different or not _acts_alike(actor, found):
        raise PolicyFileError(
            f"the weights differ when read back ({', '.join(different) or 'the actions'}); nothing "
            "was written, try another version of safetensors"
        )
    return content


def read_weights(content: bytes) -> Actor:
    """Decode what :func:`weight_bytes` returned.

    Raises:
        ValueError: the bytes are not the weights of a policy.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors: dict[str, NDArray[np.float32]] = load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return Actor.from_tensors(tensors)


def write_weights(path: Path, actor: Actor) -> None:
    """Write a weights file; it appears whole or not at all.

    Raises:
        PolicyFileError: see :func:`weight_bytes`.
        NoSpaceError: the disk is full.
    """
    content = weight_bytes(actor)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _acts_alike(first: Actor, second: Actor) -> bool:
    """Compare one forward pass at fixed states, spread over [-2, 2]; no random numbers are used."""
    shape = (_STATES, first.state_size)
    states = 2 * np.sin(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)
    ours, theirs = first.mode(states), second.mode(states)
    return np.allclose(ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE)
