"""Worker processes that are forked from one that has imported what they need.

A new interpreter imports the simulators for longer than a test's few episodes take. The nursery is
an interpreter that imported them once and made no OpenGL context; every start asks it for a copy of
itself, with pipes, folder and variables of its own. What the copy does is what a new one does.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO, Final

_READ_AT_USE: Final = ("PYTEST_", "VD4RL_DATA_DIR", "VD4RL_SHARED_DATA_DIRS")
"""Variables, by their beginnings, that no module reads when it is imported."""
_FILES: Final = 4
"""Standard input, output, errors, and where the copy's number and its end are told."""
_NUMBER: Final = struct.Struct("<q")
_MOST_BYTES: Final = 1 << 17
_START: Final = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from tests.nursery import serve
serve(int(sys.argv[2]))
"""


class Copy:
    """A forked process, with what the library asks of a started one."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], told: int) -> None:
        self.stdin, self.stdout = stdin, stdout
        self.returncode: int | None = None
        self._told = os.fdopen(told, "rb", buffering=0)
        (self.pid,) = _NUMBER.unpack(self._told.read(_NUMBER.size))
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a copy", timeout or 0.0)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
                (status,) = _NUMBER.unpack(self._told.read(_NUMBER.size))
                self.returncode = os.waitstatus_to_exitcode(status)
                self._told.close()
            return self.returncode


class Nursery:
    """The process that is copied; it starts with the first copy, and ends with :meth:`close`."""

    def __init__(self) -> None:
        self._world = _world(os.environ)
        self._lock = threading.Lock()
        self._asked: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether a copy is what a new interpreter with these variables would be."""
        return self._world == _world(environment)

    def copy(self, environment: Mapping[str, str]) -> Copy:
        """Fork one with these variables; its standard error is ours."""
        with self._lock, contextlib.ExitStack() as theirs:
            asked = self._asked or self._begin()
            stdin, ours = os.pipe()
            shown, stdout = os.pipe()
            told, tell = os.pipe()
            for end in (stdin, stdout, tell):
                theirs.callback(os.close, end)
            text = json.dumps([os.getcwd(), environment]).encode()
            socket.send_fds(asked, [text], [stdin, stdout, 2, tell])
        return Copy(os.fdopen(ours, "wb", buffering=0), os.fdopen(shown, "rb", buffering=0), told)

    def close(self) -> None:
        if self._asked is not None and self._process is not None:
            self._asked.close()
            self._process.wait(30)

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        flags = [f"-W{option}" for option in sys.warnoptions]
        number = theirs.fileno()
        command = [sys.executable, *flags, "-c", _START, json.dumps(sys.path), str(number)]
        with theirs:
            self._process = subprocess.Popen(command, pass_fds=[number], start_new_session=True)
        self._asked = ours
        return ours


def _world(environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    given = {k: v for k, v in environment.items() if not k.startswith(_READ_AT_USE)}
    return list(sys.path), given


def serve(number: int) -> None:
    """Copy this process for each request of a socket; what returns is a copy with its work done."""
    import collection.jobs  # noqa: F401
    from vd4rl_data.processes import child
    from vd4rl_data.simulators.dmc import load_suite

    load_suite()
    gc.freeze()
    text, files = _born(socket.socket(fileno=number))
    _move_in(files)
    folder, variables = json.loads(text)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    child.main()


def _born(asked: socket.socket) -> tuple[bytes, list[int]]:
    """Returns in each copy, with what was asked for; tells meanwhile how the copies ended."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tell: dict[int, int] = {}
    while True:
        if woken in select.select([asked, woken], [], [])[0]:
            os.read(woken, _MOST_BYTES)
            _reap(tell)
            continue
        text, files, _, _ = socket.recv_fds(asked, _MOST_BYTES, _FILES)
        if not text:
            os._exit(0)  # nobody will ask any more
        *theirs, last = files
        if (pid := os.fork()) == 0:
            break
        os.write(last, _NUMBER.pack(pid))
        tell[pid] = last
        for file in theirs:
            os.close(file)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked.close()
    for file in (woken, wake, last, *tell.values()):
        os.close(file)
    return text, theirs


def _move_in(files: list[int]) -> None:
    """A session of its own, with these files as the standard ones."""
    os.setsid()
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)


def _reap(tell: dict[int, int]) -> None:
    """Tell the ends of all copies that have ended."""
    for pid in list(tell):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with contextlib.suppress(BrokenPipeError):
                os.write(tell[pid], _NUMBER.pack(status))
            os.close(tell.pop(pid))
