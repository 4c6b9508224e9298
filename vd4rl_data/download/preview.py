"""What a download would do, without doing it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from vd4rl_data.download.plan import Places, Plan, find_cached, make_plan, needed_bytes
from vd4rl_data.download.public_files import PublicSource, public_source
from vd4rl_data.download.settings import DownloadSettings
from vd4rl_data.download.turns import folder_bytes
from vd4rl_data.errors import DatasetNotFoundError, TransferError
from vd4rl_data.spec import DatasetSpec


@dataclass(frozen=True, slots=True)
class DownloadPreview:
    """What :func:`~vd4rl_data.download.authors.acquire_dataset` would do for one stored dataset.

    Attributes:
        spec, source: the dataset, and its public files.
        target: where the dataset file goes.
        here: it is there already.
        num_bytes: of all files; ``None`` if nobody knows.
        cached: files that the client's cache holds.
        begun_bytes: on the disk, of an unfinished download.
        needed_bytes: of the disk, at most, while it works; what is begun counts as free.
        free_bytes: of the disk now.
        problem: why sizes could not be asked for; empty if they could.
    """

    spec: DatasetSpec
    source: PublicSource
    target: Path
    here: bool
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
    here, problem = places.target.is_file(), ""
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
        here=here,
        num_bytes=plan.num_bytes,
        cached=len(cached),
        begun_bytes=begun,
        needed_bytes=max(0, needed_bytes(spec, source, plan, settings.most_raw_files) - begun),
        free_bytes=shutil.disk_usage(_existing(root)).free,
        problem=problem,
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.is_dir())
