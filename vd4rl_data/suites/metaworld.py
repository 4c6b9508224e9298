"""MetaWorld from pixels, as MOTO (Rafailov et al., CoRL 2023) uses it."""

from __future__ import annotations

from typing import Final

from vd4rl_data.spec import ORIGINAL, SuccessScore
from vd4rl_data.suite import Benchmark, Section, Suite
from vd4rl_data.suites.moto import CITATION, PAPER
from vd4rl_data.suites.rows import OTHER_PROTOCOLS, benchmark_id

NAME: Final = "MetaWorld"
_TASKS: Final = (
    "assembly",
    "bin_picking",
    "box_close",
    "coffee_push",
    "disassemble",
    "door_open",
    "drawer_open",
    "hammer",
    "plate_slide",
    "window_open",
)
_SOURCE: Final = "MOTO, appendix C.1, Table 1; sparse reward, at most 101 decisions of 2 steps"
_RETURNS: Final = (0.0, 500.0)

SUITE: Final = Suite(
    name=NAME,
    title="MetaWorld",
    paper=PAPER,
    license="MIT",
    citation=CITATION,
    benchmarks=tuple(
        Benchmark(
            id=benchmark_id(NAME, task, "scripted"),
            family="main",
            sizes=(64,),
            environments=(ORIGINAL,),
            metric="success",
            return_range=_RETURNS,
            score=SuccessScore("solved at any time step of the episode"),
            task=None,
            source=_SOURCE,
        )
        for task in _TASKS
    ),
    sections=(
        Section(
            "main",
            "Offline",
            "Score: percent of episodes that solve the task at any step. The papers show curves"
            " only; there are no printed results.",
        ),
        Section(
            "online",
            "Offline, then online",
            "Fine-tuned online after offline training, with the number of environment steps that"
            " each row says. Rows of different budgets are not ranked.",
            unit="success, percent",
            track="offline_to_online",
        ),
        OTHER_PROTOCOLS,
    ),
)
