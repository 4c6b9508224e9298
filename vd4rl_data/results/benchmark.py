"""Benchmarks: dataset ids without their size, in the id grammar of the registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vd4rl_data.errors import InvalidIdError
from vd4rl_data.registry import DatasetId, format_id, parse_id

_A_SIZE: Final = 1  # stands in for the size that a benchmark does not have, to use the one grammar
_SIZE_LIKE: Final = re.compile(r"[0-9]+px")


@dataclass(frozen=True, slots=True, order=True)
class BenchmarkId:
    """What results are compared on; observations of any size meet in one."""

    suite: str
    task: str
    behavior: str
    variant: str | None
    version: int

    def at(self, size: int) -> DatasetId:
        """The dataset of this benchmark at an image size."""
        return DatasetId(
            self.suite, self.task, self.behavior, self.variant, size, version=self.version
        )

    @property
    def dataset(self) -> str:
        """The name without its suite: a folder of the store."""
        return str(self).partition("/")[2]

    def __str__(self) -> str:
        return format_id(self.at(_A_SIZE)).replace(f"-{_A_SIZE}px-v", "-v")


def benchmark_of(dataset: DatasetId | str) -> BenchmarkId:
    """The benchmark of a dataset.

    Raises:
        InvalidIdError: the text is no dataset id.
    """
    parsed = parse_id(dataset) if isinstance(dataset, str) else dataset
    return BenchmarkId(parsed.suite, parsed.task, parsed.behavior, parsed.variant, parsed.version)


def parse_benchmark(text: str) -> BenchmarkId:
    """Parse a benchmark's name; ``str()`` is the inverse.

    Raises:
        InvalidIdError: the text does not follow the grammar, or names a size.
    """
    head, mark, version = text.rpartition("-v")
    example = "expected a dataset id without its size, e.g. 'VD4RL/walker_walk-medium-v0'"
    if not mark:
        raise InvalidIdError(f"{text!r} names no version; {example}")
    try:
        parsed = parse_id(f"{head}-{_A_SIZE}px-v{version}")
    except InvalidIdError as error:
        raise InvalidIdError(f"{text!r} is no benchmark; {example}") from error
    if parsed.variant is not None and _SIZE_LIKE.fullmatch(parsed.variant):
        raise InvalidIdError(f"{text!r} names a size; {example}")
    return benchmark_of(parsed)
