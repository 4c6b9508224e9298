"""A process that has imported everything and forks: a child to kill costs milliseconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def serve(work: Callable[[dict[str, Any]], Any]) -> None:
    """Read jobs, one JSON line each; fork a process that does one; print its process id.

    What comes of a job is written to ``job["outcome"]``, as JSON, whole or not at all.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            job = json.loads(line)
            path = Path(job["outcome"])
            path.with_suffix(".tmp").write_text(json.dumps(work(job)))
            path.with_suffix(".tmp").replace(path)
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


@dataclass
class Child:
    """A forked process that does one job."""

    pid: int
    outcome_path: Path

    def wait(self, seconds: float = 60.0) -> Any:
        """What came of it."""
        deadline = time.monotonic() + seconds
        while not self.outcome_path.exists():
            assert time.monotonic() < deadline, "the process does not end"
            time.sleep(0.005)
        return json.loads(self.outcome_path.read_text())

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone.

        Raises:
            ProcessLookupError: it had ended by itself.
        """
        os.kill(self.pid, signal.SIGKILL)
        while True:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.001)


class Zygote:
    """The process; its script calls :func:`serve`."""

    def __init__(self, script: Path, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def start(self, **job: Any) -> Child:
        """Fork a process that does this job."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._count += 1
        outcome = self._folder / f"outcome{self._count}.json"
        self._process.stdin.write(json.dumps({**job, "outcome": str(outcome)}) + "\n")
        self._process.stdin.flush()
        return Child(int(self._process.stdout.readline()), outcome)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
