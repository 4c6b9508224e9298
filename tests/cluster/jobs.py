"""Jobs for a cluster: they leave files behind, are slow once, or kill their process."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vd4rl_data.processes import Report


class Square(NamedTuple):
    """A number to square, and what happens on the way.

    Attributes:
        number: to square.
        first: what happens the first time: ``killed``, ``stuck`` or nothing.
        always: whether it happens every time.
    """

    number: int
    first: str = ""
    always: bool = False


@dataclass(frozen=True)
class Squares:
    """Each item leaves a file with the numbers of the processes that began it."""

    folder: Path

    def open(self) -> Squaring:
        return Squaring(self.folder)


class Squaring:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.greeting = os.getpid()

    def make(self, item: Square, report: Report) -> int:
        for part in range(4):
            report(part)
            time.sleep(0.05)
        path = self.folder / str(item.number)
        is_first = not path.exists()
        with path.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if is_first or item.always:
            if item.first == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if item.first == "stuck":
                time.sleep(600)
        return item.number**2

    def close(self) -> None:
        (self.folder / f"closed{os.getpid()}").touch()
