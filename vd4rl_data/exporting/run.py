"""Writing a dataset for another toolbox: into a folder of its own that is whole or absent."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vd4rl_data.dataset import Dataset
from vd4rl_data.episode import Episode
from vd4rl_data.errors import MissingDependencyError, OutputExistsError
from vd4rl_data.exporting.about import ABOUT_FILE, About
from vd4rl_data.exporting.table import find_target
from vd4rl_data.exporting.target import Target
from vd4rl_data.storage.atomic import (
    TEMPORARY_SUFFIX,
    check_free_space,
    full_disk_errors,
    sync,
    write_lock,
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What :func:`export` wrote.

    Attributes:
        folder: where it lies.
        num_files, num_bytes: what is in it.
        read_it: Python lines that read it with its toolbox.
    """

    folder: Path
    num_files: int
    num_bytes: int
    read_it: str


def export(
    dataset: Dataset,
    target: str | Target,
    folder: Path,
    *,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Write a dataset as another toolbox keeps it, without loss, one episode in memory at a time.

    The folder is put in place when everything is in it. What a kill leaves is called
    ``<folder>.incomplete`` and is removed by the next call for the same folder.

    Args:
        dataset: what to write; of a selection of episodes, these.
        target: a name of :data:`vd4rl_data.exporting.TARGETS`, or a record.
        folder: made here; it may be there already if it is empty.
        progress: called with the number of episodes after each.

    Raises:
        UnknownFormatError: there is no such target.
        MissingDependencyError: a package that writes it is not installed; the message names it.
        OutputExistsError: there is something at ``folder``.
        DatasetLockedError: another process writes to the same folder.
        NoSpaceError: the disk is full, or would be.
    """
    chosen = find_target(target) if isinstance(target, str) else target
    _check_installed(chosen)
    folder = folder.absolute()
    about = About.of(dataset)
    _check_absent(folder)
    check_free_space(folder, round(chosen.copies * about.frame_bytes))
    with write_lock(folder), full_disk_errors(folder):
        _check_absent(folder)
        temporary = folder.with_name(folder.name + TEMPORARY_SUFFIX)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            chosen.write(_told(dataset, progress), about, temporary)
            (temporary / ABOUT_FILE).write_text(about.text, encoding="utf-8")
            files = [path for path in temporary.rglob("*") if path.is_file()]
            for path in files:
                sync(path)
            num_bytes = sum(path.stat().st_size for path in files)
            if folder.is_dir():
                folder.rmdir()
            temporary.rename(folder)
            sync(folder.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return Exported(
        folder, len(files), num_bytes, chosen.read_it.format(folder=folder, id=about.id)
    )


def _check_installed(target: Target) -> None:
    absent = [name for name in target.modules if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingDependencyError(
            f"writing for {target.name} needs {', '.join(absent)}; install it with "
            f"pip install 'vd4rl-data[{target.extra}]'"
        )


def _check_absent(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputExistsError(
            f"{folder}: expected no such folder, or an empty one; choose another, or remove it"
        )


def _told(dataset: Dataset, progress: Callable[[int], None] | None) -> Iterator[Episode]:
    """The episodes; one is reported when the one after it is asked for: then it is written."""
    for number, episode in enumerate(dataset, start=1):
        yield episode
        if progress is not None:
            progress(number)
