"""Dataset files → a folder that is ready to be uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from vd4rl_data.download.repository import REPO_ID
from vd4rl_data.errors import CorruptFileError, PublishError
from vd4rl_data.publish.card import make_card
from vd4rl_data.publish.croissant import make_croissant
from vd4rl_data.publish.folder import NOTES, UploadFolder
from vd4rl_data.publish.model import (
    CARD,
    CROISSANT,
    PreparedDataset,
    PreparedFile,
    PreparedRepository,
    Progress,
)
from vd4rl_data.publish.shards import expected_bytes, finished_shards, write_shards
from vd4rl_data.publish.viewer import viewer_path, write_viewer
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage.atomic import atomic_path, check_free_space, write_lock
from vd4rl_data.storage.format import file_sha256
from vd4rl_data.storage.naming import sidecar_path
from vd4rl_data.storage.reader import StoredDataset, open_dataset
from vd4rl_data.storage.rows import columns_of
from vd4rl_data.storage.verify import verify_dataset

_SHOWN_PROBLEMS: Final = 5
_SHOWN_EPISODES: Final = 4


def prepare(
    files: Sequence[Path],
    folder: Path,
    repo_id: str,
    *,
    mixed_licenses: bool = False,
    progress: Progress | None = None,
) -> PreparedRepository:
    """Make an upload folder: packed shards, sidecars, pictures, a small split that the hub's viewer
    shows, the card and a Croissant file.

    The same files give the same bytes. After a kill at any moment the same call goes on: datasets
    that were packed are hashed, not packed again. A card that was edited by hand is kept.

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
        contents = {one.name: one.manifest.content_sha256 for one in sources}
        place = UploadFolder(folder, repo_id, contents)
        stack.enter_context(write_lock(folder / NOTES))
        place.save()
        _check_room(sources, folder)
        datasets = [_prepare_dataset(stored, folder, told) for stored in sources]
        others = tuple(_others(folder, datasets))
        place.write(CROISSANT, make_croissant(repo_id, datasets, others))
        place.write(CARD, make_card(repo_id, datasets))
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
        name = stored.name
        parts = get_dataset_spec(stored.manifest.dataset_id).parts
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
    names = {stored.name: stored.manifest.license for stored in sources}
    if len(set(names.values())) > 1 and not mixed_licenses:
        told = ", ".join(f"{name}: {text}" for name, text in names.items())
        raise PublishError(
            f"the datasets have different licenses ({told}); publish them separately, or confirm "
            "that you mean it: mixed_licenses=True"
        )


def _check_room(sources: Sequence[StoredDataset], folder: Path) -> None:
    """Refuse what is not going to fit, before hours of packing.

    Raises:
        NoSpaceError: fewer bytes are free than are still to be written.
    """
    unfinished = [stored for stored in sources if not finished_shards(stored, folder)]
    check_free_space(folder / "*.h5", sum(map(expected_bytes, unfinished)))


def _verify(path: Path, stored: StoredDataset, what: str, progress: Progress) -> None:
    report = verify_dataset(path, progress=_counter(what, stored, progress))
    if not report.ok:
        shown = "\n".join(f"    {problem}" for problem in report.problems[:_SHOWN_PROBLEMS])
        raise CorruptFileError(
            f"{path} fails verification, so it is not published:\n{shown}\nFetch or make it again"
        )


def _prepare_dataset(stored: StoredDataset, folder: Path, progress: Progress) -> PreparedDataset:
    shards = write_shards(stored, folder, _counter("pack", stored, progress))
    _verify(folder / shards[0].path, stored, "verify the shards", progress)
    returns = _returns(stored)
    _draw_pictures(stored, returns, folder)
    viewer = viewer_path(stored.name) if stored.has_pixels else None
    if viewer is not None:
        write_viewer(stored, returns, folder / viewer)
    columns = columns_of(stored.episode(0))
    return PreparedDataset(stored.manifest, shards, columns, _picture_paths(stored), viewer)


def _counter(what: str, stored: StoredDataset, progress: Progress) -> Callable[[int], None]:
    text = f"{what}: {stored.name}"
    return lambda done: progress(text, done, len(stored))


def _others(folder: Path, datasets: Sequence[PreparedDataset]) -> Iterator[PreparedFile]:
    """Sidecars, pictures, and what the hub's viewer shows."""
    for dataset in datasets:
        beside = sidecar_path(Path(dataset.shards[0].path)).as_posix()
        viewer = () if dataset.viewer is None else (dataset.viewer,)
        for name in (beside, *dataset.pictures, *viewer):
            yield _described(folder, name)


def _described(folder: Path, name: str) -> PreparedFile:
    path = folder / name
    return PreparedFile(name, path.stat().st_size, file_sha256(path))


def _picture_paths(stored: StoredDataset) -> tuple[str, ...]:
    """Where the contact sheet (unless it is states) and the histogram lie in a repository."""
    kinds = ("episodes", "returns") if stored.has_pixels else ("returns",)
    return tuple(f"pictures/{stored.name}.{kind}.png" for kind in kinds)


def _draw_pictures(stored: StoredDataset, returns: list[float], folder: Path) -> None:
    """Draw the pictures; the same dataset gives the same bytes."""
    from vd4rl_data.preview import return_histogram

    spec = get_dataset_spec(stored.manifest.dataset_id)
    histogram = return_histogram(
        returns, published=spec.published_returns, title=f"Episode returns: {spec.name}"
    )
    pictures = [_sheet(stored), histogram] if stored.has_pixels else [histogram]
    for picture, path in zip(pictures, _picture_paths(stored), strict=True):
        _save(picture, folder / path)


def _sheet(stored: StoredDataset) -> Any:
    from vd4rl_data.preview import contact_sheet

    shown = sorted(
        set(np.linspace(0, len(stored) - 1, _SHOWN_EPISODES).round().astype(np.int64).tolist())
    )
    return contact_sheet(
        [stored.episode(number) for number in shown],
        numbers=shown,
        title=stored.name,
        subtitle=f"{len(shown)} of {len(stored):,} episodes",
    )


def _returns(stored: StoredDataset) -> list[float]:
    """Undiscounted episode returns, without decoding a pixel."""
    rewards = stored.array("rewards")
    edges = zip(stored.starts[:-1], stored.starts[1:], strict=True)
    return [float(rewards[start : stop - 1].sum(dtype=np.float64)) for start, stop in edges]


def _save(picture: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG")
