"""How much memory is still available to this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

_UNITED: Final = ("memory.max", "memory.current", "inactive_file")
_SEPARATE: Final = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
"""Names of a control group's files for limit and usage, and of the line of ``memory.stat`` for the
reclaimable part of the usage, in the two versions of the kernel's interface."""


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can be allocated before the system swaps or a container's limit is reached.

    The kernel's cache of file pages counts as available.

    Args:
        root: where ``proc`` and ``sys`` are.

    Returns:
        The minimum of what the machine and the control groups of this process leave; ``None`` if
        the system reports neither (anything but Linux).
    """
    left = [*_machine(root), *_control_groups(root)]
    return max(0, min(left)) if left else None


def _machine(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/meminfo"):
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            yield 1024 * int(value.split()[0])


def _control_groups(root: Path) -> Iterator[int]:
    """What is left of each limit that applies: the group's own, and its parents'."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        names = _SEPARATE if controllers else _UNITED
        mounted = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        group = PurePosixPath(path.lstrip("/"))
        # Inside a container the path may be the host's, and the group may be mounted at the top.
        for around in (group, *group.parents):
            yield from _left(mounted / around, names)


def _left(group: Path, names: tuple[str, str, str]) -> Iterator[int]:
    limit, usage = ("".join(_lines(group / name)) for name in names[:2])
    if not (limit.isdigit() and usage.isdigit()):
        return  # no such group, or no limit: "max"
    stat = dict(line.split(" ", 1) for line in _lines(group / "memory.stat") if " " in line)
    yield int(limit) - int(usage) + int(stat.get(names[2], 0))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeError):
        return []
