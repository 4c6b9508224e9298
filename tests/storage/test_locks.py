"""File systems without locks: writers refuse before they change anything, and say what to do."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.storage import tiny
from vd4rl_data.dataset import load_dataset
from vd4rl_data.errors import LocksUnsupportedError, Vd4rlError
from vd4rl_data.storage import pack, unpack, verify_dataset
from vd4rl_data.storage.atomic import write_lock
from vd4rl_data.storage.naming import flat_path

Forbid = Callable[..., None]


@pytest.fixture
def forbid_locks(monkeypatch: pytest.MonkeyPatch) -> Forbid:
    """Answer every attempt to lock a file below a folder as a file system without locks does."""
    lock = fcntl.flock

    def forbid(folder: Path, number: int = errno.ENOLCK) -> None:
        def flock(descriptor: int, operation: int) -> None:
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            if path.is_relative_to(folder.resolve()):
                raise OSError(number, os.strerror(number))
            lock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", flock)

    return forbid


_WRITERS: dict[str, Callable[[Path, Path], Any]] = {
    "write_dataset": lambda source, folder: tiny.write(folder / "new.h5"),
    "pack": pack,
    "unpack": lambda source, folder: unpack(pack(source, source.parent)[0], folder / "new.h5"),
    "write_lock": lambda source, folder: write_lock(folder / "a" / "run").__enter__(),
}


@pytest.mark.parametrize(
    "number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP], ids=errno.errorcode.get
)
@pytest.mark.parametrize("writer", _WRITERS)
def test_a_writer_refuses_and_leaves_nothing(
    writer: str, number: int, tmp_path: Path, forbid_locks: Forbid
) -> None:
    source = tmp_path / "source" / "tiny.h5"
    tiny.write(source)
    folder = tmp_path / "lockless"
    folder.mkdir()
    forbid_locks(folder, number)
    with pytest.raises(LocksUnsupportedError, match="VD4RL_DATA_DIR") as caught:
        _WRITERS[writer](source, folder)
    assert str(folder) in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert caught.value.errno == number
    assert isinstance(caught.value, Vd4rlError)
    assert list(folder.iterdir()) == []


def test_the_remedy_that_the_message_names(
    tmp_path: Path, forbid_locks: Forbid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading needs no lock; writing goes to another folder, and both are searched."""
    lockless, local = tmp_path / "lockless", tmp_path / "local"
    tiny.write(flat_path(lockless, tiny.SPEC.name))
    before = tiny.files_of(lockless)
    forbid_locks(lockless)
    monkeypatch.setenv("VD4RL_DATA_DIR", str(local))
    monkeypatch.setenv("VD4RL_SHARED_DATA_DIRS", str(lockless))
    found = load_dataset(tiny.SPEC.name, source="local")
    assert [stored.path.is_relative_to(lockless) for stored in found.stored] == [True]
    assert len(list(found.transitions(batch_size=2, epochs=1))) == 3
    assert verify_dataset(found.stored[0].path).ok
    (shard,) = pack(found.stored[0].path, local)
    assert shard.is_relative_to(local)
    assert tiny.files_of(lockless) == before
