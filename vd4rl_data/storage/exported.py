"""``provenance.json``: where exported files came from, which their formats cannot record.

The official formats hold episodes and nothing about them. So an export writes the manifests of the
data beside its files, with the SHA-256 of each file; an import of exactly these files takes over
their provenance. It can make data count as further from the authors' own, never as closer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.storage.atomic import write_text
from vd4rl_data.storage.format import canonical_json, file_sha256
from vd4rl_data.storage.manifest import UNKNOWN_RENDERER, Manifest, least_origin

PROVENANCE_FILE: Final = "provenance.json"

_FORMAT: Final = "vd4rl-data export"
_VERSION: Final = 1
_MAX_BYTES: Final = 1 << 26
_LOGGER: Final = logging.getLogger("vd4rl_data")


@dataclass(frozen=True, slots=True)
class Exported:
    """Where exported files came from.

    Attributes:
        origin: origin of the data, but never closer to the authors' own than ``imported``.
        parts: id, content hash and provenance of each exported dataset; JSON values.
        facts: further fields of a :class:`~vd4rl_data.storage.Provenance`.
        repairs: the repairs made before the export.
    """

    origin: str
    parts: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    repairs: tuple[str, ...]


def write_exported(
    folder: Path,
    files: Sequence[Path],
    manifests: Sequence[Manifest],
    hash_of: Callable[[Path], str] = file_sha256,
) -> None:
    """Write ``provenance.json`` beside exported files.

    Args:
        folder: where they lie.
        files: the exported files.
        manifests: of the datasets that they were.
        hash_of: the SHA-256 that an import tells a file by.

    Raises:
        NoSpaceError: the disk is full.
    """
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        "files": [{"name": path.name, "sha256": hash_of(path)} for path in files],
        "manifests": [json.loads(manifest.to_json()) for manifest in manifests],
    }
    write_text(folder / PROVENANCE_FILE, json.dumps(content, indent=2, sort_keys=True) + "\n")


def find_exported(folder: Path, sources: Sequence[Mapping[str, Any]]) -> Exported | None:
    """Read a folder's ``provenance.json``, if it describes exactly the bytes of the given files.

    Args:
        folder: folder of the files.
        sources: ``name`` and ``sha256`` of each file to import.
    """
    path = folder / PROVENANCE_FILE
    if not path.is_file():
        return None
    try:
        manifests = _manifests(path, sources)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _LOGGER.warning("%s is not used: %s", path, error)
        return None
    provenances = [manifest.provenance for manifest in manifests]
    renderers = {str(provenance.renderer) for provenance in provenances}
    policies = {manifest.dataset_id: manifest.provenance.behavior_policy for manifest in manifests}
    return Exported(
        origin=least_origin(["imported", *(provenance.origin for provenance in provenances)]),
        parts=[
            {
                "dataset_id": manifest.dataset_id,
                "content_sha256": manifest.content_sha256,
                "provenance": asdict(manifest.provenance),
            }
            for manifest in manifests
        ],
        facts={
            "renderer": renderers.pop() if len(renderers) == 1 else UNKNOWN_RENDERER,
            "behavior_policy": dict(
                next(iter(policies.values())) if len(policies) == 1 else policies
            ),
        },
        repairs=tuple(
            f"{manifest.dataset_id}: {repair}"
            for manifest in manifests
            for repair in manifest.provenance.repairs
        ),
    )


def _manifests(path: Path, sources: Sequence[Mapping[str, Any]]) -> list[Manifest]:
    """Parse the file; raises various errors if it is not what an export writes."""
    if path.stat().st_size > _MAX_BYTES:
        raise DatasetFormatError(f"expected at most {_MAX_BYTES:,} bytes")
    content: Any = json.loads(path.read_text(encoding="utf-8"))
    if (content["format"], content["version"]) != (_FORMAT, _VERSION):
        raise DatasetFormatError(f"expected {_FORMAT!r} version {_VERSION}")
    listed = {(str(file["name"]), str(file["sha256"])) for file in content["files"]}
    others = [str(file["name"]) for file in sources if (file["name"], file["sha256"]) not in listed]
    if others:
        raise DatasetFormatError(f"it does not describe {', '.join(others[:5])}")
    manifests = [
        Manifest.from_json(canonical_json(item), str(path)) for item in content["manifests"]
    ]
    if not manifests:
        raise DatasetFormatError("it holds no manifest")
    least_origin([manifest.origin for manifest in manifests])
    return manifests
