"""The child process of the fuzzer: reads one damaged file after the other and says what happened.

One JSON document per line in and out. Whatever kills this process is noticed by its parent. Each
answer says whether this process handed the file to the HDF5 library; other people's files are
handed to it by the sandbox, in another process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from h5py import h5f

from tests.fuzz import corpus
from tests.fuzz.corpus import FOREIGN
from vd4rl_data.dataset import load_dataset
from vd4rl_data.dataset.layouts import dataset_arrays
from vd4rl_data.errors import Vd4rlError
from vd4rl_data.formats import Expected, Format, Sandbox, SandboxLimits, format_of
from vd4rl_data.formats.join import joined
from vd4rl_data.storage import PartStore, open_dataset, verify_dataset

MEMORY_BYTES: Final = 3 << 30
SANDBOX_MEMORY_BYTES: Final = 2 << 30
SANDBOX_SECONDS: Final = 10.0

_sandboxes: dict[Format, Sandbox] = {}


class Gate:
    """Stands in the way of every file that this process opens with HDF5.

    Attributes:
        passed: the files that came through.
    """

    def __init__(self) -> None:
        """Take the place of h5py's only way to open a file."""
        self.passed: set[str] = set()
        self._open = h5f.open
        h5f.open = self

    def __call__(self, name: bytes, *arguments: Any, **options: Any) -> Any:
        """Open the file."""
        self.passed.add(os.fsdecode(name))
        return self._open(name, *arguments, **options)


def read_dataset(path: Path) -> tuple[str, str]:
    """Open, use and verify one of our files; a digest if verifying finds no problem."""
    data = next(path.parent.glob("*.h5")) if path.suffix != ".h5" else path
    report = verify_dataset(data)
    with closing(open_dataset(data)) as stored:
        digest = corpus.digest_of(stored.episodes())
        stored.fingerprint()
    dataset = load_dataset(data)
    dataset_arrays(dataset)
    dataset.columns.frames.take([0])
    return ("read", digest) if report.ok else ("verify", report.problems[0])


def read_part(path: Path) -> tuple[str, str]:
    """Read one episode part."""
    store = PartStore(path.parent, {})
    store.length(0)
    digest = corpus.digest_of([store.read(0)])
    return ("read", digest) if store.has(0) else ("verify", "deleted")


def read_foreign(path: Path) -> tuple[str, str]:
    """Read a file of a registered format through its sandbox."""
    chosen = format_of([path.name])
    if chosen not in _sandboxes:
        _sandboxes[chosen] = Sandbox(chosen, SandboxLimits(SANDBOX_MEMORY_BYTES, SANDBOX_SECONDS))
    expected = Expected.of(corpus.SPEC)
    items = ((path.name, item) for item in _sandboxes[chosen].read(path, expected))
    return "read", corpus.digest_of(found.episode for found in joined(chosen, items, expected))


def misbehave(path: Path) -> tuple[str, str]:
    """Do what the file says: how the fuzzer itself is tested."""
    word = path.read_text(encoding="utf-8")
    if word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "exit":
        os._exit(3)
    if word == "hang":
        time.sleep(600)
    if word == "memory":
        bytearray(1 << 44)
    if word == "untyped":
        raise ZeroDivisionError(word)
    return "read", word


READERS: Final[dict[str, Callable[[Path], tuple[str, str]]]] = {
    "dataset": read_dataset,
    "part": read_part,
    FOREIGN: read_foreign,
    "misbehave": misbehave,
}


def answer(reader: str, path: Path) -> tuple[str, str]:
    """``read`` (with a digest), ``verify``, ``refused``, ``memory`` or ``untyped``; a detail."""
    try:
        return READERS[reader](path)
    except Vd4rlError as error:
        return "refused", f"{type(error).__name__}: {error}"
    except MemoryError as error:
        return "memory", repr(error)
    except Exception as error:  # noqa: BLE001 - this is what the fuzzer looks for
        return "untyped", repr(error)


def main() -> None:
    """Answer requests until the pipe closes."""
    corpus.register()
    gate = Gate()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        gate.passed.clear()
        outcome, detail = answer(request["reader"], Path(request["path"]))
        parsed = request["path"] in gate.passed
        answers.write(json.dumps([outcome, detail[:600], parsed]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
