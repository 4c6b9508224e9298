"""The child process of the fuzzer: reads one damaged file after the other and says what happened.

One JSON document per line in and out. Whatever kills this process is noticed by its parent. Each
answer says whether this process handed the file to the HDF5 library; official files are handed to
it by the sandbox, in another process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from h5py import h5f

from tests.fuzz import corpus
from vd4rl_data.dataset import load_dataset
from vd4rl_data.dataset.layouts import dataset_arrays
from vd4rl_data.episode import Episode
from vd4rl_data.errors import Vd4rlError
from vd4rl_data.storage import PartStore, open_dataset, verify_dataset
from vd4rl_data.upstream.join import join_shards
from vd4rl_data.upstream.npz import npz_episode
from vd4rl_data.upstream.rows import Expected
from vd4rl_data.upstream.sandbox import Sandbox, SandboxLimits

MEMORY_BYTES: Final = 3 << 30
SANDBOX_MEMORY_BYTES: Final = 2 << 30
SANDBOX_SECONDS: Final = 10.0

_sandbox = Sandbox(SandboxLimits(SANDBOX_MEMORY_BYTES, SANDBOX_SECONDS))


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


def _official(path: Path, kind: str) -> Iterator[Episode]:
    pieces = _sandbox.read(path, kind, Expected.of(corpus.SPEC))
    if kind == "npz":
        for piece in pieces:
            yield npz_episode(path.name, piece, corpus.SPEC).episode
    else:
        for found in join_shards(((path.name, piece) for piece in pieces), corpus.SPEC):
            yield found.episode


def read_npz(path: Path) -> tuple[str, str]:
    """Read an official episode through the sandbox."""
    return "read", corpus.digest_of(_official(path, "npz"))


def read_hdf5(path: Path) -> tuple[str, str]:
    """Read an official shard through the sandbox."""
    return "read", corpus.digest_of(_official(path, "hdf5"))


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
    "npz": read_npz,
    "hdf5": read_hdf5,
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
