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

from collection.actor import Actor, Layers
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
    content = layer_bytes(actor)
    try:
        found = read_weights(content)
    except ValueError as error:
        raise PolicyFileError(f"these are not the layers of a policy: {error}") from error
    if not _acts_alike(actor, found):
        raise _differ("the actions")
    return content


def layer_bytes(network: Layers) -> bytes:
    """The bytes of a file of any perceptron's weights, checked to hold exactly these.

    Raises:
        PolicyFileError: the arrays are not those of a perceptron, or differ when read back.
    """
    from safetensors.numpy import save

    named = network.tensors()
    content = save({name: np.ascontiguousarray(array) for name, array in named.items()})
    try:
        found = read_layers(content).tensors()
    except ValueError as error:
        raise PolicyFileError(f"not the layers of a policy or a critic: {error}") from error
    different = [name for name, array in named.items() if not np.array_equal(found[name], array)]
    if different:
        raise _differ(", ".join(different))
    return content


def read_weights(content: bytes) -> Actor:
    """Decode what :func:`weight_bytes` returned.

    Raises:
        ValueError: the bytes are not the weights of a policy.
    """
    return Actor.from_tensors(_tensors(content))


def read_layers(content: bytes) -> Layers:
    """Decode what :func:`layer_bytes` returned.

    Raises:
        ValueError: the bytes are not the weights of a perceptron.
    """
    return Layers.from_tensors(_tensors(content))


def write_weights(path: Path, actor: Actor) -> None:
    """Write a weights file; it appears whole or not at all.

    Raises:
        PolicyFileError: see :func:`weight_bytes`.
        NoSpaceError: the disk is full.
    """
    content = weight_bytes(actor)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _tensors(content: bytes) -> dict[str, NDArray[np.float32]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _differ(what: str) -> PolicyFileError:
    return PolicyFileError(
        f"the weights differ when read back ({what}); nothing was written, try another version of"
        " safetensors"
    )


def _acts_alike(first: Actor, second: Actor) -> bool:
    """Compare one forward pass at fixed states, spread over [-2, 2]; no random numbers are used."""
    shape = (_STATES, first.state_size)
    states = 2 * np.sin(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)
    ours, theirs = first.mode(states), second.mode(states)
    return np.allclose(ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE)
