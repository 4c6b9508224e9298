"""One module makes all streams: nobody else builds one from a constant, and no stream is idle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vd4rl_data.seeding import Purpose

ROOMS = ("vd4rl_data", "collection", "baselines", "leaderboard")
OWNER = Path("vd4rl_data/seeding.py")
FORBIDDEN = re.compile(
    r"SeedSequence\(|spawn_key|PCG64\(|RandomState\([^)]"
    r"|default_rng\((?!rng\))|manual_seed\((?!seed\)|noise\)|seeding\.word\()"
    r"|np\.random\.seed\(|\brandom\.seed\("
)
"""A stream that is made of something else than a caller's generator or a word of the owner's."""


def _sources(repository: Path) -> dict[Path, str]:
    return {
        path.relative_to(repository): path.read_text(encoding="utf-8")
        for room in ROOMS
        for path in sorted((repository / room).rglob("*.py"))
    }


def test_no_other_module_makes_streams(repository: Path) -> None:
    sources = _sources(repository)
    assert OWNER in sources
    found = {
        f"{path}: {line.strip()}"
        for path, text in sources.items()
        for line in text.splitlines()
        if path != OWNER and FORBIDDEN.search(line)
    }
    assert found == set()


@pytest.mark.parametrize(
    "line",
    [
        "rng = np.random.default_rng(0)",
        "rng = np.random.default_rng([seed, episode])",
        "sequence = np.random.SeedSequence(seed, spawn_key=(3,))",
        "np.random.Generator(np.random.PCG64(seed))",
        "torch.manual_seed(7)",
        "np.random.RandomState(3)",
    ],
)
def test_the_search_finds_what_it_looks_for(line: str) -> None:
    assert FORBIDDEN.search(line)


@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_is_somebodys(purpose: Purpose, repository: Path) -> None:
    users = [
        path
        for path, text in _sources(repository).items()
        if path != OWNER and f"Purpose.{purpose.name}" in text
    ]
    assert users, f"nobody draws from {purpose.name}"
