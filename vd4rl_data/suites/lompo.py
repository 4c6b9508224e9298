"""LOMPO (Rafailov et al., L4DC 2021): walker, and three robots, from pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vd4rl_data.spec import ORIGINAL
from vd4rl_data.suite import Benchmark, Section, Suite
from vd4rl_data.suites.dmc_tasks import DMC_TASKS
from vd4rl_data.suites.rows import OTHER_PROTOCOLS, RETURN_OVER_1000, benchmark_id

NAME: Final = "LOMPO"
_SIZES: Final = {
    "walker_walk": (64, 84),
    "dclaw_screw": (128,),
    "adroit_pen": (128,),
    "door_open": (128,),
}
_ANY_RETURN: Final = (-1e6, 1e6)
"""The robots' reward constants were never published, so any return is possible."""


def _benchmarks() -> Iterator[Benchmark]:
    for task, sizes in _SIZES.items():
        in_dmc = DMC_TASKS.get(task)
        for behavior in ("medium_replay", "medium_expert", "expert"):
            if (task, behavior) == ("door_open", "medium_replay"):
                continue
            yield Benchmark(
                id=benchmark_id(NAME, task, behavior),
                family="robots" if in_dmc is None else "main",
                sizes=sizes,
                environments=(ORIGINAL,),
                metric="return",
                return_range=_ANY_RETURN if in_dmc is None else in_dmc.return_range,
                score=None if in_dmc is None else RETURN_OVER_1000,
                task=None,
                source="LOMPO, section 5, Table 1",
                graded=in_dmc is not None,
            )


SUITE: Final = Suite(
    name=NAME,
    title="LOMPO",
    paper="https://arxiv.org/abs/2012.11547",
    license="unknown",
    citation="""\
@inproceedings{rafailov2021offline,
  title     = {Offline Reinforcement Learning from Images with Latent Space Models},
  author    = {Rafael Rafailov and Tianhe Yu and Aravind Rajeswaran and Chelsea Finn},
  booktitle = {Learning for Dynamics and Control},
  year      = {2021}
}""",
    benchmarks=tuple(_benchmarks()),
    sections=(
        Section(
            "main",
            "Walker, by return",
            "LOMPO's walker data. Score: episode return / 10, comparable with V-D4RL's.",
        ),
        Section(
            "own_scale",
            "LOMPO's own scale",
            "0 is a random policy and 100 an expert, as printed; the constants were never"
            " published, so nothing can be compared with other tables.",
            unit="LOMPO's score, 0 to 100",
            sizes_by_task=True,
            scales=("lompo_0_100",),
        ),
        Section(
            "robots",
            "Robots, by return",
            "Raw episode returns of the robot tasks, whose score was never defined.",
            unit="episode return",
        ),
        OTHER_PROTOCOLS,
    ),
)
