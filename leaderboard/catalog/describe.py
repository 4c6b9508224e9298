"""What a site shows of the data on this machine; of many datasets, by several processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leaderboard.catalog.here import is_here, open_here
from leaderboard.catalog.page import Copy
from leaderboard.catalog.pictures import draw_pictures
from vd4rl_data.dataset import Dataset
from vd4rl_data.processes import LocalEngine, Report, available_workers
from vd4rl_data.registry import DATASETS
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import DatasetSpec

_LOGGER: Final = logging.getLogger("vd4rl_data")
_WORTH_A_PROCESS: Final = 25
"""So many datasets take about as long as starting a process."""


def described(specs: Sequence[DatasetSpec], folder: Path) -> Iterator[tuple[str, Copy | None]]:
    """Each dataset's id, and what there is to see of it; in any order.

    Args:
        specs: catalog rows.
        folder: the site's folder of datasets, where the pictures are written.
    """
    here: list[DatasetSpec] = []
    for spec in specs:
        if is_here(spec):
            here.append(spec)
        else:
            yield spec.name, None
    workers = min(available_workers(), len(here) // _WORTH_A_PROCESS)
    if workers < 2:
        for spec in here:
            yield spec.name, _copy(spec, folder)
        return
    with LocalEngine(workers).open(_Describe(folder, dict(DATASETS))) as pool:
        for outcome in pool.map([spec.name for spec in here]):
            copy, said = outcome.result
            for level, text in said:
                _LOGGER.log(level, "%s", text)
            yield outcome.item, copy


@dataclass(frozen=True, slots=True)
class _Describe:
    """The job of a process: rows may be in the catalog of this process alone."""

    folder: Path
    rows: Mapping[str, DatasetSpec]

    def open(self) -> _Session:
        """Know the same datasets."""
        DATASETS.clear()
        DATASETS.update(self.rows)
        return _Session(self.folder)


class _Session(logging.Handler):
    """Describes datasets; what is logged meanwhile is for the parent to say."""

    def __init__(self, folder: Path) -> None:
        super().__init__(logging.WARNING)
        self._folder = folder
        self._said: list[tuple[int, str]] = []
        _LOGGER.addHandler(self)
        _LOGGER.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self._said.append((record.levelno, record.getMessage()))

    def make(self, item: str, report: Report) -> tuple[Copy | None, list[tuple[int, str]]]:  # noqa: ARG002
        """What there is to see of a dataset, and what was logged."""
        self._said = []
        return _copy(DATASETS[item], self._folder), self._said


def _copy(spec: DatasetSpec, folder: Path) -> Copy | None:
    dataset = open_here(spec)
    if dataset is None:
        return None
    try:
        return _described(dataset, folder)
    finally:
        for stored in dataset.stored:
            stored.close()


def _described(dataset: Dataset, folder: Path) -> Copy:
    return Copy(
        manifests=dataset.manifests,
        returns=dataset.returns,
        statistics=return_statistics(dataset.returns),
        num_transitions=dataset.num_transitions,
        num_bytes=sum(
            shard.path.stat().st_size for stored in dataset.stored for shard in stored.shards
        ),
        complete=dataset.complete,
        pictures=draw_pictures(dataset, folder),
    )
