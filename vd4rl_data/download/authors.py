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
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tqdm import tqdm

from vd4rl_data.download.fetch import fetch
from vd4rl_data.download.plan import Places, Plan, find_cached, make_plan, needed_bytes
from vd4rl_data.download.public_files import (
    DOWNLOAD_COMMAND,
    PublicSource,
    holds_source,
    public_source,
)
from vd4rl_data.download.settings import DownloadSettings
from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.download.turns import folder_bytes, turn
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    DatasetNotFoundError,
    InvalidEpisodeError,
    OfflineError,
    OutputExistsError,
)
from vd4rl_data.formats import file_sha256, format_of
from vd4rl_data.importing import Conversion
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import open_dataset
from vd4rl_data.storage.atomic import check_free_space, full_disk_errors, remove_folder
from vd4rl_data.storage.naming import sidecar_path

_LOGGER: Final = logging.getLogger("vd4rl_data")


def acquire_dataset(
    spec: DatasetSpec,
    root: Path,
    *,
    source: PublicSource | None = None,
    settings: DownloadSettings | None = None,
) -> Path:
    """The dataset file of an id, made of the authors' own files if it is not here yet.

    One process at a time downloads an id; others wait, and then find the file. Once it is here, no
    request is made.

    Args:
        spec: a dataset that is stored under its own id.
        root: the data folder; the file is ``<root>/public/<id>.h5``.
        source: the files; by default those of ``public_source``.
        settings: whom to ask and how; by default :meth:`DownloadSettings.current`.

    Raises:
        DatasetNotFoundError: this id was never published as files.
        DatasetFormatError: the id is a composite, or a file does not hold what it should.
        CorruptFileError: at every endpoint, a file has other bytes than those that were published.
            Once they are mended, the same call goes on.
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
    places = Places(spec, root)
    in_place = _is_in_place(places, source)
    if in_place and not places.left_behind():
        return places.target
    settings = settings or DownloadSettings.current()
    cached = find_cached(source, settings.cache)
    begun = in_place or places.folder.is_dir()
    if not settings.endpoints and not begun and len(cached) < len(source.files):
        raise OfflineError(
            f"{spec.name}: {source.repo_id} cannot be asked: the network must not be used "
            f"(HF_HUB_OFFLINE), and the client's cache holds {len(cached)} of "
            f"{len(source.files)} files"
        )
    with turn(places.lock, places.folder, show=settings.progress):
        if not _is_in_place(places, source):
            _Acquisition(spec, source, settings, places, cached).run()
        remove_folder(places.folder)
    return places.target


class _Acquisition:
    """One download; the caller holds the lock."""

    def __init__(
        self,
        spec: DatasetSpec,
        source: PublicSource,
        settings: DownloadSettings,
        places: Places,
        cached: Mapping[str, Path],
    ) -> None:
        self._spec = spec
        self._source = source
        self._settings = settings
        self._places = places
        self._cached = cached

    def run(self) -> None:
        """Fetch, convert, write."""
        plan = self._plan()
        needed = needed_bytes(self._spec, self._source, plan, self._settings.workers)
        check_free_space(self._places.target, needed - folder_bytes(self._places.folder))
        with self._conversion(plan) as conversion:
            try:
                self._convert(plan, conversion)
                self._write(plan, conversion)
            except BaseException as error:
                self._explain(plan, conversion, error)
                raise

    def _plan(self) -> Plan:
        """The plan of an earlier run, or a new one."""
        plan = self._places.load_plan(self._source)
        if plan is None:
            recorded = self._places.recorded(self._source)
            plan = make_plan(self._source, self._settings, self._cached, recorded)
            with full_disk_errors(self._places.folder):
                self._places.folder.mkdir(parents=True, exist_ok=True)
            plan.save(self._places.plan)
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

    def _conversion(self, plan: Plan) -> Conversion:
        """The parts of an earlier run, as far as they are of the planned files."""
        names = [_name(file) for file in plan.files]
        recipe = {
            "command": DOWNLOAD_COMMAND,
            "dataset_id": self._spec.name,
            "repo_id": plan.repo_id,
            "revision": plan.revision,
            "files": names,
        }
        open_parts = partial(Conversion, self._places.parts, self._spec, format_of(names), recipe)
        conversion = open_parts()
        pairs = zip(plan.files, conversion.sources, strict=False)
        if all(file.sha256 in (None, source["sha256"]) for file, source in pairs):
            return conversion
        with conversion:
            _LOGGER.warning(
                "%s: these parts were made from other bytes; making them again", self._places.parts
            )
        remove_folder(self._places.folder)
        plan.save(self._places.plan)
        return open_parts()

    def _convert(self, plan: Plan, conversion: Conversion) -> None:
        """Turn every file that is not among the parts yet into parts, in reading order."""
        settings, source = self._settings, self._source
        feed = _Feed(plan, conversion, self._cached)
        fetch(
            feed.not_cached,
            self._places.folder / "raw",
            settings.endpoints,
            source.url,
            take=feed.take,
            workers=settings.workers,
            in_flight=settings.in_flight,
            patience=settings.patience,
            progress=settings.progress,
        )
        feed.take_cached()

    def _write(self, plan: Plan, conversion: Conversion) -> None:
        sources = list(conversion.sources)
        self._places.write_record(plan, sources)
        official = all(file["hash_status"] == "verified" for file in sources)
        recipe = {"command": DOWNLOAD_COMMAND, "repo_id": plan.repo_id, "revision": plan.revision}
        count, show = conversion.num_episodes, self._settings.progress
        with tqdm(total=count, unit="episodes", desc="write", disable=not show) as bar:

            def tell(done: int) -> None:
                bar.update(done - bar.n)

            origin = "official" if official else "imported"
            conversion.write(self._places.target, origin, recipe, on_episode=tell)
        _LOGGER.info("%s: %s", self._spec.name, self._places.target)

    def _explain(self, plan: Plan, conversion: Conversion, error: BaseException) -> None:
        """Say what is safe; and where bytes were wrong, forget what was said of them."""
        places = self._places
        error.add_note(
            f"{len(conversion.sources)} of {len(plan.files)} files are safe in {places.folder}; "
            "the same call goes on from there."
        )
        if isinstance(error, DatasetFormatError | InvalidEpisodeError):
            places.plan.unlink(missing_ok=True)
        if isinstance(error, CorruptFileError) and places.record.is_file():
            error.add_note(
                f"{places.record} holds the SHA-256 of an earlier download; without it, what comes "
                "first is trusted again."
            )


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

    def take(self, path: Path, fetched: RemoteFile) -> None:
        """A file arrived."""
        self.take_cached()
        self._left.popleft()
        self._add(path, fetched)

    def take_cached(self) -> None:
        """Take what comes next, as long as it is cached."""
        while self._left and self._left[0].path in self._cached:
            file = self._left.popleft()
            path, sha256 = self._cached[file.path]
            size = path.stat().st_size
            try:
                self._add(path, RemoteFile(file.path, size, sha256, file.hash_from))
            except (DatasetFormatError, InvalidEpisodeError) as error:
                error.add_note(f"{_name(file)} is {path}, in the cache of the Hub's client")
                raise

    def _add(self, path: Path, file: RemoteFile) -> None:
        source: dict[str, Any] = {
            "name": _name(file),
            "bytes": file.size,
            "sha256": file.sha256,
            "hash_status": "unknown" if file.hash_from == "first use" else "verified",
            "hash_from": file.hash_from,
        }
        self._conversion.add(path, source)


def _name(file: RemoteFile) -> str:
    return PurePosixPath(file.path).name


def _checked(file: RemoteFile, path: Path) -> tuple[Path, str] | None:
    """A cached file and its SHA-256, if it is what it should be."""
    sha256 = file_sha256(path)
    if file.sha256 in (None, sha256):
        return path, sha256
    _LOGGER.warning("%s: expected the SHA-256 %s, got %s; fetching it", path, file.sha256, sha256)
    return None


def _is_in_place(places: Places, source: PublicSource) -> bool:
    """Whether the file is there; one that a kill left without its sidecar is written again."""
    if not places.target.is_file():
        return False
    if places.folder.is_dir() and not sidecar_path(places.target).is_file():
        return False
    stored = open_dataset(places.target)
    stored.close()
    if not holds_source(source, stored.manifest):
        raise OutputExistsError(
            f"{places.target} was made of other public files than those of "
            f"{source.repo_id}@{source.revision}; remove it: "
            f"vd4rl cache rm {stored.manifest.dataset_id}"
        )
    return True
