"""From an id, a path or an environment to a :class:`Dataset`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import gymnasium
from gymnasium.vector import VectorEnv

from vd4rl_data.arguments import checked_path
from vd4rl_data.dataset.composite import composed_provenance
from vd4rl_data.dataset.dataset import Dataset
from vd4rl_data.dataset.locate import (
    Search,
    announce,
    find_local,
    not_found_message,
    search_local,
)
from vd4rl_data.download.public_files import public_source
from vd4rl_data.errors import (
    DatasetFormatError,
    DatasetNotFoundError,
    DatasetUnavailableError,
    OutputExistsError,
    TransferError,
    UnknownDatasetError,
)
from vd4rl_data.fingerprint import RenderFingerprint
from vd4rl_data.gym_specs import specs_of
from vd4rl_data.paths import data_dir
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.naming import flat_path
from vd4rl_data.storage.reader import StoredDataset, open_dataset
from vd4rl_data.storage.writer import write_dataset

_HUB_SCHEME: Final = "hf://"
_LOGGER: Final = logging.getLogger("vd4rl_data")


def load_dataset(
    dataset: str | Path | gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any],
    *,
    source: str = "auto",
    root: str | Path | None = None,
    max_episodes: int | None = None,
    fraction: float | None = None,
    materialize: bool = False,
) -> Dataset:
    """Open a dataset; pixels stay in the file until they are asked for.

    Args:
        dataset: a catalog id, an environment or vector of them made from one, or the path of a file
            (a ``Path``, or text ending in ``.h5``).
        source: ``auto`` takes a complete file that is here, or one that holds all of the authors'
            public files, which are fetched the first time; ``local`` takes whatever is here;
            ``hf://USER/NAME[@REVISION]`` takes a third party's repository, fetched when it is not
            here yet, and never mistaken for the benchmark's own.
        root: look in this folder alone, instead of in the data folders.
        max_episodes: keep at most so many episodes.
        fraction: keep this share of the episodes, in (0, 1]. Subsets are random, fixed and
            nested: a smaller one is part of a larger one. They hold training and validation
            episodes, and parts of a composite, in the proportions of the whole.
        materialize: for a composite id, write its parts into one flat file first: into the data
            folder, or beside them where they are a third party's. A file that holds these very
            parts is used as it is.

    Raises:
        InvalidIdError, UnknownDatasetError: with the nearest known id.
        DatasetNotFoundError: nothing usable is here; the message prints the command that makes it.
        DatasetUnavailableError: (one of these) and fetching it failed; what arrived is kept.
        NoSpaceError: the disk is too small for what has to be fetched.
        CorruptFileError, DatasetFormatError: a file is damaged or is not what it should be.
        OutputExistsError: (materialize) the file that is there was made of other parts.
        InvalidArgumentError, ValueError: a bad ``source``, ``root``, ``max_episodes`` or
            ``fraction``.
        TransferError, OfflineError: of a third party's repository that cannot be fetched.
    """
    folder = None if root is None else checked_path("root", root)
    if isinstance(dataset, Path) or (isinstance(dataset, str) and dataset.endswith(".h5")):
        stored = [open_dataset(Path(dataset))]
        spec = get_dataset_spec(stored[0].manifest.dataset_id)
        _check_belongs(spec, stored[0])
    else:
        spec = get_dataset_spec(dataset_id_of(dataset))
        stored = _open_parts(spec, source, folder)
        if materialize and len(stored) > 1:
            stored = [_materialize(spec, stored, _place(spec, stored, source, folder))]
    return Dataset(spec, stored, max_episodes=max_episodes, fraction=fraction)


def find_fingerprint(dataset_id: str) -> RenderFingerprint | None:
    """The render fingerprint of the first local file that has one.

    Never downloads, and passes over damaged files: loading one of them will complain.
    """
    found = (stored.fingerprint() for stored in _local_files(dataset_id))
    return next((fingerprint for fingerprint in found if fingerprint is not None), None)


def find_recorded_media(dataset_id: str) -> dict[str, str]:
    """Name → SHA-256 of the media that the local files of a dataset show, as their manifests tell.

    Never downloads, and passes over damaged files: loading one of them will complain. Of several
    files with the same media, the first counts, which is the one that is loaded.
    """
    found: dict[str, str] = {}
    for stored in _local_files(dataset_id):
        found = stored.manifest.media | found
    return found


def _local_files(dataset_id: str) -> Iterator[StoredDataset]:
    """The local files of a dataset's parts and of its own, each open while it is looked at."""
    spec = get_dataset_spec(dataset_id)
    for part in [*(get_dataset_spec(name) for name in spec.parts), spec]:
        for local in find_local(part):
            try:
                stored = open_dataset(local.path)
            except (DatasetFormatError, OSError):
                continue
            with contextlib.closing(stored):
                yield stored


def dataset_id_of(env_or_id: Any) -> str:
    """The dataset id of an id, an environment or a vector of environments (by its ``spec``).

    Raises:
        UnknownDatasetError: the object carries no id, or the environments of a vector carry
            several.
    """
    if isinstance(env_or_id, str):
        return env_or_id
    ids = {str(spec.id) for spec in specs_of(env_or_id)}
    if not ids:
        raise UnknownDatasetError(
            f"expected a dataset id or an environment made by gymnasium.make, got {env_or_id!r}"
        )
    if len(ids) > 1:
        raise UnknownDatasetError(
            f"expected environments of one dataset, got a vector of {', '.join(sorted(ids))}; pass "
            "one of these ids"
        )
    return ids.pop()


