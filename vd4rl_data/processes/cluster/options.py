"""Where worker processes run, as a command line asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from vd4rl_data.errors import InvalidArgumentError
from vd4rl_data.processes.cluster.connection import Needs
from vd4rl_data.processes.cluster.engine import RayEngine
from vd4rl_data.processes.engine import Engine
from vd4rl_data.processes.local import LocalEngine, available_workers

EngineOf = Callable[[int], Engine]
"""The engine, with this number of worker processes."""

_MOST_WORKERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Where worker processes run."""

    engine: Literal["local", "ray"] = "local"
    """Where worker processes run: on this machine, or on the nodes of a Ray cluster, which need the
    same packages and must see the same data folders."""
    address: str | None = None
    """HOST:PORT of the Ray cluster, or auto for the one that runs on this machine; by default
    $RAY_ADDRESS, and without it a cluster of this machine alone, started for this command."""
    resources: tuple[str, ...] = ()
    """What each worker needs of its Ray node, e.g. CPU=2 GPU=0.25 egl=1; one CPU by default."""

    def workers(self, asked: int | None) -> int:
        """How many worker processes to ask for; by default, one a core, or all that fit in."""
        if asked is not None:
            return asked
        return available_workers() if self.engine == "local" else _MOST_WORKERS

    def engine_of(self, *, fresh: bool = False, repeatable: bool = True) -> EngineOf:
        """The engine that was asked for.

        Args:
            fresh: each item gets a new process.
            repeatable: two processes may make the same item at once.

        Raises:
            InvalidArgumentError: options of a cluster were given without one, or are malformed.
        """
        if self.engine == "local":
            for name in ("address", "resources"):
                if getattr(self, name):
                    raise InvalidArgumentError(
                        f"{name}: applies to a Ray cluster, got {getattr(self, name)!r}; add "
                        "engine=ray"
                    )
            return lambda workers: LocalEngine(workers, fresh=fresh)
        needs, address = self._needs(), self.address
        late = (3.0, 10.0) if repeatable else None
        return lambda workers: RayEngine(
            workers, fresh=fresh, address=address, needs=needs, late=late
        )

    def _needs(self) -> Needs:
        found: dict[str, float] = {}
        for text in self.resources:
            name, _, much = text.partition("=")
            try:
                found[name] = float(much)
            except ValueError:
                found[name] = -1.0
            if not name or not 0 <= found[name] < float("inf"):
                raise InvalidArgumentError(
                    f"resources: expected NAME=NUMBER such as GPU=0.5, got {text!r}"
                )
        return Needs(found.pop("CPU", 1.0), found.pop("GPU", 0.0), found)


HERE: Final = EngineOptions()
"""On this machine."""
