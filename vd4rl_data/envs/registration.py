"""Every dataset id is a Gymnasium id: registration, and finding the spec of an environment."""

from __future__ import annotations

import copy
from typing import Any, Final

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv, VectorWrapper

from vd4rl_data.envs.offline import OfflineDataset
from vd4rl_data.envs.pixel import ENTRY_POINT, environment_arguments
from vd4rl_data.gym_specs import specs_of
from vd4rl_data.registry import DATASETS, at_size, get_dataset_spec
from vd4rl_data.simulators.plain import environment_from_plain
from vd4rl_data.spec import ORIGINAL, DatasetSpec, EnvironmentSpec

EnvOrId = str | gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any]
"""A dataset id or another Gymnasium id, an environment made from one, or a vector of them."""

SIZES: Final = (64, 84, 128)
"""Every dataset has an environment at these sizes, published or not; others are registered by
:func:`register_environment`."""

_MAKE_VEC_ARGUMENTS: Final = ("num_envs", "vectorization_mode", "vector_kwargs", "wrappers")


def register_environments() -> None:
    """Register an environment for every dataset in the catalog. Repeated calls change nothing."""
    for spec in list(DATASETS.values()):
        register_environment(spec)
        for size in () if spec.bundled else SIZES:
            other = at_size(spec, size)
            if other.name not in gymnasium.registry:
                register_environment(other)


def register_environment(spec: DatasetSpec) -> None:
    """Register the environment of one dataset, e.g. of your own. Repeated calls change nothing.

    Args:
        spec: a row of the catalog (see :func:`vd4rl_data.registry.register_dataset`), at any size
            (see :func:`vd4rl_data.registry.at_size`).

    Raises:
        ValueError: another environment is registered with Gymnasium under this id.
    """
    wanted = EnvSpec(
        id=spec.name,
        entry_point=ENTRY_POINT,
        max_episode_steps=spec.task.time_steps,
        kwargs=environment_arguments(spec.evaluations),
        additional_wrappers=(OfflineDataset.wrapper_spec(dataset_id=spec.name),),
    )
    known = gymnasium.registry.get(spec.name)
    if known is None:
        gymnasium.register(
            wanted.id,
            wanted.entry_point,
            max_episode_steps=wanted.max_episode_steps,
            kwargs=wanted.kwargs,
            additional_wrappers=wanted.additional_wrappers,
        )
    elif known != wanted:
        raise ValueError(
            f"environment {spec.name!r} is already registered with other settings: {known}"
        )


def find_env_spec(env_or_id: EnvOrId) -> EnvSpec:
    """The spec of a single environment, without vectorization or render mode.

    Args:
        env_or_id: a dataset id or another Gymnasium id, an environment made from one, or a vector
            of them.

    Raises:
        InvalidIdError: the id is not registered and does not follow the grammar of dataset ids.
        UnknownDatasetError: the id is well formed but not in the catalog.
        ValueError: the environment was not made by ``gymnasium.make`` or :func:`make_env`, or it is
            a vector of different environments, or a vector with wrappers.
    """
    if isinstance(env_or_id, str):
        if env_or_id not in gymnasium.registry:
            register_environment(get_dataset_spec(env_or_id))  # raises, with the nearest known id
        spec = gymnasium.spec(env_or_id)
    else:
        spec = _only_spec(env_or_id)
    spec = copy.deepcopy(spec)
    if spec.kwargs.get("wrappers"):
        raise ValueError(
            f"{spec.id!r}: wrappers given to make_vec cannot be applied to a single environment"
        )
    for name in (*_MAKE_VEC_ARGUMENTS, "render_mode"):
        spec.kwargs.pop(name, None)
    # `make_vec` records `make`'s own arguments among those of the environment.
    for name in ("max_episode_steps", "disable_env_checker"):
        if name in spec.kwargs:
            setattr(spec, name, spec.kwargs.pop(name))
    return spec


def _only_spec(env: gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any]) -> EnvSpec:
    """The spec of an environment, or the one that all environments of a vector share."""
    specs = specs_of(env)
    if not specs:
        raise ValueError(
            f"{env!r} has no spec; make it with gymnasium.make(id) or"
            " vd4rl_data.envs.make_env(task), or pass the id itself"
        )
    if isinstance(env, VectorWrapper):
        raise ValueError(
            f"{env!r}: wrappers around a vector cannot be applied to a single environment; pass the"
            " vector without them (env.unwrapped), or the id"
        )
    if len(specs) > 1:
        names = ", ".join(sorted({spec.id for spec in specs}))
        raise ValueError(
            f"{env!r} holds environments with different specs ({names}); pass one of them"
        )
    return specs[0]


def find_env_specs(env_or_id: EnvOrId, evaluation: str | None = None) -> list[EnvSpec]:
    """The specs of the environments of an evaluation, whose episodes take turns.

    Args:
        env_or_id: as in :func:`find_env_spec`.
        evaluation: name of one of the dataset's evaluations; by default the environment as it is.

    Raises:
        ValueError: there is no such evaluation; also all errors of :func:`find_env_spec`.
    """
    spec = find_env_spec(env_or_id)
    if spec.entry_point != ENTRY_POINT:
        if evaluation is not None:
            raise ValueError(
                f"evaluation: {spec.id!r} is not an environment of this package, so it has none; "
                f"got {evaluation!r}"
            )
        return [spec]
    if evaluation is None and "member" in spec.kwargs:
        return [spec]
    name = spec.kwargs.get("evaluation", ORIGINAL) if evaluation is None else evaluation
    evaluations = spec.kwargs["evaluations"]
    if not isinstance(name, str) or name not in evaluations:
        raise ValueError(
            f"evaluation: expected one of {', '.join(evaluations)} ({spec.id}), got {name!r}"
        )
    found: list[EnvSpec] = []
    for member in range(len(evaluations[name])):
        one = copy.deepcopy(spec)
        one.kwargs |= {"evaluation": name, "member": member}
        found.append(one)
    return found


def find_environments(
    env_or_id: EnvOrId, evaluation: str | None = None
) -> tuple[EnvironmentSpec, ...]:
    """The environment specs of an evaluation, if no wrapper may change their dynamics.

    Args:
        env_or_id: as in :func:`find_env_spec`.
        evaluation: as in :func:`find_env_specs`.

    Raises:
        ValueError: it is not an environment of this package, or it has other wrappers.
        InvalidIdError, UnknownDatasetError: as in :func:`find_env_spec`.
    """
    spec = find_env_spec(env_or_id)
    if spec.entry_point != ENTRY_POINT:
        raise ValueError(f"{spec.id!r} is not an environment of this package")
    ours = f"{OfflineDataset.__module__}:{OfflineDataset.__qualname__}"
    foreign = [wrapper.name for wrapper in spec.additional_wrappers if wrapper.entry_point != ours]
    if foreign:
        raise ValueError(f"{spec.id!r}: wrappers may change its dynamics: {', '.join(foreign)}")
    return tuple(
        environment_from_plain(one.kwargs["evaluations"][name][one.kwargs["member"]])
        for one in find_env_specs(env_or_id, evaluation)
        for name in [one.kwargs["evaluation"]]
    )
