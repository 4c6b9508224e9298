"""Finished episodes through an object store, where worker processes see no common folder.

    a worker ──one part per episode──▶ URL/<suite>/<name>.h5.parts/<recipe>/ ──▶ the driver's folder

A part's name tells its recipe, so that parts of two recipes never mix, and a part is checked as a
whole when it arrives. Whoever uploads a part again uploads the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from collection.errors import InvalidSettingError, ObjectStoreError
from collection.jobs import PartJob, PartSession
from vd4rl_data.processes import Report
from vd4rl_data.storage import PartStore
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.storage.format import canonical_json

_THREADS: Final = 16
_DIGITS: Final = 16
_PART: Final = re.compile(r"episode-(\d{6,})\.h5")


@dataclass(frozen=True, slots=True)
class PartsUrl:
    """Where the parts of one dataset are in an object store.

    Attributes:
        url: of a folder, as fsspec reads it, e.g. ``s3://bucket/folder``.
        name: of the parts within it.
    """

    url: str
    name: str

    @classmethod
    def of(cls, url: str, parts_folder: Path) -> PartsUrl:
        """The place of the parts that a folder is to hold.

        Raises:
            InvalidSettingError: nothing installed can reach such a URL.
        """
        place = cls(url, f"{parts_folder.parent.name}/{parts_folder.name}")
        place.files()
        return place

    def files(self) -> tuple[Any, str]:
        """The file system, and the path in it.

        Raises:
            InvalidSettingError: nothing installed can reach such a URL.
        """
        import fsspec

        try:
            if "://" not in self.url:
                raise ValueError("a folder of this machine is written file:///FOLDER")
            files, root = fsspec.core.url_to_fs(self.url)
        except (ValueError, ImportError) as error:
            raise InvalidSettingError(
                f"parts_url: expected a folder of an object store such as s3://bucket/folder, whose"
                f" package for fsspec is installed (s3fs, gcsfs, adlfs), got {self.url!r}: {error}"
            ) from error
        return files, f"{root.rstrip('/')}/{self.name}"


class Uploads:
    """The parts of one recipe in an object store."""

    def __init__(self, place: PartsUrl, recipe: Mapping[str, Any]) -> None:
        """Args:
        place: where they are.
        recipe: of the parts, with the renderer.
        """
        self._place = place
        self._files, folder = place.files()
        digest = hashlib.sha256(canonical_json(recipe).encode()).hexdigest()
        self._folder = f"{folder}/{digest[:_DIGITS]}"

    def put(self, path: Path) -> None:
        """Upload one part.

        Raises:
            ObjectStoreError: that failed.
        """
        remote = f"{self._folder}/{path.name}"
        with _named_errors(self._place.url):
            self._files.makedirs(self._folder, exist_ok=True)
            self._files.put_file(str(path), remote)

    def fetch(self, number: int, store: PartStore) -> bool:
        """Download one part, unless it is here; whether it is here now, whole.

        Raises:
            ObjectStoreError: the store cannot be reached.
        """
        path = store.path(number)
        if not store.has(number):
            with atomic_path(path) as temporary, _named_errors(self._place.url):
                self._files.get_file(f"{self._folder}/{path.name}", str(temporary))
        return store.has(number)

    def fetch_all(self, store: PartStore) -> None:
        """Download all parts that are there and not here; damaged ones are left out.

        Raises:
            ObjectStoreError: the store cannot be reached.
        """
        with Arrivals(self, store) as arrivals:
            for number in self.numbers():
                arrivals.expect(number)
            arrivals.wait()

    def numbers(self) -> list[int]:
        """Numbers of the parts that are there.

        Raises:
            ObjectStoreError: the store cannot be reached.
        """
        with _named_errors(self._place.url):
            self._files.invalidate_cache()
            if not self._files.exists(self._folder):
                return []
            names = [str(each).rsplit("/", 1)[-1] for each in self._files.ls(self._folder, False)]
        return sorted(int(match[1]) for name in names if (match := _PART.fullmatch(name)))

    def remove(self) -> None:
        """Delete them all.

        Raises:
            ObjectStoreError: the store cannot be reached.
        """
        with _named_errors(self._place.url):
            if self._files.exists(self._folder):
                self._files.rm(self._folder, recursive=True)


class Arrivals:
    """Parts that are being downloaded, several at a time."""

    def __init__(self, uploads: Uploads, store: PartStore) -> None:
        """Args:
        uploads: where from.
        store: where to.
        """
        self._uploads, self._store = uploads, store
        self._threads = ThreadPoolExecutor(_THREADS)
        self._coming: dict[int, Future[bool]] = {}

    def __enter__(self) -> Arrivals:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def expect(self, number: int) -> None:
        """Begin to download a part."""
        self._coming[number] = self._threads.submit(self._uploads.fetch, number, self._store)

    def wait(self) -> list[int]:
        """Wait for all; returns the numbers of those that arrived damaged.

        Raises:
            ObjectStoreError: the store cannot be reached.
        """
        return [number for number, arrived in self._coming.items() if not arrived.result()]


@contextmanager
def _named_errors(url: str) -> Generator[None]:
    """Turn whatever an object store raises into one error that names it."""
    try:
        yield
    except Exception as error:
        raise ObjectStoreError(
            f"{url}: {type(error).__name__}: {error}; what arrived is kept: once the store can be "
            "reached, run the same command again"
        ) from error


@dataclass(frozen=True, slots=True)
class UploadingJob:
    """Another job, whose parts are uploaded instead of written into a folder that all see.

    Attributes:
        job: makes the parts.
        place: where they go.
    """

    job: PartJob
    place: PartsUrl

    def open(self) -> UploadingSession:
        """Open the job in this process."""
        return UploadingSession(self)


class UploadingSession:
    """Makes episodes in this process and uploads a part of each.

    Attributes:
        greeting: name of the OpenGL renderer of this process.
    """

    def __init__(self, uploading: UploadingJob) -> None:
        """Open the job on a folder of this process alone."""
        self._folder = TemporaryDirectory(prefix="vd4rl_parts_")
        here = Path(self._folder.name)
        self._session: PartSession = dataclasses.replace(uploading.job, parts_folder=here).open()
        self.greeting = self._session.greeting
        recipe = {**uploading.job.part_recipe, "renderer": self.greeting}
        self._uploads, self._store = Uploads(uploading.place, recipe), PartStore(here, recipe)

    def make(self, item: int, report: Report) -> None:
        """Make one episode and upload it.

        Raises:
            ObjectStoreError: the upload failed.
            Vd4rlError: as of the job.
        """
        self._session.make(item, report)
        part = self._store.path(item)
        self._uploads.put(part)
        part.unlink()

    def close(self) -> None:
        """Free the simulations and the folder."""
        self._session.close()
        self._folder.cleanup()
