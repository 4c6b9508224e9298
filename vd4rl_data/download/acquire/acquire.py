"""The authors' own files of an id → a dataset file, converted as they arrive.

    hub ──ranges──▶ raw file ──reader──▶ parts ──final pass──▶ public/<Suite>/<name>.h5
                      └─ deleted as soon as its episodes are parts

Everything lies in ``<name>.h5.download`` until the dataset file is in place. The process may be
killed at any moment; the next call goes on, without the files that are parts already.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tqdm import tqdm

from vd4rl_data.download.acquire.cached import find_cached, noted_hashes
from vd4rl_data.download.acquire.plan import KnownFrom, Plan, PlannedFile, make_plan
from vd4rl_data.download.acquire.settings import Settings
from vd4rl_data.download.acquire.work import Work, folder_bytes, needed_bytes
from vd4rl_data.download.public_files import (
    DOWNLOAD_COMMAND,
    PublicSource,
    holds_source,
    public_source,
)
from vd4rl_data.download.transfer import FetchedFile, RemoteFile, exclusive, fetch
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    DatasetNotFoundError,
    OfflineError,
    OutputExistsError,
)
from vd4rl_data.importing import Conversion
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import open_dataset
from vd4rl_data.storage.atomic import check_free_space, full_disk_errors
from vd4rl_data.storage.naming import sidecar_path
from vd4rl_data.upstream import Kind, file_sha256

_LOGGER: Final = logging.getLogger("vd4rl_data")
_KINDS: Final[dict[str, Kind]] = {".npz": "npz", ".hdf5": "hdf5"}


def acquire_dataset(
    spec: DatasetSpec,
    root: Path,
    *,
    source: PublicSource | None = None,
    settings: Settings | None = None,
) -> Path:
    """The dataset file of an id, made of the authors' own files if it is not here yet.

    One process at a time downloads an id; others wait, and then find the file. Once it is here, no
    request is made.

    Args:
        spec: a dataset that is stored under its own id.
        root: the data folder; the file is ``<root>/public/<id>.h5``.
        source: the files; by default those of ``public_source``.
        settings: whom to ask and how; by default :meth:`Settings.current`.

    Raises:
        DatasetNotFoundError: this id was never published as files.
        DatasetFormatError: the id is a composite, or a file does not hold what it should.
        CorruptFileError: at every endpoint, a file has other bytes than those that were published.
        RemoteFileNotFoundError, RemoteAccessError: no endpoint has a file, or none gives it.
        OfflineError: files are missing, and the network must not be used.
        TransferError: the network failed for too long; what arrived is kept.
        OutputExistsError: a file made of other public files is in the place.
        DatasetLockedError: another process writes the file in the place.
        NoSpaceError: the disk is too small, or filled up; what arrived is kept.
    """
    source = public_source(spec) if source is None else source
    if source is None:
        raise DatasetNotFoundError(f"{spec.name} was never published as files")
    if spec.parts:
        raise DatasetFormatError(f"{spec.name} is not stored itself; ask for {spec.parts}")
    work = Work.of(spec, root)
    in_place = _is_in_place(work, source)
    if in_place and not work.left_behind():
        return work.target
    settings = settings or Settings.current()
    cached = find_cached(source, settings.cache)
    begun = in_place or work.folder.is_dir()
    if settings.offline and not begun and len(cached) < len(source.files):
        raise OfflineError(
            f"{spec.name}: {source.repo_id} cannot be asked: the network must not be used "
            f"(HF_HUB_OFFLINE), and the client's cache holds {len(cached)} of "
            f"{len(source.files)} files"
        )
    remotes = [RemoteFile(file.path, file.num_bytes) for file in source.files]
    with exclusive(work.folder, remotes, show=settings.progress, place=work.lock):
        if not _is_in_place(work, source):
            _Acquisition(spec, source, settings, work, cached).run()
        work.remove()
    return work.target


class _Acquisition:
    """One download; the caller holds the lock."""

    def __init__(
        self,
        spec: DatasetSpec,
        source: PublicSource,
        settings: Settings,
        work: Work,
        cached: Mapping[str, Path],
    ) -> None:
        self._spec = spec
        self._source = source
        self._settings = settings
        self._work = work
        self._cached = cached

    def run(self) -> None:
        """Fetch, convert, write."""
        plan = self._plan()
        self._check_space(plan)
        recipe = {
            "command": DOWNLOAD_COMMAND,
            "dataset_id": self._spec.name,
            "repo_id": plan.repo_id,
            "revision": plan.revision,
            "files": [{"name": file.name, "sha256": file.sha256} for file in plan.files],
        }
        with Conversion(self._work.parts, self._spec, _kind(plan), recipe) as conversion:
            try:
                self._convert(plan, conversion)
                self._write(plan, conversion)
            except BaseException as error:
                error.add_note(
                    f"{len(conversion.sources)} of {len(plan.files)} files are safe in "
                    f"{self._work.folder}; the same call goes on from there."
                )
                if isinstance(error, CorruptFileError) and self._work.record_path.is_file():
                    error.add_note(
                        f"{self._work.record_path} holds the SHA-256 of an earlier download; "
                        "without it and that folder, what comes first is trusted anew."
                    )
                raise

    def _plan(self) -> Plan:
        """The plan of an earlier run, or a new one."""
        plan = self._work.load_plan(self._source)
        if plan is None:
            recorded = self._work.recorded(self._source)
            plan = make_plan(self._source, self._settings, noted_hashes(self._cached), recorded)
            with full_disk_errors(self._work.folder):
                self._work.folder.mkdir(parents=True, exist_ok=True)
            plan.save(self._work.plan_path)
        size = "of unknown size" if plan.num_bytes is None else f"{plan.num_bytes / 1e6:,.1f} MB"
        _LOGGER.info(
            "%s: fetching %s, %d files, %s, from %s",
            self._spec.name,
            f"{plan.repo_id}@{plan.revision}",
            len(plan.files),
            size,
            ", ".join(endpoint.url for endpoint in self._settings.endpoints),
        )
        return plan

    def _check_space(self, plan: Plan) -> None:
        most_raw = self._settings.most_raw_files
        needed = needed_bytes(self._spec, self._source, plan, most_raw)
        check_free_space(self._work.target, needed - folder_bytes(self._work.folder))

    def _convert(self, plan: Plan, conversion: Conversion) -> None:
        """Turn every file that is not among the parts yet into parts, in reading order."""
        settings = self._settings
        feed = _Feed(plan, conversion, self._cached)
        missing = [file.remote for file in feed.not_cached]
        if missing:
            fetch(
                missing,
                self._work.folder / "raw",
                settings.endpoints,
                lambda url, file: self._source.url(url, file.path),
                on_file=feed.take,
                keep=False,
                in_order=True,
                workers=settings.workers,
                chunk_bytes=settings.chunk_bytes,
                progress=settings.progress,
                offline=settings.offline,
                policy=settings.policy,
            )
        feed.finish()

    def _write(self, plan: Plan, conversion: Conversion) -> None:
        sources = list(conversion.sources)
        self._work.write_record(plan, sources)
        self._work.target.unlink(missing_ok=True)  # a kill left it without its sidecar
        official = all(file["hash_status"] == "verified" for file in sources)
        recipe = {"command": DOWNLOAD_COMMAND, "repo_id": plan.repo_id, "revision": plan.revision}
        with tqdm(
            total=conversion.num_episodes,
            unit="episodes",
            desc="write",
            disable=not self._settings.progress,
        ) as bar:

            def show(done: int) -> None:
                bar.update(done - bar.n)

            conversion.write(
                self._work.target,
                "official" if official else "imported",
                recipe,
                on_episode=show,
            )
        _LOGGER.info("%s: %s", self._spec.name, self._work.target)


class _Feed:
    """Hands files to the conversion in reading order: fetched ones, and between them cached ones.

    Attributes:
        not_cached: what has to be fetched.
    """

    def __init__(self, plan: Plan, conversion: Conversion, cached: Mapping[str, Path]) -> None:
        self._conversion = conversion
        self._left = deque(plan.files[len(conversion.sources) :])
        self._cached = {
            file.path: found
            for file in self._left
            if file.path in cached and (found := _checked(file, cached[file.path])) is not None
        }
        self.not_cached = [file for file in self._left if file.path not in self._cached]

    def take(self, path: Path, fetched: FetchedFile) -> None:
        """A file arrived."""
        self._take_cached()
        file = self._left.popleft()
        known_from = file.known_from if fetched.check == "known" else fetched.check
        self._add(path, file, fetched.size, fetched.sha256, known_from)

    def finish(self) -> None:
        """No more files will arrive."""
        self._take_cached()

    def _take_cached(self) -> None:
        while self._left and self._left[0].path in self._cached:
            file = self._left.popleft()
            path, sha256 = self._cached[file.path]
            self._add(path, file, path.stat().st_size, sha256, file.known_from)

    def _add(
        self, path: Path, file: PlannedFile, size: int, sha256: str, known_from: KnownFrom
    ) -> None:
        source: dict[str, Any] = {
            "name": file.name,
            "bytes": size,
            "sha256": sha256,
            "hash_status": "unknown" if known_from == "first use" else "verified",
            "hash_from": known_from,
        }
        self._conversion.add(path, source)


def _checked(file: PlannedFile, path: Path) -> tuple[Path, str] | None:
    """A cached file and its SHA-256, if it is what it should be."""
    sha256 = file_sha256(path)
    if file.sha256 in (None, sha256):
        return path, sha256
    _LOGGER.warning("%s: expected the SHA-256 %s, got %s; fetching it", path, file.sha256, sha256)
    return None


def _is_in_place(work: Work, source: PublicSource) -> bool:
    """Whether the file is there; one that a kill left without its sidecar is written again."""
    if not work.target.is_file():
        return False
    if work.folder.is_dir() and not sidecar_path(work.target).is_file():
        return False
    stored = open_dataset(work.target)
    stored.close()
    if not holds_source(source, stored.manifest):
        raise OutputExistsError(
            f"{work.target} was made of other public files than those of "
            f"{source.repo_id}@{source.revision}; remove it: "
            f"vd4rl cache rm {stored.manifest.dataset_id}"
        )
    return True


def _kind(plan: Plan) -> Kind:
    suffixes = {PurePosixPath(file.path).suffix for file in plan.files}
    if len(suffixes) != 1 or not suffixes <= _KINDS.keys():
        raise DatasetFormatError(f"expected .npz files or .hdf5 files, got {sorted(suffixes)}")
    return _KINDS[suffixes.pop()]
