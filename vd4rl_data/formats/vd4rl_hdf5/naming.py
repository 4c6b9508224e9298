"""File names of official shards: which is the counter, and which shards continue each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_COUNTED: Final = re.compile(r"(?P<counter>\d+)(?P<rest>(?:_.*)?\.hdf5)", re.ASCII | re.DOTALL)
_DIGITS: Final = re.compile(r"(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ShardName:
    """A shard's series and its place in it.

    Only ``<counter>.hdf5`` and ``<counter>_<words>.hdf5``, as the official splitting tool writes
    them, count within a series. The number in ``shard_1_reward_604.hdf5`` counts runs of the
    collector, the one in ``walker_expert_2.hdf5`` is a body variant: the next continues neither.
    """

    series: str
    counter: int | None

    @classmethod
    def parse(cls, name: str) -> ShardName:
        """Read a file name; any name is a shard name."""
        match = _COUNTED.fullmatch(name)
        if match is None:
            return cls(series=name, counter=None)
        return cls(series=match["rest"], counter=int(match["counter"]))

    def continues(self, other: ShardName) -> bool:
        """Whether this shard is the one after ``other`` in the same series."""
        if self.counter is None or other.counter is None:
            return False
        return self.series == other.series and self.counter == other.counter + 1


def continues(name: str, before: str) -> bool:
    """Whether a shard is the one after the other in the same series."""
    return ShardName.parse(name).continues(ShardName.parse(before))


def shard_order(name: str) -> tuple[list[tuple[int, str]], int, str]:
    """Sort key: series by series, and inside a series by the counter's number (9 before 10)."""
    shard = ShardName.parse(name)
    return natural(shard.series), -1 if shard.counter is None else shard.counter, name


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key that compares runs of digits as numbers and everything else as text."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(text) if part
    ]
