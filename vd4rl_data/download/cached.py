"""Files that the hub's own client downloaded before; its cache is read, never changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vd4rl_data.download.public_files import PublicSource

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def find_cached(source: PublicSource, cache: Path | None) -> Mapping[str, Path]:
    """Where the client's cache has files of a source, by path in the repository."""
    if cache is None or not cache.is_dir():
        return {}
    from huggingface_hub import try_to_load_from_cache

    found: dict[str, Path] = {}
    for file in source.files:
        place: Any = try_to_load_from_cache(
            source.repo_id,
            file.path,
            cache_dir=cache,
            revision=source.revision,
            repo_type="dataset",
        )
        if isinstance(place, str):  # else unknown, or known to be absent
            found[file.path] = Path(place)
    return found


def noted_hashes(cached: Mapping[str, Path]) -> dict[str, str]:
    """What the hub told the client: it names the content of a large file by its SHA-256."""
    names = {path: place.resolve().name for path, place in cached.items()}
    return {path: name for path, name in names.items() if _SHA256.fullmatch(name)}
