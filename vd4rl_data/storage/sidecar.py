"""The sidecar ``<name>.manifest.json``: the manifest, and the SHA-256 of each file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.storage.atomic import write_text
from vd4rl_data.storage.format import FORMAT_NAME, FORMAT_VERSION, file_sha256
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.storage.naming import sidecar_path


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Name, size in bytes and SHA-256 of one file."""

    name: str
    num_bytes: int
    sha256: str


def write(path: Path, manifest: Manifest, files: Sequence[Path], names: Sequence[str]) -> None:
    """Hash ``files``, which will be called ``names``, and write the sidecar of ``path``."""
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
    write_text(sidecar_path(path), json.dumps(content, indent=2, sort_keys=True) + "\n")


def read(path: Path) -> list[FileRecord] | None:
    """The recorded files of a dataset, or ``None`` if there is no sidecar.

    Raises:
        DatasetFormatError: the sidecar is not what :func:`write` writes.
    """
    sidecar = sidecar_path(path)
    if not sidecar.exists():
        return None
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
        return [FileRecord(**record) for record in content["files"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetFormatError(
            f"{sidecar}: expected JSON with the manifest and the files of the dataset; {error!r}"
        ) from error
