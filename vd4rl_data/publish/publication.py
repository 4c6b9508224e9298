"""From files to a commit, in one call: what ``vd4rl publish`` does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from vd4rl_data.errors import CorruptFileError, DatasetFormatError, DatasetNotFoundError
from vd4rl_data.paths import data_dir
from vd4rl_data.publish.croissant import check_croissant
from vd4rl_data.publish.folder import repository_of
from vd4rl_data.publish.model import CROISSANT, Progress, Publication
from vd4rl_data.publish.policies import prepare_policies
from vd4rl_data.publish.prepare import check_repo_id, prepare
from vd4rl_data.publish.upload import upload
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage.naming import PUBLIC_FOLDER, dataset_stem
from vd4rl_data.storage.reader import open_dataset

_LOGGER: Final = logging.getLogger("vd4rl_data")
_FOREIGN: Final = "hf"
"""Below a data folder: what was loaded from other people's repositories."""
_OUTBOX: Final = "publish"
_POLICIES: Final = "Policies and replays have no Croissant file."
_PASSED_OVER: Final = (_FOREIGN, _OUTBOX, PUBLIC_FOLDER)


def publish(
    paths: Sequence[Path],
    repo_id: str,
    *,
    folder: Path | None = None,
    dry_run: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
    private: bool | None = None,
    create: bool = True,
    replace: bool = False,
    mixed_licenses: bool = False,
    policies: bool = False,
    progress: Progress | None = None,
) -> Publication:
    """Prepare dataset files and upload them; see :func:`prepare` and :func:`upload`.

    Args:
        paths: dataset files, and folders of them; or folders of policies and replays.
        repo_id: ``USER/NAME``.
        folder: where to prepare; by default ``publish/USER/NAME`` in the data folder, or the one
            path given if that is an upload folder for this repository.
        dry_run: prepare and show, but upload nothing.
        token: of the hub.
        endpoint: of the hub.
        private: of a new repository.
        create: make the repository if it is not there.
        replace: take the place of other datasets, or other content, that the repository holds.
        mixed_licenses: whether the datasets may have different licenses.
        policies: publish behavior policies and replays instead, see :func:`prepare_policies`.
        progress: told how far the work is.

    Returns:
        What was prepared, and the commit; its text is fit for a terminal.

    Raises:
        DatasetNotFoundError: a path is missing, or a folder holds no dataset file.
        Vd4rlError: as :func:`prepare`, :func:`prepare_policies` and :func:`upload` do.
    """
    check_repo_id(repo_id)
    place = folder or _default_folder(paths, repo_id)
    if policies:
        prepared, croissant = prepare_policies(paths, place, repo_id), _POLICIES
    else:
        files = find_datasets(paths)
        prepared = prepare(files, place, repo_id, mixed_licenses=mixed_licenses, progress=progress)
        croissant = check_croissant(prepared.folder / CROISSANT)
    if dry_run:
        return Publication(prepared, croissant, None)
    commit = upload(
        prepared,
        token=token,
        endpoint=endpoint,
        private=private,
        create=create,
        replace=replace,
        progress=progress,
    )
    return Publication(prepared, croissant, commit)


def find_datasets(paths: Sequence[Path]) -> list[Path]:
    """The dataset files among paths and below folders, each once; flat goes before packed.

    Below a folder, HDF5 that is no dataset is passed over (parts of unfinished work, for example),
    and so is what was loaded from the authors' or other people's repositories, and a file of a
    composite id whose parts are there too.

    Raises:
        DatasetNotFoundError: a path is missing, or a folder holds no dataset file.
        CorruptFileError: a dataset file below a folder is damaged.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            if not path.is_file():
                raise DatasetNotFoundError(f"{path}: expected a dataset file or a folder of them")
            found.append(path)
            continue
        inside = dict(_below(path))
        if not inside:
            raise DatasetNotFoundError(f"{path}: expected dataset files (*.h5) below, got none")
        found += _without_composites(inside)
    unique: dict[Path, Path] = {}
    for path in found:
        unique.setdefault(path.resolve(), path)
    return list(unique.values())


def _without_composites(found: Mapping[Path, str]) -> Iterator[Path]:
    """All paths, but those of ids whose parts are among the others: who has these, has them all."""
    names = set(found.values())
    for path, name in found.items():
        parts = DATASETS[name].parts if name in DATASETS else ()
        if parts and names.issuperset(parts):
            _LOGGER.info("%s is not published: %s is made of its parts", path, name)
            continue
        yield path


def _below(folder: Path) -> Iterator[tuple[Path, str]]:
    taken: set[Path] = set()
    # "NAME.h5" sorts before "NAME.packed-...", so the flat file of a name comes first.
    for path in sorted(folder.rglob("*.h5")):
        inner = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in inner)
        if hidden or inner[0] in _PASSED_OVER or path.parent / dataset_stem(path) in taken:
            continue
        try:
            with closing(open_dataset(path)) as stored:
                name = stored.name
        except CorruptFileError:
            raise
        except DatasetFormatError as error:
            _LOGGER.info("not published: %s", error)
            continue
        taken.add(path.parent / dataset_stem(path))
        yield path, name


def _default_folder(paths: Sequence[Path], repo_id: str) -> Path:
    if len(paths) == 1 and repository_of(paths[0]) == repo_id:
        return paths[0]
    return data_dir() / _OUTBOX / repo_id
