"""What is left of the memory, read from files as Linux shows them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vd4rl_data.memory import available_memory

MIB = 2**20


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _machine(mebibytes: int) -> dict[str, str]:
    lines = f"MemTotal: 99999999 kB\nMemFree: 5 kB\nMemAvailable: {mebibytes * 1024} kB\n"
    return {"proc/meminfo": lines}


def _united(group: str, limit: str, used: int, inactive: int) -> dict[str, str]:
    folder = f"sys/fs/cgroup/{group}"
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used * MIB}\n",
        f"{folder}/memory.stat": f"anon 7\ninactive_file {inactive * MIB}\nactive_file 3\n",
    }


def test_nothing_is_known_where_nothing_is_told(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None


def test_the_machine(tmp_path: Path) -> None:
    _write(tmp_path, _machine(700))
    assert available_memory(tmp_path) == 700 * MIB


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"a/b": ("max", 10, 0)}, 700),
        ({"a/b": (str(500 * MIB), 300, 100)}, 300),
        ({"a/b": (str(900 * MIB), 10, 0)}, 700),  # more than the machine has
        ({"a/b": (str(500 * MIB), 300, 0), "a": (str(400 * MIB), 350, 0)}, 50),  # around it
        ({"a/b": (str(100 * MIB), 300, 100)}, 0),  # just lowered
        ({"": (str(500 * MIB), 300, 100)}, 300),  # a container that is shown the host's path
    ],
)
def test_limits_of_control_groups(
    tmp_path: Path, limits: dict[str, tuple[str, int, int]], expected: int
) -> None:
    _write(tmp_path, {**_machine(700), "proc/self/cgroup": "0::/a/b\n"})
    for group, values in limits.items():
        _write(tmp_path, _united(group, *values))
    assert available_memory(tmp_path) == expected * MIB


@pytest.mark.parametrize("controllers", ["memory", "cpu,memory"])
def test_limits_of_the_older_kind(tmp_path: Path, controllers: str) -> None:
    groups = f"12:pids:/a\n4:{controllers}:/a\n0::/\n"
    folder = "sys/fs/cgroup/memory/a"
    _write(
        tmp_path,
        {
            **_machine(700),
            "proc/self/cgroup": groups,
            f"{folder}/memory.limit_in_bytes": f"{500 * MIB}\n",
            f"{folder}/memory.usage_in_bytes": f"{200 * MIB}\n",
            f"{folder}/memory.stat": f"inactive_file 1\ntotal_inactive_file {50 * MIB}\n",
        },
    )
    assert available_memory(tmp_path) == 350 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_this_machine() -> None:
    found = available_memory()
    assert found is not None
    assert MIB < found < 2**50
