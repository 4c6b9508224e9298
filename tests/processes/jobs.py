"""Jobs for worker processes: they do sums, complain, or die."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from vd4rl_data.errors import CorruptFileError
from vd4rl_data.processes import Report


@dataclass(frozen=True)
class Sums:
    """Each session adds up what it is asked for."""

    start: int = 0
    bad_start: bool = False

    def open(self) -> Adder:
        if self.bad_start:
            raise CorruptFileError("header: unreadable")
        return Adder(self.start)


class Adder:
    def __init__(self, total: int) -> None:
        self.total = total
        self.greeting = os.getpid()

    def make(self, item: Any, report: Report) -> Any:
        if isinstance(item, str):
            return getattr(self, item)(report)
        report(item)
        self.total += item
        return self.total

    def typed(self, report: Report) -> None:
        raise CorruptFileError("a.h5: bytes: expected others")

    def unforeseen(self, report: Report) -> None:
        raise KeyError("no such thing")

    def warn(self, report: Report) -> str:
        warnings.warn("careful", UserWarning, stacklevel=1)
        return "warned"

    def killed(self, report: Report) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self, report: Report) -> None:
        sys.stderr.write("last words\n")
        sys.stderr.flush()
        os._exit(3)

    def chatter(self, report: Report) -> str:
        sys.stdout.write("noise")
        sys.stdout.flush()
        os.write(1, b"more noise")
        return "said"

    def nested(self, report: Report) -> list[int]:
        from vd4rl_data.processes import LocalEngine

        with LocalEngine(1).open(Sums(5)) as pool:
            return [outcome.result for outcome in pool.map([1, 2])]

    def array(self, report: Report) -> None:
        report({"frames": np.arange(6, dtype=np.uint8).reshape(2, 3)[:, ::-1], "start": 3})

    def sleep(self, report: Report) -> None:
        report("asleep")
        time.sleep(600)

    def pid(self, report: Report) -> int:
        return os.getpid()

    def close(self) -> None:
        pass
