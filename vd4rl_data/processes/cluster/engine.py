"""Worker processes on the nodes of a Ray cluster: the jobs of the local engine, and their bytes.

The result of an item must not depend on which process makes it, or how often: it is made again if
its node dies, and by a second process if it takes far longer than the others.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vd4rl_data.processes.cluster.connection import Needs, connected
from vd4rl_data.processes.cluster.pool import RayPool
from vd4rl_data.processes.engine import Job


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Runs jobs in processes on the nodes of a Ray cluster; needs the extra ``ray``.

    Attributes:
        workers: number of processes, at least 1; fewer while the cluster has room for fewer.
        fresh: whether each item gets a new process.
        address: see :func:`~vd4rl_data.processes.cluster.connection.connected`.
        needs: what a process needs of its node.
        attempts: how many processes may die while making an item before that counts as its fault.
        late: an item that takes so many times the median of the others, and so many seconds, is
            given to a second process when no others are left; the first to end counts. ``None``:
            never.
    """

    workers: int
    fresh: bool = False
    address: str | None = None
    needs: Needs = field(default_factory=Needs)
    attempts: int = 3
    late: tuple[float, float] | None = (3.0, 10.0)

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: ``workers`` or ``attempts`` is less than 1.
        """
        for name in ("workers", "attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")

    @contextmanager
    def open(self, job: Job) -> Generator[RayPool]:
        """Connect to the cluster and open a job in processes there.

        Raises:
            ClusterError: there is no cluster, or no node with what a process needs.
            MissingDependencyError: Ray is not installed.
            Vd4rlError, WorkerError: a process could not open the job; the message names its node.
        """
        with connected(self.address) as ray:
            pool = RayPool(ray, self, job)
            try:
                pool.start()
                yield pool
            except BaseException:
                pool.kill()
                raise
            pool.close()
