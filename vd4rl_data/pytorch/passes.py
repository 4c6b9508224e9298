"""Numbers for the passes over one object, also for those that happen in worker processes."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import weakref
from multiprocessing.context import get_spawning_popen
from pathlib import Path
from typing import Any, Final, TypedDict

from torch.utils.data import get_worker_info

from vd4rl_data.storage.atomic import held_lock

_GROUPS_KEPT: Final = 64
_LOCK_SECONDS: Final = 60.0


class _Group(TypedDict):
    """The workers of one ``iter()`` of a ``DataLoader``, and the pass that they make together."""

    seed: int
    workers: int
    number: int
    joined: list[int]


class _State(TypedDict):
    begun: int
    groups: list[_Group]


class PassCounter:
    """Gives each pass over an object its number, 0, 1, 2, …

    The worker processes of a ``DataLoader`` iterate over copies of the object that is in the main
    process, which hears nothing of it. They agree on a number in a file of the temporary folder,
    made when a worker first asks: those of one ``iter()`` of the loader share a seed that the
    loader drew for it. A copy that is made otherwise, e.g. by pickling, goes on counting alone.
    """

    def __init__(self, begun: int = 0) -> None:
        """Begin at 0, or where another has got to."""
        self._begun = begun
        self._folder = Path(tempfile.gettempdir()) / f"vd4rl_passes_{secrets.token_hex(16)}"
        self._owner = os.getpid()
        weakref.finalize(self, _remove, self._folder, self._owner)

    def begin(self) -> int:
        """The number of the pass that begins here.

        Raises:
            LocksUnsupportedError, NoSpaceError: (in a worker) of the temporary folder.
        """
        worker = get_worker_info()
        if worker is None and self._owner != os.getpid():
            self.__init__(self._read()["begun"])
        if worker is None and not self._folder.exists():
            self._begun += 1
            return self._begun - 1
        with held_lock(self._folder / "lock", seconds=_LOCK_SECONDS):
            state = self._read()
            number = _join(state, worker)
            self._write(state)
        return number

    def __getstate__(self) -> dict[str, Any]:
        to_a_child = get_spawning_popen() is not None  # as multiprocessing itself finds out
        return {"begun": self._read()["begun"], "folder": self._folder if to_a_child else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["begun"])
        if state["folder"] is not None:
            self._folder, self._owner = state["folder"], 0

    def _read(self) -> _State:
        try:
            return json.loads((self._folder / "passes.json").read_text())
        except FileNotFoundError:
            return {"begun": self._begun, "groups": []}

    def _write(self, state: _State) -> None:
        temporary = self._folder / "passes.new"
        temporary.write_text(json.dumps(state))
        temporary.replace(self._folder / "passes.json")


def _join(state: _State, worker: Any) -> int:
    """The pass of the newest group of this worker's seed that it is not in yet, or a new one."""
    if worker is not None:
        seed = worker.seed - worker.id
        for group in reversed(state["groups"]):
            alike = (group["seed"], group["workers"]) == (seed, worker.num_workers)
            if alike and worker.id not in group["joined"]:
                group["joined"].append(worker.id)
                return group["number"]
        group = _Group(
            seed=seed, workers=worker.num_workers, number=state["begun"], joined=[worker.id]
        )
        state["groups"] = [*state["groups"], group][-_GROUPS_KEPT:]
    state["begun"] += 1
    return state["begun"] - 1


def _remove(folder: Path, owner: int) -> None:
    """Where the folder was named, not in a forked process, which holds a copy of the object."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
