"""LQV-D4RL (Wan et al., ICML 2024, the SeMOPO paper): low-quality data before moving videos.

Sizes and return statistics: appendix C, Table 3 (its "medrep" is ``medium_replay``); an episode has
1000 environment steps, which are 500 time steps at SeMOPO's action repeat of 2. Score: 0 and 100
are the least and the largest episode return of a task's three datasets.

The authors' policies were trained by TIA on distracted pixels, and ``random`` ones were never
trained; ours are trained by SAC on states. Humanoid's random and medium statistics are those of
V-D4RL's datasets, to the digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from vd4rl_data.simulators.car_racing import STATE_LAYOUT, CarRacingSettings
from vd4rl_data.spec import (
    ORIGINAL,
    DatasetSpec,
    FixedCamera,
    Look,
    ReturnScore,
    ReturnStatistics,
    TaskSpec,
)
from vd4rl_data.suite import Benchmark, Section, Suite
from vd4rl_data.suites.dmc_tasks import DMC_TASKS
from vd4rl_data.suites.rows import (
    OTHER_PROTOCOLS,
    benchmark_id,
    benchmark_of_datasets,
    plain_dataset,
)

NAME: Final = "LQVD4RL"
SIZE: Final = 64
RGB_VIDEO: Final = "rgb_video"
"""The evaluation before colored videos."""

LICENSE: Final = "unknown"
CITATION: Final = """\
@inproceedings{wan2024semopo,
  title     = {{SeMOPO}: Learning High-quality Model and Policy from Low-quality Offline Visual
               Datasets},
  author    = {Shenghua Wan and Ziyuan Chen and Le Gan and Shuai Feng and De-Chuan Zhan},
  booktitle = {International Conference on Machine Learning},
  year      = {2024}
}"""

CAR_RACING: Final = TaskSpec(
    name="car_racing",
    simulator="car_racing",
    settings=CarRacingSettings(),
    camera=FixedCamera(0),
    action_repeat=2,
    horizon=1000,
    action_size=3,
    reward_range=(-100.1, 100.0),
    graded=False,
    state_layout=STATE_LAYOUT,
)
"""The reward of a step: -0.1, or -100 for leaving the field, and 1000 divided by the number of
tiles for each tile that it reaches; more than ten of them at once are out of reach."""

_TABLE_3: Final = {
    # (task, behavior): episodes, mean, std, min, P25, median, P75, max
    ("walker_walk", "random"): (200, 86.6, 48.1, 5.9, 51.9, 70.8, 128.3, 199.1),
    ("walker_walk", "medium_replay"): (400, 106.6, 79.7, 5.0, 45.4, 81.3, 148.8, 398.2),
    ("walker_walk", "medium"): (200, 513.1, 54.8, 401.5, 471.4, 516.0, 559.1, 598.0),
    ("cheetah_run", "random"): (200, 77.6, 57.2, 3.1, 14.5, 71.6, 118.8, 198.2),
    ("cheetah_run", "medium_replay"): (400, 145.4, 113.3, 1.7, 42.9, 125.1, 232.6, 396.5),
    ("cheetah_run", "medium"): (200, 350.3, 30.8, 300.5, 322.2, 352.5, 376.0, 403.2),
    ("hopper_hop", "random"): (200, 2.1, 4.9, 0.0, 0.0, 0.0, 0.1, 19.5),
    ("hopper_hop", "medium_replay"): (400, 4.7, 9.7, 0.0, 0.0, 0.0, 3.7, 39.9),
    ("hopper_hop", "medium"): (200, 62.0, 13.9, 40.3, 49.8, 60.8, 74.5, 84.9),
    ("humanoid_walk", "random"): (200, 1.1, 0.8, 0.0, 0.5, 1.0, 1.5, 5.7),
    ("humanoid_walk", "medium_replay"): (400, 95.6, 114.3, 0.0, 1.4, 5.4, 202.8, 359.0),
    ("humanoid_walk", "medium"): (200, 573.0, 16.8, 526.5, 560.6, 572.9, 584.9, 609.4),
    ("car_racing", "random"): (200, 10.3, 65.5, -82.0, -43.3, -6.5, 59.8, 149.2),
    ("car_racing", "medium_replay"): (400, 76.1, 116.3, -82.0, -27.5, 54.1, 181.5, 297.3),
    ("car_racing", "medium"): (200, 372.3, 42.7, 302.3, 335.5, 370.3, 408.3, 449.9),
}
_TASKS: Final = {**DMC_TASKS, CAR_RACING.name: CAR_RACING}
_LEVELS: Final = {"cheetah_run": 350.0}
"""Where the mean of the medium dataset is not near the task's usual level."""

