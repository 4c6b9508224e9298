"""Finding the Gymnasium spec that an environment was made from."""

from __future__ import annotations

from typing import Any

from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv


def specs_of(env: Any) -> list[EnvSpec]:
    """The specs that an environment was made from.

    Args:
        env: an environment, or a vector of them. A vector from ``gymnasium.make_vec`` has a spec;
            of any other vector, the environments' specs are collected.

    Returns:
        One spec, or the distinct specs of a vector's environments; an empty list if ``env`` is not
        an environment, or was made without Gymnasium's registry.
    """
    spec = getattr(env, "spec", None)
    if spec is not None:
        return [spec]
    if not isinstance(env, VectorEnv):
        return []
    vector: Any = env.unwrapped  # pyright: ignore[reportUnknownVariableType]
    found: list[EnvSpec] = []
    for one in vector.get_attr("spec") if hasattr(vector, "get_attr") else ():
        if one is not None and one not in found:
            found.append(one)
    return found
