"""What a result was trained on: whose data, all of them, and known by which hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from leaderboard.known import Known
from vd4rl_data.download.public_files import public_source
from vd4rl_data.registry import DATASETS
from vd4rl_data.results import Data, RunResult
from vd4rl_data.results.validate import HOW_TO_SAY_DATA
from vd4rl_data.suite import Benchmark

THE_AUTHORS: Final = ("official", "imported")
"""Origins of data that are those of the papers."""

NOT_STATED: Final = "data not stated"
PART: Final = "part of the data"
NO_HASH: Final = "no data hash"
PUBLIC_PART: Final = "public part"
DISPUTED: Final = "data hash disputed"

MARKS: Final = {
    "imported": "Trained on the authors' files as the submitter had them; nobody knew their hashes",
    "regenerated": "Trained on data that were collected anew, not on the authors' files",
    "other data": "Trained on data of another origin than the authors' files",
    "no data": "Learns from no data",
    NOT_STATED: "The file does not say what it was trained on",
    PART: "Trained on fewer transitions, or more, than the dataset has",
    PUBLIC_PART: "Trained on all that the authors' public files hold: a part of the dataset",
    NO_HASH: "The file does not say which content the data had",
    DISPUTED: "Entries trained on this dataset name different contents",
}
"""What may stand beside a result about its data, and what that means."""

_NAMES: Final = {
    "imported": "imported",
    "regenerated": "regenerated",
    "other": "other data",
    "none": "no data",
}

Dataset = tuple[str, int | None]
"""A benchmark and an image size."""


def disputed(results: Iterable[RunResult]) -> frozenset[Dataset]:
    """Datasets of which two results on the authors' data name different contents."""
    contents: dict[Dataset, set[tuple[str, ...]]] = {}
    for result in results:
        data = result.data
        if data is not None and data.origin in THE_AUTHORS and data.hashes:
            contents.setdefault(_dataset(result), set()).add(data.hashes)
    return frozenset(dataset for dataset, found in contents.items() if len(found) > 1)


def data_marks(
    result: RunResult, benchmark: Benchmark, disputed: frozenset[Dataset] = frozenset()
) -> tuple[str, ...]:
    """What a reader must know about the training data; nothing for whole official data.

    Args:
        result: whose data.
        benchmark: its row.
        disputed: as the function of that name finds them.
    """
    if not result.evaluations:
        return ()  # printed numbers are of the papers' own data
    data = result.data
    if data is None:
        return (NOT_STATED,)
    amount = _amount_mark(result, benchmark)
    marks = {
        _NAMES.get(data.origin): True,
        amount: True,
        NO_HASH: data.origin in THE_AUTHORS and not data.hashes,
        DISPUTED: data.origin in THE_AUTHORS and _dataset(result) in disputed,
    }
    return tuple(mark for mark, applies in marks.items() if mark is not None and applies)


def is_the_benchmarks_data(result: RunResult, benchmark: Benchmark) -> bool:
    """Whether results trained on it may be compared with the papers'."""
    if not result.evaluations:
        return True
    data = result.data
    if data is None or data.origin not in (*THE_AUTHORS, "none"):
        return False
    return _amount_mark(result, benchmark) != PART


def find_data_problems(
    result: RunResult, benchmark: Benchmark, known: Known, place: Path
) -> Iterator[str]:
    """What cannot be: sizes that do not exist, one content under two names."""
    data = result.data
    if not result.evaluations:
        return
    if (data is None or data.origin not in ("regenerated", "other")) and (
        result.image_size not in benchmark.sizes
    ):
        sizes = " or ".join(map(str, benchmark.sizes))
        yield (
            f"image_size: expected {sizes}, the sizes of {result.benchmark}, got"
            f" {result.image_size}; at another size the data cannot be the authors' own:"
            " say data.origin 'regenerated' or 'other'"
        )
    if data is None:
        return
    for other, theirs in known.data.items():
        if other != place and _same_content(data, theirs) and _dataset(theirs) != _dataset(result):
            yield (
                f"data: the same content hash as {other.with_suffix('').as_posix()}, which was"
                f" trained on {theirs.benchmark} at {theirs.image_size} px"
            )
            return


def find_data_notes(
    result: RunResult, benchmark: Benchmark, known: Known, place: Path
) -> Iterator[str]:
    """What a reviewer should look at."""
    if not result.evaluations:
        return
    data = result.data
    if data is None or (not data.hashes and data.origin != "none"):
        yield f"data: which dataset file was it? Its content hash is missing: {HOW_TO_SAY_DATA}"
    if not is_the_benchmarks_data(result, benchmark):
        yield (
            f"data: {', '.join(data_marks(result, benchmark))}: stands in a table of its own, not"
            " beside results on the authors' data"
        )
    if data is not None and data.origin in THE_AUTHORS and data.hashes:
        yield _compared(result, data, known, place)


def _compared(result: RunResult, data: Data, known: Known, place: Path) -> str:
    """What the content hash was held against.

    There is no table of the contents of official data: the authors' checksums are of their files,
    and importing compares those.
    """
    same = [
        theirs
        for other, theirs in known.data.items()
        if other != place
        and theirs.data is not None
        and theirs.data.origin in THE_AUTHORS
        and _dataset(theirs) == _dataset(result)
    ]
    if not same:
        return (
            "data.content_sha256: nothing to compare it with yet: no entry here names the content"
            " of the same dataset (the authors' checksums are of their files; importing and"
            " downloading compare those)"
        )
    equal = sum(_same_content(data, theirs) for theirs in same)
    verdict = "the same" if equal == len(same) else "NOT the same, look at it,"
    return (
        f"data.content_sha256: {verdict} as in {equal} of {len(same)} entries that were trained on"
        " this dataset"
    )


def _same_content(data: Data, other: RunResult) -> bool:
    return other.data is not None and bool(data.hashes) and data.hashes == other.data.hashes


def _dataset(result: RunResult) -> Dataset:
    return result.benchmark, result.image_size


def _amount_mark(result: RunResult, benchmark: Benchmark) -> str | None:
    """What a number of transitions other than the dataset's means; what is unknown is believed."""
    data, size = result.data, result.image_size
    if data is None or data.transitions is None or size is None:
        return None
    spec = DATASETS.get(str(benchmark.id.at(size)))
    if spec is None or data.origin not in THE_AUTHORS or data.transitions == spec.num_transitions:
        return None
    public = public_source(spec)
    if public is not None and data.transitions == public.num_episodes * spec.task.time_steps:
        return PUBLIC_PART
    return PART