_COLLECTED_BY: Final = {
    ("", "random"): "random_weights",
    ("car_racing", "medium"): "driver",
    ("car_racing", "medium_replay"): "learning_driver",
}
"""Task (any, if empty) and behavior → what the pipeline plays; see ``docs/fidelity.md``."""

_SOURCE: Final = "SeMOPO, appendix, Table 3"
_ORIGINAL: Final = f"{_SOURCE}; its policies were trained by TIA on distracted pixels"
_CAR_RACING_PRINTED_LOW: Final = 10.3
"""What SeMOPO's Table 1 actually used as car racing's minimum: the random dataset's mean."""

_CAR_RACING_RETURNS: Final = (-200.0, 1000.0)
"""1000 points for the whole track, -0.1 per frame, and -100 for leaving the field."""


def _score(task: str) -> ReturnScore:
    rows = [row for (name, _), row in _TABLE_3.items() if name == task]
    low, high = min(row[3] for row in rows), max(row[7] for row in rows)
    return ReturnScore(low, high, f"{_SOURCE}: least and largest of the task's datasets")


def _look(task: str, *, color: bool) -> Look:
    """The videos that the data show, gray, and the colored ones of SeMOPO's Table 2.

    They are clips of Kinetics, which nobody may pass on: environments of these datasets need the
    user's own copy of them, and show no other pictures instead.
    """
    where = "green" if task == CAR_RACING.name else "blue"
    settings = {"where": where, "color": color}
    return Look("video", media="kinetics", dynamic=True, settings=settings)


def _dataset(task: str, behavior: str) -> DatasetSpec:
    spec = _before_videos(task, behavior)
    gray, color = (
        spec.with_environments(partial(replace, look=_look(task, color=color)))
        for color in (False, True)
    )
    return replace(gray, evaluations={**gray.evaluations, RGB_VIDEO: color.evaluations[ORIGINAL]})


def _before_videos(task: str, behavior: str) -> DatasetSpec:
    episodes, *returns = _TABLE_3[task, behavior]
    return plain_dataset(
        benchmark_id(NAME, task, behavior).at(SIZE),
        _TASKS[task],
        num_episodes=int(episodes),
        score=_score(task),
        published_returns=ReturnStatistics(*returns),
        license=LICENSE,
        citation=CITATION,
        source=_ORIGINAL,
        collected_by=_COLLECTED_BY.get((task, behavior), _COLLECTED_BY.get(("", behavior))),
        level=_LEVELS.get(task),
    )


DATASETS: Final = tuple(_dataset(*row) for row in _TABLE_3)


def _benchmarks() -> Iterator[Benchmark]:
    for spec in DATASETS:
        row = benchmark_of_datasets(spec, "main", (SIZE,))
        is_car = spec.task == CAR_RACING
        yield replace(
            row,
            environments=(ORIGINAL, RGB_VIDEO),
            return_range=_CAR_RACING_RETURNS if is_car else row.return_range,
            task=None,  # evaluated before videos that not everybody has
            printed_low=_CAR_RACING_PRINTED_LOW if is_car else None,
        )


SUITE: Final = Suite(
    name=NAME,
    title="LQV-D4RL",
    paper="https://arxiv.org/abs/2406.09486",
    license=LICENSE,
    citation=CITATION,
    tasks=(CAR_RACING,),
    datasets=DATASETS,
    benchmarks=tuple(_benchmarks()),
    sections=(
        Section(
            "main",
            "Main datasets",
            "Low-quality data before moving video backgrounds. Score: 0 and 100 are the least and"
            " the largest episode return of a task's three datasets. Computed here from printed"
            " returns; SeMOPO's own table took another minimum for car racing (10.3, not -82).",
        ),
        Section(
            "rgb",
            "Colored videos at test time",
            "Trained before gray videos, evaluated before colored ones; the paper's own"
            " normalization.",
            environments=(RGB_VIDEO,),
        ),
        OTHER_PROTOCOLS,
    ),
)