def _open_parts(spec: DatasetSpec, source: str, root: Path | None) -> list[StoredDataset]:
    """One stored dataset, or the parts of a composite that has no usable file of its own."""
    parts = [get_dataset_spec(name) for name in spec.parts]
    if str(source).startswith(_HUB_SCHEME):
        if parts:
            return [stored for part in parts for stored in _open_parts(part, source, root)]
        stored = open_dataset(_acquire_published(source, spec, root))
    elif parts:
        found = _open_composite(spec, parts, source, root)
        if found is None:
            return [stored for part in parts for stored in _open_parts(part, source, root)]
        stored = found
    else:
        stored = _open_single(spec, source, root)
    _check_belongs(spec, stored)
    return [stored]


def _open_single(spec: DatasetSpec, source: str, root: Path | None) -> StoredDataset:
    """A dataset that is stored under its own id: here, or fetched."""
    search = search_local(spec, source, root)
    stored = search.stored
    if stored is None:
        stored = _fetched(spec, source, root, search)
    announce(spec, stored)
    return stored


def _fetched(spec: DatasetSpec, source: str, root: Path | None, search: Search) -> StoredDataset:
    """The authors' public files of a dataset that is not here."""
    if source != "auto" or public_source(spec) is None:
        raise DatasetNotFoundError(not_found_message(spec, root, search.passed_over))
    from vd4rl_data.download.authors import acquire_dataset

    _LOGGER.info("%s: not here; asking for the authors' public files", spec.name)
    try:
        return open_dataset(acquire_dataset(spec, root or data_dir()))
    except TransferError as error:
        message = not_found_message(spec, root, search.passed_over, str(error))
        raise DatasetUnavailableError(message) from error


def _open_composite(
    spec: DatasetSpec, parts: Sequence[DatasetSpec], source: str, root: Path | None
) -> StoredDataset | None:
    """The file that a composite was once written into, unless its parts are better.

    It is used as long as the parts that are here are those it was made of; where not all parts are
    here, if it is complete.
    """
    search = search_local(spec, "local", root)
    own = search.stored
    if own is None or source == "local":
        if own is not None:
            announce(spec, own)
        return own
    found = [search_local(part, source, root).stored for part in parts]
    contents = [
        None if part is None else (part.manifest.content_sha256, part.manifest.num_episodes)
        for part in found
    ]
    for part in found:
        if part is not None:
            part.close()
    made_of = _composed_of(own)
    usable = own.manifest.complete
    if None not in contents:
        usable = made_of == contents or (usable and made_of is None)
        if not usable:
            _LOGGER.info("%s: %s was made of other parts; using these", spec.name, own.path)
    if not usable:
        own.close()
        return None
    announce(spec, own)
    return own


def _composed_of(own: StoredDataset) -> list[tuple[str, int | None]] | None:
    """Content and episodes of each part that a composite's file was written from, if it says so."""
    composed: Any = own.manifest.provenance.recipe.get("composed_of")
    if composed is None:
        return None
    return [(str(part["content_sha256"]), part.get("num_episodes")) for part in composed]


def _acquire_published(source: str, spec: DatasetSpec, root: Path | None) -> Path:
    from vd4rl_data.download.published import acquire_published

    return acquire_published(source, spec.name, root or data_dir())


def _check_belongs(spec: DatasetSpec, stored: StoredDataset) -> None:
    """A file is of the id that its place promises, and shows what the data were collected in."""
    found = stored.manifest.dataset_id
    if found != spec.name:
        raise DatasetFormatError(f"{stored.path}: dataset_id: expected {spec.name}, got {found}")
    if not stored.has_pixels:
        raise DatasetFormatError(
            f"{stored.path}: expected a dataset with pixels, got states alone; render them first,"
            f" in a clone of the repository: python -m collection render {stored.path}"
        )
    arrays, task = stored.shards[0].arrays, spec.mixture[0].environment.task
    shape, frames = arrays["observations"].shape[1:], (spec.id.size, spec.id.size, 3)
    if shape != frames:
        raise DatasetFormatError(
            f"{stored.path}: observations: expected frames {frames}, got {shape}"
        )
    actions, expected = arrays["actions"].shape[1], task.action_size
    if actions != expected:
        raise DatasetFormatError(
            f"{stored.path}: actions: expected {expected} dimensions, got {actions}"
        )


def _place(
    spec: DatasetSpec, parts: Sequence[StoredDataset], source: str, root: Path | None
) -> Path:
    """Where a composite is written: never where what a stranger published could pass for ours."""
    if source.startswith(_HUB_SCHEME):
        return parts[0].path.with_name(flat_path(Path(), spec.name).name)
    return flat_path(root or data_dir(), spec.name)


def _materialize(spec: DatasetSpec, parts: Sequence[StoredDataset], path: Path) -> StoredDataset:
    if path.is_file():
        return _materialized_before(spec, parts, path)
    provenance = composed_provenance(parts)
    lengths = [length for part in parts for length in part.lengths]
    episodes = (episode for part in parts for episode in part.episodes())
    write_dataset(path, spec, episodes, lengths, provenance)
    return open_dataset(path)


def _materialized_before(
    spec: DatasetSpec, parts: Sequence[StoredDataset], path: Path
) -> StoredDataset:
    own = open_dataset(path)
    _check_belongs(spec, own)
    contents = [(part.manifest.content_sha256, part.manifest.num_episodes) for part in parts]
    if _composed_of(own) != contents:
        own.close()
        raise OutputExistsError(
            f"{path}: expected a file made of {', '.join(str(part.path) for part in parts)}, got "
            "one made of others; remove it and call again, or load the parts with materialize=False"
        )
    for part in parts:
        part.close()
    return own
