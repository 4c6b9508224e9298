"""Processes that download, to be killed: forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub.errors
import huggingface_hub.utils  # noqa: F401 - imported once, before the forks
from huggingface_hub import constants

from vd4rl_data.errors import Vd4rlError

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.download.authors.conftest"])


class Child:
    """A process that calls a function."""

    def __init__(self, outcome: Path, function: Callable[..., Any], *arguments: Any) -> None:
        self._outcome = outcome
        # Another test may have started the process that forks, with that test's environment.
        call = (outcome, dict(os.environ), constants.HF_HUB_OFFLINE, function, *arguments)
        self._process = _CONTEXT.Process(target=_call, args=call)
        self._process.start()

    def wait(self) -> str:
        """What the function returned, as text, or ``Type: message`` of our error."""
        self._process.join(60)
        return self._outcome.read_text()

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait for what happens while it runs; fails if it ends before that."""
        while not reached():
            assert self._process.is_alive() or reached(), f"it ended first: {self.wait()}"
            time.sleep(0.002)

    def kill(self) -> bool:
        """``kill -9``; returns whether it had not ended by itself."""
        self._process.kill()
        self._process.join()
        return not self._outcome.exists()


def _call(
    outcome: Path,
    environment: dict[str, str],
    offline: bool,
    function: Callable[..., Any],
    *arguments: Any,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    constants.HF_HUB_OFFLINE = offline
    try:
        text = str(function(*arguments))
    except Vd4rlError as error:
        text = f"{type(error).__name__}: {error}"
    outcome.with_suffix(".tmp").write_text(text)
    outcome.with_suffix(".tmp").replace(outcome)


@contextmanager
def children(folder: Path) -> Iterator[Callable[..., Child]]:
    """Start processes: ``start(function, *arguments)``; none is left in the end."""
    started: list[Child] = []

    def start(function: Callable[..., Any], *arguments: Any) -> Child:
        started.append(Child(folder / f"outcome{len(started)}", function, *arguments))
        return started[-1]

    yield start
    for child in started:
        child.kill()
