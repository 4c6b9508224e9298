"""The lowest versions that are tested are those that pyproject.toml declares."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

EXTRAS = ("dmc", "video", "collection")
"""What `scripts/lowest.sh` installs, with the library itself."""


def _floors(repository: Path) -> Iterator[tuple[str, Version]]:
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    for requirement in map(Requirement, lines):
        if requirement.marker is not None and not requirement.marker.evaluate(
            {"python_version": "3.11"}
        ):
            continue
        for bound in requirement.specifier:
            if bound.operator in (">=", "=="):
                yield requirement.name, Version(bound.version)


def test_every_floor_is_pinned_where_the_lowest_versions_are_tested(repository: Path) -> None:
    text = (repository / "constraints-lowest.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    floors = dict(_floors(repository))
    assert len(floors) >= 12
    for name, floor in floors.items():
        pin = Version(pins[name])
        assert pin.release[: len(floor.release)] == floor.release, (name, pin, floor)
