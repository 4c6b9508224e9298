"""What will be fetched of the authors' files, to where: sizes and SHA-256, and who names them.

A hash comes from the first of these that knows it: our catalog; an endpoint's list of the pinned
commit (a hub names the SHA-256 of large files); the client's cache, which notes what the hub said;
the record of an earlier download. Else the first download is trusted, and recorded.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.download.client import Endpoint, Patience, UnexpectedStatusError, ask
from vd4rl_data.download.public_files import PublicFile, PublicSource, public_source
from vd4rl_data.download.settings import DownloadSettings
from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.download.turns import folder_bytes
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetNotFoundError,
    OfflineError,
    RemoteFileNotFoundError,
    TransferError,
)
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.atomic import remove_folder, removed_folder, write_text
from vd4rl_data.storage.naming import public_path, source_note

SUFFIX: Final = ".download"

_LOGGER: Final = logging.getLogger("vd4rl_data")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PATHS_AT_ONCE: Final = 100
_LIST_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """All files of a dataset at one revision, in reading order."""

    repo_id: str
    revision: str
    files: tuple[RemoteFile, ...]

    @property
    def num_bytes(self) -> int | None:
        """Size of all files, if all are known."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None

    def belongs_to(self, source: PublicSource) -> bool:
        """Whether it plans the files of this source."""
        mine = (self.repo_id, self.revision, [file.path for file in self.files])
        return mine == (source.repo_id, source.revision, [file.path for file in source.files])

    def save(self, path: Path) -> None:
        """Write it."""
        write_text(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Plan | None:
        """Read one; ``None`` if there is none, or something else."""
        try:
            values = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
            values["files"] = tuple(RemoteFile(**file) for file in values["files"])
            return cls(**values)
        except (OSError, ValueError, TypeError, KeyError):
            return None


class Places:
    """The places of one download.

    Attributes:
        target: the dataset file.
        folder: raw files, parts, plan; it goes when the dataset file is in place.
        parts: the parts.
        plan: what the servers said, for an interrupted download to keep to.
        lock: held by the process that downloads.
        record: beside the dataset file: each source file's SHA-256, and who named it.
    """

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        """The places for a dataset in a data folder."""
        self.target = public_path(root, spec.name)
        self.folder = self.target.with_name(f"{self.target.name}{SUFFIX}")
        self.parts = self.folder / "parts"
        self.plan = self.folder / "plan.json"
        self.lock = self.target.with_name(f".{self.target.name}{SUFFIX}.lock")
        self.record = source_note(self.target)

    def left_behind(self) -> bool:
        """Whether a download, or the removal of its folder, was begun and not ended."""
        return self.folder.is_dir() or removed_folder(self.folder).is_dir()

    def load_plan(self, source: PublicSource) -> Plan | None:
        """The plan of an interrupted download of this source; what belongs to another goes."""
        plan = Plan.load(self.plan)
        if plan is not None and not plan.belongs_to(source):
            _LOGGER.warning("%s: an unfinished download of something else; removed", self.folder)
            remove_folder(self.folder)
            return None
        return plan

    def recorded(self, source: PublicSource) -> dict[str, str]:
        """SHA-256 by path of an earlier download of the same revision."""
        try:
            record = cast("dict[str, Any]", json.loads(self.record.read_text("utf-8")))
            if (record["repo_id"], record["revision"]) != (source.repo_id, source.revision):
                return {}
            return {str(file["path"]): str(file["sha256"]) for file in record["files"]}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def write_record(self, plan: Plan, sources: list[Mapping[str, Any]]) -> None:
        """Note what was taken, and how each hash is known."""
        kept = ("bytes", "sha256", "hash_from")
        files = [
            {"path": file.path, **{key: source[key] for key in kept}}
            for file, source in zip(plan.files, sources, strict=True)
        ]
        record = {"repo_id": plan.repo_id, "revision": plan.revision, "files": files}
        write_text(self.record, json.dumps(record, indent=1) + "\n")


def needed_bytes(spec: DatasetSpec, source: PublicSource, plan: Plan, workers: int) -> int:
    """Free space that a download needs at most: the dataset file, the parts, raw files in flight.

    Parts are compressed about as well as the authors' files; where their size is not known, they
    count as a third of the pixels.
    """
    rows = source.num_episodes * (spec.task.time_steps + 1)
    final = rows * (spec.size**2 * 3 + spec.task.action_size * 4 + 10)
    sizes = sorted((file.size or 0 for file in plan.files), reverse=True)
    parts = final // 3 if plan.num_bytes is None else plan.num_bytes
    return final + parts + sum(sizes[: 2 * workers])


def find_cached(source: PublicSource, cache: Path | None) -> Mapping[str, Path]:
    """Where the hub's own client has files of a source, by path; its cache is never changed."""
    if cache is None or not cache.is_dir():
        return {}
    from huggingface_hub import try_to_load_from_cache

    options: Any = {"cache_dir": cache, "revision": source.revision, "repo_type": "dataset"}
    places = {
        file.path: try_to_load_from_cache(source.repo_id, file.path, **options)
        for file in source.files
    }
    # Else it is unknown, or known to be absent.
    return {path: Path(place) for path, place in places.items() if isinstance(place, str)}


def make_plan(
    source: PublicSource,
    settings: DownloadSettings,
    cached: Mapping[str, Path],
    recorded: Mapping[str, str],
) -> Plan:
    """Find out what is known of each file; asks the endpoints only for what the catalog lacks.

    Args:
        source: the files.
        settings: whom to ask.
        cached: where the client's cache has files; it names a large one by the hub's SHA-256.
        recorded: SHA-256 by path, of an earlier download that trusted its first use.

    Raises:
        CorruptFileError: catalog and server disagree on a size or a hash.
        RemoteAccessError, TransferError: no endpoint answers.
    """
    unknown = any(None in (file.sha256, file.num_bytes) for file in source.files)
    listed = _listed(source, settings) if unknown else {}
    names = {path: place.resolve().name for path, place in cached.items()}
    noted = {path: name for path, name in names.items() if _SHA256.fullmatch(name)}
    files = (
        _planned(file, listed.get(file.path), noted.get(file.path), recorded.get(file.path))
        for file in source.files
    )
    return Plan(source.repo_id, source.revision, tuple(files))


def _planned(
    file: PublicFile, listed: RemoteFile | None, noted: str | None, recorded: str | None
) -> RemoteFile:
    size = file.num_bytes
    if listed is not None:
        _check_agree(file, listed)
        size = listed.size
    if file.sha256 is not None:
        return RemoteFile(file.path, size, file.sha256, "catalog")
    server = noted if listed is None else listed.sha256
    if server is not None:
        return RemoteFile(file.path, size, server, "server")
    return RemoteFile(file.path, size, recorded, "first use")


def _check_agree(file: PublicFile, listed: RemoteFile) -> None:
    pairs = (("bytes", file.num_bytes, listed.size), ("SHA-256", file.sha256, listed.sha256))
    for what, known, said in pairs:
        if None not in (known, said) and known != said:
            raise CorruptFileError(
                f"{file.path}: the catalog of this package says {what} {known}, the server lists "
                f"{said} at the same commit; it is not the file that was published. Ask another "
                "server, or report it"
            )


def _listed(source: PublicSource, settings: DownloadSettings) -> dict[str, RemoteFile]:
    """What the endpoints say of our files at the pinned commit, by path; each asked for the rest.

    A server of files alone has no list; whether it has the files, fetching will tell.
    """
    found: dict[str, RemoteFile] = {}
    failure: TransferError | None = None
    answered = False
    for endpoint in settings.endpoints:
        missing = [file.path for file in source.files if file.path not in found]
        try:
            found.update(_list_at(endpoint, source, missing, settings.patience))
            answered = True
        except OfflineError:
            raise
        except TransferError as error:
            _LOGGER.info("%s", error)
            has_no_list = isinstance(error, RemoteFileNotFoundError | UnexpectedStatusError)
            answered = answered or has_no_list
            failure = failure or error
    if failure is not None and not answered:
        raise failure
    return found


def _list_at(
    endpoint: Endpoint, source: PublicSource, paths: Sequence[str], patience: Patience
) -> Iterator[tuple[str, RemoteFile]]:
    """Those of the paths that an endpoint lists; names that it made up are not among them."""
    patience = replace(patience, attempts=min(patience.attempts, _LIST_ATTEMPTS))
    where = f"datasets/{source.repo_id}/paths-info/{source.revision}"
    for first in range(0, len(paths), _PATHS_AT_ONCE):
        wanted = paths[first : first + _PATHS_AT_ONCE]
        answer: Any = ask(endpoint, where, patience, method="POST", data={"paths": wanted})
        for entry in answer if isinstance(answer, list) else []:
            file = _entry(cast("Any", entry))
            if file is not None and file.path in wanted:
                yield file.path, file


def _entry(entry: Any) -> RemoteFile | None:
    """A file as a hub lists it; ``None`` of a folder, or of something that makes no sense."""
    try:
        size, sha256 = int(entry["size"]), (entry.get("lfs") or {}).get("oid")
        if entry["type"] != "file" or size < 0:
            return None
        known = isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None
        return RemoteFile(str(entry["path"]), size, sha256 if known else None, "server")
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class DownloadPreview:
    """What :func:`~vd4rl_data.download.authors.acquire_dataset` would do for one stored dataset.

    Attributes:
        spec, source: the dataset, and its public files.
        target: where the dataset file goes.
        num_bytes: of all files; ``None`` if it is unknown.
        cached: files that the client's cache holds.
        begun_bytes: on the disk, of an unfinished download.
        needed_bytes: of the disk, at most, while it works; what is begun counts as free.
        free_bytes: of the disk now.
        problem: why sizes could not be asked for; empty if they could.
    """

    spec: DatasetSpec
    source: PublicSource
    target: Path
    num_bytes: int | None
    cached: int
    begun_bytes: int
    needed_bytes: int
    free_bytes: int
    problem: str = ""


def plan_download(
    spec: DatasetSpec,
    root: Path,
    *,
    source: PublicSource | None = None,
    settings: DownloadSettings | None = None,
) -> DownloadPreview:
    """Say what a download would fetch; asks the hub for sizes only, and writes nothing.

    Args:
        spec: a dataset that is stored under its own id.
        root: the data folder.
        source: the files; by default those of ``public_source``.
        settings: whom to ask; by default :meth:`DownloadSettings.current`.

    Raises:
        DatasetNotFoundError: this id was never published as files.
        CorruptFileError: catalog and server disagree.
    """
    source = public_source(spec) if source is None else source
    if source is None:
        raise DatasetNotFoundError(f"{spec.name} was never published as files")
    settings = settings or DownloadSettings.current()
    places = Places(spec, root)
    cached = find_cached(source, settings.cache)
    problem = ""
    plan = Plan.load(places.plan)
    if plan is None or not plan.belongs_to(source):
        try:
            plan = make_plan(source, settings, cached, {})
        except TransferError as error:
            plan = make_plan(source, replace(settings, endpoints=()), cached, {})
            problem = str(error)
    begun = folder_bytes(places.folder)
    return DownloadPreview(
        spec=spec,
        source=source,
        target=places.target,
        num_bytes=plan.num_bytes,
        cached=len(cached),
        begun_bytes=begun,
        needed_bytes=max(0, needed_bytes(spec, source, plan, settings.workers) - begun),
        free_bytes=shutil.disk_usage(_existing(root)).free,
        problem=problem,
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.is_dir())
