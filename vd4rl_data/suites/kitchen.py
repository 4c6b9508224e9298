"""Franka Kitchen from pixels, as MOTO (Rafailov et al., CoRL 2023) uses it."""

from __future__ import annotations

from typing import Final

from vd4rl_data.spec import ORIGINAL, SuccessScore
from vd4rl_data.suite import Benchmark, Section, Suite
from vd4rl_data.suites.moto import CITATION, PAPER
from vd4rl_data.suites.rows import OTHER_PROTOCOLS, benchmark_id

NAME: Final = "Kitchen"
_ELEMENTS: Final = ("microwave_kettle_light_slide", "microwave_kettle_bottom_burner_light")
_SOURCE: Final = "MOTO, appendix C.1; four elements, one point each, at every step of 280"
_RETURNS: Final = (0.0, 4 * 280.0)

SUITE: Final = Suite(
    name=NAME,
    title="Kitchen",
    paper=PAPER,
    license="CC-BY-4.0",
    citation=CITATION,
    benchmarks=tuple(
        Benchmark(
            id=benchmark_id(NAME, elements, "demos"),
            family="main",
            sizes=(64,),
            environments=(ORIGINAL,),
            metric="success",
            return_range=_RETURNS,
            score=SuccessScore("elements in place at the last step / 4", when="last"),
            task=None,
            source=_SOURCE,
        )
        for elements in _ELEMENTS
    ),
    sections=(
        Section("main", "Offline", "Score: elements in place at the last step / 4, times 100."),
        Section(
            "online",
            "Offline, then online",
            "Fine-tuned with 500,000 online environment steps after offline training (MOTO, section"
            " 5). The papers print the end alone; results of other budgets stand below.",
            unit="success, percent",
            track="offline_to_online",
            environment_steps=500_000,
        ),
        OTHER_PROTOCOLS,
    ),
)
