"""What lies in a folder: for tests of commands that must leave it as it is."""

from __future__ import annotations

from pathlib import Path

Snapshot = dict[str, tuple[int, bytes | None]]


def snapshot(folder: Path) -> Snapshot:
    """Path → modification time and bytes, of everything below a folder and of itself."""
    return {
        path.relative_to(folder).as_posix(): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in (folder, *folder.rglob("*"))
    }
