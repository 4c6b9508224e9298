"""Read every byte of a dataset and check it against every checksum and invariant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from vd4rl_data.episode import NO_PIXELS, validate
from vd4rl_data.errors import (
    DatasetFormatError,
    InvalidEpisodeError,
    InvalidIdError,
    UnknownDatasetError,
)
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.scores import return_statistics
from vd4rl_data.storage import sidecar
from vd4rl_data.storage.format import file_sha256
from vd4rl_data.storage.hashing import ContentHasher
from vd4rl_data.storage.manifest import is_complete, validation_split
from vd4rl_data.storage.naming import shard_paths, sidecar_path
from vd4rl_data.storage.reader import StoredDataset, open_dataset
from vd4rl_data.storage.rows import rows_episode
from vd4rl_data.storage.writer import Progress


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What :func:`verify_dataset` found.

    Attributes:
        path: the file, or the first shard.
        num_episodes, num_frames: how many were read.
        has_sidecar: whether there was a sidecar, so that whole-file hashes could be compared.
        problems: one line per problem; empty if the dataset is undamaged.
    """

    path: Path
    num_episodes: int
    num_frames: int
    has_sidecar: bool
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.problems


def verify_dataset(path: Path, *, progress: Progress | None = None) -> VerifyReport:
    """Check a dataset file, and all its shards, completely.

    Checked are the file hashes (if there is a sidecar), the structure, each episode's CRC-32 and
    invariants, the content hash, and every figure in the manifest that follows from the content.

    Raises:
        FileNotFoundError: there is no such file.
    """
    problems: list[str] = []
    beside = None
    try:
        paths = shard_paths(path)
        beside = sidecar.read(paths[0])
        if beside is not None:
            problems.extend(_check_files(paths, beside))
        stored = open_dataset(path)
    except DatasetFormatError as error:
        return VerifyReport(path, 0, 0, beside is not None, (*problems, str(error)))
    with closing(stored):
        if beside is not None and beside.manifest != stored.manifest.to_json():
            problems.append(f"{sidecar_path(stored.path)}: manifest: differs from the file's own")
        problems.extend(_check_content(stored, progress))
    return VerifyReport(
        path=stored.path,
        num_episodes=len(stored),
        num_frames=int(stored.starts[-1]),
        has_sidecar=beside is not None,
        problems=tuple(problems),
    )


def _check_files(paths: list[Path], beside: sidecar.Sidecar) -> Iterator[str]:
    by_name = {record.name: record for record in beside.files}
    for path in paths:
        record = by_name.pop(path.name, None)
        if record is None:
            yield f"{path}: not listed in {sidecar_path(paths[0]).name}"
            continue
        found = (path.stat().st_size, file_sha256(path))
        if found != (record.num_bytes, record.sha256):
            yield (
                f"{path}: expected {record.num_bytes} bytes with SHA-256 {record.sha256}, got "
                f"{found[0]} with {found[1]}"
            )
    for name in by_name:
        yield f"{sidecar_path(paths[0])}: lists {name}, which is not a file of this dataset"


def _check_content(stored: StoredDataset, progress: Progress | None) -> Iterator[str]:
    try:
        spec = get_dataset_spec(stored.manifest.dataset_id)
    except (UnknownDatasetError, InvalidIdError) as error:
        yield f"{stored.path}: {stored.manifest.dataset_id!r} is not in the catalog: {error}"
        return
    hasher = ContentHasher()
    returns: list[float] = []
    size = spec.size if stored.has_pixels else NO_PIXELS
    for number in range(len(stored)):
        where = f"{stored.path}: episode {number}"
        try:
            rows = stored.episode_rows(number)
            checksum = hasher.update(rows)
            if checksum != stored.checksum(number):
                yield f"{where}: expected CRC-32 {stored.checksum(number)}, got {checksum}"
            episode = rows_episode(rows, stored.kinds)
            validate(episode, where, size=size, action_size=spec.task.action_size)
            returns.append(episode.episode_return)
        except (DatasetFormatError, InvalidEpisodeError) as error:
            yield str(error)
        if progress is not None:
            progress(number + 1)
    yield from _check_manifest(stored, hasher, returns, spec.num_episodes)


def _check_manifest(
    stored: StoredDataset, hasher: ContentHasher, returns: list[float], catalog_episodes: int
) -> Iterator[str]:
    manifest = stored.manifest
    digest = hasher.content_sha256(stored.starts)
    if digest != manifest.content_sha256:
        yield f"{stored.path}: content: expected SHA-256 {manifest.content_sha256}, got {digest}"
    if len(returns) == len(stored) and return_statistics(returns) != manifest.returns:
        got = return_statistics(returns)
        yield f"{stored.path}: returns: expected {manifest.returns}, got {got}"
    if manifest.validation_episodes != validation_split(manifest.part_episodes):
        yield f"{stored.path}: validation_episodes: not the split of {len(stored)} episodes"
    if manifest.complete != is_complete(manifest.provenance.recipe, len(stored), catalog_episodes):
        count = f"{len(stored)} of {catalog_episodes}"
        yield f"{stored.path}: complete: {manifest.complete} for {count}"
