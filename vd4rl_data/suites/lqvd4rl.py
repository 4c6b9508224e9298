"""LQV-D4RL (Wan et al., ICML 2024, the SeMOPO paper): low-quality data before moving videos.

Score: 0 and 100 are the least and the largest episode return of a task's three datasets (appendix
C, Table 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vd4rl_data.spec import ORIGINAL, ReturnScore
from vd4rl_data.suite import Benchmark, Section, Suite
from vd4rl_data.suites.dmc_tasks import DMC_TASKS
from vd4rl_data.suites.rows import OTHER_PROTOCOLS, benchmark_id

NAME: Final = "LQVD4RL"
_TABLE_3: Final = "SeMOPO, appendix, Table 3"
_CAR_RACING_PRINTED_LOW: Final = 10.3
"""What SeMOPO's Table 1 actually used as car racing's minimum: the random dataset's mean."""

_RANGES: Final = {
    # task: least and largest episode return over its three datasets
    "walker_walk": (5.0, 598.0),
    "cheetah_run": (1.7, 403.2),
    "hopper_hop": (0.0, 84.9),
    "humanoid_walk": (0.0, 609.4),
    "car_racing": (-82.0, 449.9),
}
_CAR_RACING_RETURNS: Final = (-200.0, 1000.0)
"""1000 points for the whole track, -0.1 per frame, and -100 for leaving the field."""


def _benchmarks() -> Iterator[Benchmark]:
    for task, (low, high) in _RANGES.items():
        in_dmc = DMC_TASKS.get(task)
        for behavior in ("random", "medium_replay", "medium"):
            yield Benchmark(
                id=benchmark_id(NAME, task, behavior),
                family="main",
                sizes=(64,),
                environments=(ORIGINAL, "rgb_video"),
                metric="return",
                return_range=_CAR_RACING_RETURNS if in_dmc is None else in_dmc.return_range,
                score=ReturnScore(
                    low, high, f"{_TABLE_3}: least and largest of the task's datasets"
                ),
                task=None,
                source=_TABLE_3,
                graded=in_dmc is not None,
                printed_low=_CAR_RACING_PRINTED_LOW if task == "car_racing" else None,
            )


SUITE: Final = Suite(
    name=NAME,
    title="LQV-D4RL",
    paper="https://arxiv.org/abs/2406.09486",
    license="unknown",
    citation="""\
@inproceedings{wan2024semopo,
  title     = {{SeMOPO}: Learning High-quality Model and Policy from Low-quality Offline Visual
               Datasets},
  author    = {Shenghua Wan and Ziyuan Chen and Le Gan and Shuai Feng and De-Chuan Zhan},
  booktitle = {International Conference on Machine Learning},
  year      = {2024}
}""",
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
            environments=("rgb_video",),
        ),
        OTHER_PROTOCOLS,
    ),
)
