"""Which datasets of the catalog are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vd4rl_data.dataset.locate import LocalDataset, find_local, not_found_message
from vd4rl_data.errors import DatasetFormatError, DatasetNotFoundError, InvalidEpisodeError
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import StoredDataset, open_dataset

State = Literal["complete", "incomplete", "damaged", "absent"]

_ORDER: Final[tuple[State, ...]] = ("complete", "incomplete", "damaged", "absent")


@dataclass(frozen=True, slots=True)
class LocalState:
    """The best local copy of a dataset.

    Attributes:
        state: ``complete``, ``incomplete``, ``damaged`` (cannot be opened) or ``absent``.
        num_episodes: number of episodes that it holds.
        origin: where it came from; empty if that is unknown.
        path: the file, or the first shard.
        bundled: whether it is the copy inside the package.
        parts: the state of each part, for a composite that has no file of its own.
    """

    state: State
    num_episodes: int = 0
    origin: str = ""
    path: Path | None = None
    bundled: bool = False
    parts: tuple[LocalState, ...] = ()


def local_state(spec: DatasetSpec) -> LocalState:
    """Look a dataset up in the data folders; opens files but reads no pixels."""
    copies = [_copy_state(local) for local in find_local(spec)]
    if copies:
        return min(copies, key=lambda copy: _ORDER.index(copy.state))
    parts = tuple(local_state(get_dataset_spec(name)) for name in spec.parts)
    if not parts:
        return LocalState("absent")
    worst = max(parts, key=lambda part: _ORDER.index(part.state))
    origins = sorted({part.origin for part in parts if part.origin})
    num_episodes = sum(part.num_episodes for part in parts)
    return LocalState(worst.state, num_episodes, "+".join(origins), parts=parts)


def is_file(target: str) -> bool:
    """Whether a command's target names a file rather than a dataset id."""
    return target.endswith(".h5") or Path(target).is_file()


def local_copies(spec: DatasetSpec) -> list[LocalDataset]:
    """Every local file of a dataset and, for a composite, of its parts."""
    names = [spec.name, *spec.parts]
    return [local for name in names for local in find_local(get_dataset_spec(name))]


def target_paths(target: str) -> list[Path]:
    """The files that a command's target names: itself, or every local copy of an id.

    Raises:
        InvalidIdError, UnknownDatasetError: it is neither a file nor a catalog id.
        DatasetNotFoundError: there is no local copy of this id.
    """
    if is_file(target):
        return [Path(target)]
    spec = get_dataset_spec(target)
    paths = list(dict.fromkeys(local.path for local in local_copies(spec)))
    if not paths:
        raise DatasetNotFoundError(not_found_message(spec, None, []))
    return paths


def opened(path: Path) -> tuple[DatasetSpec, StoredDataset]:
    """Open a file and look up its catalog row.

    Raises:
        FileNotFoundError, CorruptFileError, DatasetFormatError: as :func:`open_dataset`.
        UnknownDatasetError: the file is valid, but this version does not know its id.
    """
    stored = open_dataset(path)
    try:
        return get_dataset_spec(stored.manifest.dataset_id), stored
    except LookupError:
        stored.close()
        raise


def _copy_state(local: LocalDataset) -> LocalState:
    try:
        stored = open_dataset(local.path)
    except (DatasetFormatError, InvalidEpisodeError, OSError):
        return LocalState("damaged", path=local.path, bundled=local.bundled)
    stored.close()
    manifest = stored.manifest
    return LocalState(
        "complete" if manifest.complete else "incomplete",
        manifest.num_episodes,
        manifest.origin,
        local.path,
        local.bundled,
    )
