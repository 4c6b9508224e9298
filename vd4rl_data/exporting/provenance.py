"""``provenance.json`` beside files that ``vd4rl import`` reads back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vd4rl_data.exporting.about import About
from vd4rl_data.formats import Format, content_sha256
from vd4rl_data.storage.atomic import sync
from vd4rl_data.storage.exported import write_exported


def write_provenance(
    about: About,
    path: Path,
    format: Format,  # noqa: A002
    hash_of: Callable[[Path], str],
) -> None:
    """Write it beside a file, whose hash an import tells it by.

    The bytes go to the disk while the last of them are hashed.

    Args:
        about: what is said of the dataset.
        path: the file that a folder of the format is read by.
        format: its format.
        hash_of: the SHA-256 of a file.
    """
    beside = format.beside(path) if format.beside is not None else ()
    with ThreadPoolExecutor(1) as pool:
        syncing = pool.map(sync, [path, *beside])
        write_exported(
            path.parent, [path], about.manifests, lambda one: content_sha256(one, format, hash_of)
        )
        list(syncing)  # raises what went wrong
