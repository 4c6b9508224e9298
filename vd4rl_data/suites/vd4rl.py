"""V-D4RL (Lu et al., TMLR 2023): fifteen main datasets, each at 64 and at 84 px, and our sample;
five times the data, random followed by expert, and several bodies at once.

Sizes and return statistics: paper, appendix A, Table 5 (its "mixed" is ``medium_replay``, its
"medexp" is ``medium_expert``). Score: episode return / 1000 (Table 1 prints 100 times that).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from vd4rl_data.amounts import with_amount
from vd4rl_data.ids import LEVELS, BenchmarkId, DatasetId, Variant, format_id
from vd4rl_data.look_words import DISTRACTING, with_look
from vd4rl_data.spec import ORIGINAL, DatasetSpec, ReturnStatistics
from vd4rl_data.suite import Benchmark, Section, Suite
from vd4rl_data.suites.dmc_bodies import BODY_TASKS, GROUPS, MULTITASK, with_bodies
from vd4rl_data.suites.dmc_tasks import DMC_TASKS
from vd4rl_data.suites.rows import (
    OTHER_PROTOCOLS,
    RETURN_OVER_1000,
    benchmark_of_datasets,
    plain_dataset,
)

NAME: Final = "VD4RL"
SIZES: Final = (64, 84)
SAMPLE_EPISODES: Final = 2
LICENSE: Final = "MIT"
PAPER: Final = "https://arxiv.org/abs/2206.04779"
CITATION: Final = """\
@article{lu2023challenges,
  title   = {Challenges and Opportunities in Offline Reinforcement Learning from Visual
             Observations},
  author  = {Cong Lu and Philip J. Ball and Tim G. J. Rudner and Jack Parker-Holder and
             Michael A. Osborne and Yee Whye Teh},
  journal = {Transactions on Machine Learning Research},
  year    = {2023}
}"""

_K = 1000
_TABLE_5: Final = {
    # (task, behavior): transitions, mean, std, min, P25, median, P75, max
    ("walker_walk", "random"): (100 * _K, 42.3, 8.7, 30.0, 34.9, 41.3, 46.8, 74.6),
    ("walker_walk", "medium_replay"): (100 * _K, 144.5, 155.9, 10.9, 44.3, 69.4, 162.4, 604.9),
    ("walker_walk", "medium"): (100 * _K, 439.6, 48.4, 176.2, 423.1, 445.5, 466.7, 538.0),
    ("walker_walk", "medium_expert"): (200 * _K, 704.1, 267.7, 176.2, 445.5, 538.0, 969.1, 990.6),
    ("walker_walk", "expert"): (100 * _K, 969.8, 12.4, 909.2, 963.9, 969.1, 979.5, 990.6),
    ("cheetah_run", "random"): (100 * _K, 6.6, 2.6, 1.1, 4.7, 6.3, 8.4, 16.3),
    ("cheetah_run", "medium_replay"): (200 * _K, 191.2, 144.6, 2.5, 48.3, 191.9, 303.4, 473.8),
    ("cheetah_run", "medium"): (100 * _K, 523.8, 25.5, 325.3, 509.1, 524.2, 538.3, 578.3),
    ("cheetah_run", "medium_expert"): (200 * _K, 707.0, 184.9, 325.3, 524.2, 578.3, 894.1, 905.7),
    ("cheetah_run", "expert"): (100 * _K, 891.1, 11.2, 843.0, 886.9, 894.2, 898.5, 905.7),
    ("humanoid_walk", "random"): (100 * _K, 1.1, 0.8, 0.0, 0.5, 1.0, 1.5, 5.7),
    ("humanoid_walk", "medium_replay"): (600 * _K, 275.7, 176.1, 0.0, 93.7, 341.7, 423.1, 529.0),
    ("humanoid_walk", "medium"): (100 * _K, 573.0, 16.7, 526.5, 560.6, 572.9, 584.9, 609.4),
    ("humanoid_walk", "medium_expert"): (200 * _K, 715.9, 146.1, 526.5, 572.9, 620.6, 877.4, 889.8),
    ("humanoid_walk", "expert"): (100 * _K, 858.1, 42.4, 631.8, 846.4, 877.6, 885.5, 889.8),
}

SHIFTED: Final = (0, 25, 50, 75, 100)
"""Percent of the data with a distraction."""

_HALVES: Final = {"medium_expert": ("medium", "expert"), "random_expert": ("random", "expert")}
_MORE_DATA: Final = ("random", "medium", "medium_expert", "expert")
_MORE_TASKS: Final = ("walker_walk", "cheetah_run")
_DISTRACTED_SETTINGS: Final[tuple[tuple[str, str, int, int | None], ...]] = (
    ("walker_walk", "random", 64, None),
    ("cheetah_run", "medium_expert", 84, 500 * _K),
)
"""Section 4.1: task, behavior, size, and the transitions of each behavior where they are not those
of the main dataset (a million in all)."""

DRAWN_MEDIA: Final = "leaves"
"""What stands in for DAVIS, with as many scenes, where nothing is to be downloaded."""

_BODIES: Final = (ORIGINAL, *GROUPS)
_MULTITASK_EPISODES: Final = {"random": 200, "medium": 1000, "expert": 1000, "medium_expert": 2000}
"""Section 4.2: medium_expert has a million transitions; random, where no size is printed, is as
large as the main dataset."""

_SECTIONS: Final = (
    Section(
        "main",
        "Main datasets",
        "Fifteen datasets of three tasks. Score: episode return / 10, so 100 is a return of 1000.",
    ),
    Section(
        "more_data",
        "Five times the data",
        "500,000 time steps per behavior in place of 100,000; medium_expert holds both of its"
        " halves.",
    ),
    Section(
        "distractions",
        "Visual distractions",
        "Trained with 0 to 100 % of the data distracted; evaluated without distraction, with the"
        " one seen in training, and with unseen ones. Cheetah was trained on five times the data.",
        by_benchmark=True,
        ranked=False,
    ),
    Section(
        "drawn_distractions",
        "Visual distractions, drawn scenes",
        "The same before scenes that this package draws: nothing to download; the unseen ones are"
        " held out.",
        by_benchmark=True,
        ranked=False,
    ),
    Section(
        "bodies",
        "Changed bodies",
        "Trained on four bodies at once; evaluated on those, between them, and beyond them.",
        ranked=False,
    ),
    OTHER_PROTOCOLS,
)


def _id(task: str, behavior: str, size: int, variant: Variant | None = None) -> DatasetId:
    return DatasetId(NAME, task, behavior, variant, size, version=0)


def _main_dataset(task_name: str, behavior: str, size: int) -> DatasetSpec:
    transitions, *returns = _TABLE_5[task_name, behavior]
    task = DMC_TASKS[task_name]
    return plain_dataset(
        _id(task_name, behavior, size),
        task,
        num_episodes=int(transitions) // task.time_steps,
        score=RETURN_OVER_1000,
        published_returns=ReturnStatistics(*returns),
        parts=_parts(_id(task_name, behavior, size)),
        license=LICENSE,
        citation=CITATION,
        source="V-D4RL, appendix A, Table 5",
    )


def _parts(dataset_id: DatasetId) -> tuple[str, ...]:
    """``medium_expert`` is medium followed by expert; its official files are copies of theirs."""
    halves = _HALVES.get(dataset_id.behavior, ())
    return tuple(format_id(dataclasses.replace(dataset_id, behavior=half)) for half in halves)


def _more_data(task: str, behavior: str, size: int) -> DatasetSpec:
    row = with_amount(_main_dataset(task, behavior, size), 500 * _K)
    return dataclasses.replace(row, source="V-D4RL, section 4.3, Table 4")


def _random_expert(task: str, size: int) -> DatasetSpec:
    dataset_id = _id(task, "random_expert", size)
    return plain_dataset(
        dataset_id,
        DMC_TASKS[task],
        num_episodes=400,
        score=RETURN_OVER_1000,
        parts=_parts(dataset_id),
        license=LICENSE,
        citation=CITATION,
        source="V-D4RL, appendix F.1, which has 500,000 transitions of each half",
    )


def _multitask_dataset(task: str, behavior: str, size: int) -> DatasetSpec:
    tasks, dataset_id = BODY_TASKS[task], _id(task, behavior, size, Variant(body=MULTITASK))
    row = plain_dataset(
        dataset_id,
        DMC_TASKS[task],
        num_episodes=_MULTITASK_EPISODES[behavior],
        score=RETURN_OVER_1000,
        parts=_parts(dataset_id),
        license=LICENSE,
        citation=CITATION,
        source="V-D4RL, section 4.2: bodies B, C, F, G in equal parts",
    )
    return with_bodies(row, tasks)


def _distracted_rows() -> Iterator[DatasetSpec]:
    """The paper's two settings: before DAVIS, whose videos only their users have, and before scenes
    that this package draws.
    """
    for media in (None, DRAWN_MEDIA):
        for setting in _DISTRACTED_SETTINGS:
            for level in LEVELS:
                for percent in SHIFTED:
                    words = Variant(look=DISTRACTING, level=level, media=media, percent=percent)
                    yield _distracted(*setting, words)


def _distracted(
    task: str, behavior: str, size: int, amount: int | None, words: Variant
) -> DatasetSpec:
    plain = _main_dataset(task, behavior, size)
    if amount is not None:
        plain = with_amount(plain, amount)
    row = with_look(plain, words)
    return dataclasses.replace(
        row,
        id=_id(task, behavior, size, words),
        source="V-D4RL, section 4.1, Tables 10 and 11",
    )


def _sample() -> DatasetSpec:
    return plain_dataset(
        _id("walker_walk", "random", 64, Variant(sample=True)),
        DMC_TASKS["walker_walk"],
        num_episodes=SAMPLE_EPISODES,
        score=RETURN_OVER_1000,
        license=LICENSE,
        citation=CITATION,
        source="collected here: the first episodes of VD4RL/walker_walk-random-64px-v0",
        bundled=True,
    )


def _datasets() -> Iterator[DatasetSpec]:
    for size in SIZES:
        for task, behavior in _TABLE_5:
            yield _main_dataset(task, behavior, size)
    yield _sample()
    for task in _MORE_TASKS:
        for size in SIZES:
            yield from (_more_data(task, behavior, size) for behavior in _MORE_DATA)
            yield _random_expert(task, size)
    for task in BODY_TASKS:
        for behavior in _MULTITASK_EPISODES:
            for size in SIZES:
                yield _multitask_dataset(task, behavior, size)
    yield from _distracted_rows()


def _benchmarks() -> Iterator[Benchmark]:
    for task, behavior in _TABLE_5:
        yield benchmark_of_datasets(_main_dataset(task, behavior, SIZES[0]), "main", SIZES)
    for task in _MORE_TASKS:
        for behavior in _MORE_DATA:
            row = _more_data(task, behavior, SIZES[0])
            yield benchmark_of_datasets(row, "more_data", SIZES)
    for row in _distracted_rows():
        yield _distraction_benchmark(row)
    for task in BODY_TASKS:
        for behavior, size in (("random", 64), ("medium_expert", 84)):
            name = (task, behavior, Variant(body=MULTITASK))
            source = "V-D4RL, section 4.2, Tables 3 and 12"
            yield _benchmark(name, "bodies", (size,), source, _BODIES)


def _distraction_benchmark(spec: DatasetSpec) -> Benchmark:
    drawn = spec.id.variant is not None and spec.id.variant.media is not None
    return benchmark_of_datasets(
        spec, "drawn_distractions" if drawn else "distractions", (spec.size,)
    )


def _benchmark(
    name: tuple[str, str, Variant],
    family: str,
    sizes: tuple[int, ...],
    source: str,
    environments: tuple[str, ...],
) -> Benchmark:
    return Benchmark(
        id=BenchmarkId(NAME, *name, version=0),
        family=family,
        sizes=sizes,
        environments=environments,
        metric="return",
        return_range=DMC_TASKS[name[0]].return_range,
        score=RETURN_OVER_1000,
        task=None,  # actions are replayed in one task only
        source=source,
        graded=True,
    )


SUITE: Final = Suite(
    name=NAME,
    title="V-D4RL",
    paper=PAPER,
    license=LICENSE,
    citation=CITATION,
    datasets=tuple(_datasets()),
    benchmarks=tuple(_benchmarks()),
    sections=_SECTIONS,
)
