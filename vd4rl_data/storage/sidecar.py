"""The sidecar ``<name>.manifest.json``: the manifest, and the SHA-256 of each file."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.storage.format import FORMAT_NAME, FORMAT_VERSION, canonical_json, file_sha256
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.storage.naming import sidecar_path


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Name, size in bytes and SHA-256 of one file."""

    name: str
    num_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The contents of a sidecar: the manifest as canonical JSON, and a record of each file."""

    manifest: str
    files: tuple[FileRecord, ...]


Record = Callable[[Manifest, Sequence[Path], Sequence[str]], None]
"""Hashes files and writes a sidecar that lists them under the given, final names."""


@contextmanager
def replaced(path: Path) -> Generator[Record]:
    """Yield a function that writes the new sidecar of ``path``; on success it is put in place.

    Enter this before the :func:`atomic_path` of the data files, and call the function last: then a
    full disk is noticed before anything is replaced, and a kill leaves no sidecar rather than a
    wrong one.
    """
    target = sidecar_path(path)
    with atomic_path(target) as temporary:

        def record(manifest: Manifest, files: Sequence[Path], names: Sequence[str]) -> None:
            temporary.write_text(_text(manifest, files, names), encoding="utf-8")
            target.unlink(missing_ok=True)

        yield record


def _text(manifest: Manifest, files: Sequence[Path], names: Sequence[str]) -> str:
    records = [
        {"name": name, "num_bytes": file.stat().st_size, "sha256": file_sha256(file)}
        for file, name in zip(files, names, strict=True)
    ]
    content = {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "manifest": json.loads(manifest.to_json()),
        "files": records,
    }
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def read(path: Path) -> Sidecar | None:
    """The sidecar of a dataset, or ``None`` if there is none.

    Raises:
        DatasetFormatError: as :func:`parse`.
    """
    sidecar = sidecar_path(path)
    if not sidecar.exists():
        return None
    return parse(sidecar.read_text(encoding="utf-8", errors="replace"), str(sidecar))


def parse(text: str, where: str) -> Sidecar:
    """Parse the text of a sidecar; ``where`` names its source in messages.

    Raises:
        DatasetFormatError: the text is not what :func:`replaced` writes.
    """
    try:
        content = json.loads(text)
        files = tuple(FileRecord(**record) for record in content["files"])
        return Sidecar(canonical_json(content["manifest"]), files)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DatasetFormatError(
            f"{where}: expected JSON with the manifest and the files of the dataset; {error!r}"
        ) from error
