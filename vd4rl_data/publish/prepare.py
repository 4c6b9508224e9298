"""Dataset files → a folder that is ready to be uploaded."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from vd4rl_data.download.client import REPO_ID
from vd4rl_data.errors import CorruptFileError, PublishError
from vd4rl_data.publish.card import make_card
from vd4rl_data.publish.croissant import make_croissant
from vd4rl_data.publish.model import (
    CARD,
    CROISSANT,
    PreparedDataset,
    PreparedFile,
    PreparedRepository,
    Progress,
)
from vd4rl_data.publish.pictures import draw_pictures, picture_paths
from vd4rl_data.publish.shards import choose_groups, expected_bytes, write_shards
from vd4rl_data.publish.state import (
    STATE_FOLDER,
    FolderState,
    check_folder,
    open_folder,
)
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage.atomic import check_free_space, write_lock, write_text
from vd4rl_data.storage.format import file_sha256
from vd4rl_data.storage.naming import sidecar_path
from vd4rl_data.storage.reader import StoredDataset, open_dataset
from vd4rl_data.storage.rows import columns_of
from vd4rl_data.storage.verify import verify_dataset

_LOGGER: Final = logging.getLogger("vd4rl_data")
_SHOWN_PROBLEMS: Final = 5


def prepare(
    files: Sequence[Path],
    folder: Path,
    repo_id: str,
    *,
    mixed_licenses: bool = False,
    progress: Progress | None = None,
) -> PreparedRepository:
    """Make an upload folder: packed shards, sidecars, pictures, the card and a Croissant file.

    The same files give the same bytes. After a kill at any moment the same call goes on: finished
    shards are hashed, not made again. A card that was edited by hand is kept.

    Args:
        files: dataset files, flat or packed (then any one shard); each of another dataset.
        folder: new, empty, or made by an earlier call for the same or for some of it.
        repo_id: ``USER/NAME``, where it will be published.
        mixed_licenses: whether the datasets may have different licenses.
        progress: told how far the work is.

    Raises:
        PublishError: the name is not ``USER/NAME``, there are no files, two files hold the same
            dataset, one holds a dataset that is made of others, or the licenses differ.
        UnknownDatasetError: a file's dataset is not in the catalog.
        CorruptFileError: a file fails ``vd4rl verify``; nothing was written for it.
        OutputExistsError: something else stands in the folder.
        DatasetLockedError: another process prepares the same folder.
        NoSpaceError: the disk is full; what is finished is kept.
    """
    check_repo_id(repo_id)
    told = progress or _ignore
    with ExitStack() as stack:
        sources = _open_all(files, stack)
        _check_licenses(sources, mixed_licenses)
        for stored in sources:
            _verify(stored.path, stored, "verify the source", told)
        groups = [choose_groups(stored) for stored in sources]
        contents = {
            stored.manifest.dataset_id: (stored.manifest.content_sha256, len(parts))
            for stored, parts in zip(sources, groups, strict=True)
        }
        check_folder(folder, repo_id)
        stack.enter_context(write_lock(folder / STATE_FOLDER / "publish"))
        state = open_folder(folder, repo_id, contents)
        _check_room(sources, state)
        datasets = [
            _prepare_dataset(stored, parts, state, told)
            for stored, parts in zip(sources, groups, strict=True)
        ]
    others = tuple(_others(folder, datasets))
    croissant = make_croissant(repo_id, datasets, others)
    _write_texts(state, {CROISSANT: croissant, CARD: make_card(repo_id, datasets)})
    shards = [shard for dataset in datasets for shard in dataset.shards]
    texts = [_described(folder, name) for name in (CARD, CROISSANT)]
    everything = sorted([*shards, *others, *texts], key=lambda file: file.path)
    return PreparedRepository(folder, repo_id, tuple(datasets), tuple(everything))


def check_repo_id(repo_id: str) -> None:
    """Refuse what cannot be the name of a repository.

    Raises:
        PublishError: it is not ``USER/NAME``.
    """
    if not REPO_ID.fullmatch(repo_id) or repo_id.endswith(".git"):
        raise PublishError(
            f"repository: expected USER/NAME of letters, digits, '-', '_' and '.', got {repo_id!r}"
        )


def _ignore(_what: str, _done: int, _total: int) -> None:
    """Nobody wants to know."""


def _open_all(files: Sequence[Path], stack: ExitStack) -> list[StoredDataset]:
    """All sources, sorted by id."""
    sources: dict[str, StoredDataset] = {}
    for path in files:
        stored = stack.enter_context(closing(open_dataset(path)))
        name = stored.manifest.dataset_id
        parts = get_dataset_spec(name).parts
        if parts:
            raise PublishError(
                f"{path}: {name} is {' followed by '.join(parts)}; publish those, and both ids load"
            )
        if name in sources:
            raise PublishError(
                f"{path} and {sources[name].path} both hold {name}; a repository has one file for "
                "an id, so name one of them"
            )
        sources[name] = stored
    if not sources:
        raise PublishError("expected at least one dataset file to publish, got none")
    return [sources[name] for name in sorted(sources)]


def _check_licenses(sources: Sequence[StoredDataset], mixed_licenses: bool) -> None:
    names = {stored.manifest.dataset_id: stored.manifest.license for stored in sources}
    if len(set(names.values())) > 1 and not mixed_licenses:
        told = ", ".join(f"{name}: {text}" for name, text in names.items())
        raise PublishError(
            f"the datasets have different licenses ({told}); publish them apart, or say that you "
            "mean it: mixed_licenses=True"
        )


def _check_room(sources: Sequence[StoredDataset], state: FolderState) -> None:
    """Refuse what is not going to fit, before hours of packing.

    Raises:
        NoSpaceError: fewer bytes are free than are still to be written.
    """
    there = (state.folder / shard.path for shard in state.shards.values())
    finished = sum(path.stat().st_size for path in there if path.is_file())
    check_free_space(state.folder / "*.h5", sum(map(expected_bytes, sources)) - finished)


def _verify(path: Path, stored: StoredDataset, what: str, progress: Progress) -> None:
    report = verify_dataset(path, progress=_counter(what, stored, progress))
    if not report.ok:
        shown = "\n".join(f"    {problem}" for problem in report.problems[:_SHOWN_PROBLEMS])
        raise CorruptFileError(
            f"{path} fails verification, so it is not published:\n{shown}\nFetch or make it again"
        )


def _prepare_dataset(
    stored: StoredDataset, groups: Sequence[range], state: FolderState, progress: Progress
) -> PreparedDataset:
    name = stored.manifest.dataset_id
    shards = write_shards(stored, groups, state, _counter("pack", stored, progress))
    _verify(state.folder / shards[0].path, stored, "verify the shards", progress)
    draw_pictures(stored, state.folder)
    columns = columns_of(stored.episode(0))
    return PreparedDataset(stored.manifest, shards, columns, picture_paths(name))


def _counter(what: str, stored: StoredDataset, progress: Progress) -> Callable[[int], None]:
    text = f"{what}: {stored.manifest.dataset_id}"
    return lambda done: progress(text, done, len(stored))


def _others(folder: Path, datasets: Sequence[PreparedDataset]) -> Iterator[PreparedFile]:
    """Sidecars and pictures."""
    for dataset in datasets:
        beside = sidecar_path(Path(dataset.shards[0].path)).as_posix()
        for name in (beside, *dataset.pictures):
            yield _described(folder, name)


def _described(folder: Path, name: str) -> PreparedFile:
    path = folder / name
    return PreparedFile(name, path.stat().st_size, file_sha256(path))


def _write_texts(state: FolderState, texts: dict[str, str]) -> None:
    """Write what is generated, but never over something that a person changed."""
    for name, text in texts.items():
        path, digest = state.folder / name, hashlib.sha256(text.encode()).hexdigest()
        if path.is_file() and file_sha256(path) not in (state.texts.get(name), digest):
            _LOGGER.warning("%s was edited by hand and is kept; delete it to make it anew", path)
            continue
        write_text(path, text)
        state.texts[name] = digest
        state.save()
