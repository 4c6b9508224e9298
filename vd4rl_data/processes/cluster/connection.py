"""The connection to a Ray cluster, and what a worker needs of one of its nodes."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final

from vd4rl_data.errors import ClusterError, MissingDependencyError

_PASSED_ON: Final = ("VD4RL_", "MUJOCO_", "PYOPENGL_", "LP_", "OMP_", "OPENBLAS_", "MKL_", "HF_")
_SECRET: Final = ("TOKEN", "SECRET", "KEY")
_KNOCK_SECONDS: Final = 10.0
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else a new cluster reports to its makers
    "RAY_DEDUP_LOGS": "1",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What one worker needs of a node; Ray starts no more workers than the node has room for.

    Attributes:
        cpus: processor cores.
        gpus: graphics processors; a fraction shares one.
        others: resources that nodes were started with, by name, such as ``egl``.
    """

    cpus: float = 1
    gpus: float = 0
    others: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def options(self) -> dict[str, Any]:
        """As Ray's options of an actor."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "resources": dict(self.others)}

    def fit(self, resources: Mapping[str, float]) -> int:
        """How many workers a node with these resources has room for."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, **self.others}
        rooms = [int(resources.get(name, 0) / much) for name, much in asked.items() if much > 0]
        return min(rooms, default=1_000)

    def __str__(self) -> str:
        asked = {"CPU": self.cpus, "GPU": self.gpus, **self.others}
        return ", ".join(f"{much:g} {name}" for name, much in asked.items() if much > 0)


def ray_module() -> ModuleType:
    """Ray, imported.

    Raises:
        MissingDependencyError: it is not installed.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in _QUIET.items()})
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            "the engine 'ray' needs the package ray: pip install 'vd4rl-data[ray]'"
        ) from error
    return ray


@contextmanager
def connected(address: str | None) -> Generator[ModuleType]:
    """Ray, connected to a cluster; the connection ends with the ``with`` statement.

    Args:
        address: of the cluster's head, such as ``10.0.0.1:6379``, or ``auto`` for the one that runs
            on this machine; by default ``RAY_ADDRESS``, and without it a cluster of this machine
            alone, which ends with the connection. A program that is connected already stays so.

    Raises:
        ClusterError: there is no cluster at the address, or it runs other versions.
        MissingDependencyError: Ray is not installed.
    """
    ray = ray_module()
    if ray.is_initialized():
        yield ray
        return
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    try:
        _knock(where)
        ray.init(
            address=where,
            log_to_driver=False,  # thousands of lines a minute; they stay in the nodes' own files
            logging_level="ERROR",
            runtime_env={"env_vars": _variables()},
            **({"include_dashboard": False} if where == "local" else {}),
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ClusterError(
            f"no Ray cluster at {where!r}: {error}. Start one with `ray start --head` and give "
            "--address auto on the same machine, or HOST:6379 from another"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def room(ray: ModuleType, needs: Needs) -> int:
    """How many workers all living nodes have room for.

    Raises:
        ClusterError: no node has room for even one.
    """
    nodes = [node for node in ray.nodes() if node["Alive"]]
    count = sum(needs.fit(node["Resources"]) for node in nodes)
    if count == 0:
        have = "; ".join(f"{node['NodeManagerHostname']}: {_shown(node)}" for node in nodes)
        raise ClusterError(
            f"no node of the cluster has what a worker needs, {needs}; they have {have}. Ask "
            "for less, or start nodes with it: `ray start --num-cpus 8`, or, for a name of your "
            "own, `ray start --resources '{\"egl\": 4}'`"
        )
    return count


def _knock(address: str) -> None:
    """See whether anybody listens at ``HOST:PORT``; Ray itself would wait for a minute or more."""
    host, _, port = address.rpartition(":")
    if host and "/" not in address and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_SECONDS).close()


def _shown(node: Mapping[str, Any]) -> str:
    resources: Mapping[str, float] = node["Resources"]
    hidden = ("node:", "memory", "object_store_memory", "accelerator_type:")
    return ", ".join(
        f"{much:g} {name}"
        for name, much in sorted(resources.items())
        if not name.startswith(hidden)
    )


def _variables() -> dict[str, str]:
    """Variables that decide what the work gives; no secrets, which Ray would show."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_PASSED_ON) and not any(word in name for word in _SECRET)
    }
