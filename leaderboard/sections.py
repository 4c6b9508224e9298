"""Which numbers may stand in one table: the same suite, environments, scale and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from leaderboard.benchmarks import Benchmark
from leaderboard.origins import is_the_benchmarks_data
from vd4rl_data.results import RunResult
from vd4rl_data.results.model import Environment, Scale

SUITES: Final = {
    "VD4RL": "V-D4RL",
    "LQVD4RL": "LQV-D4RL",
    "LOMPO": "LOMPO",
    "Kitchen": "Kitchen",
    "MetaWorld": "MetaWorld",
}
"""Suites in the page's order, and how they are written."""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the page.

    Attributes:
        key: unique; also the stem of its exports.
        suite: of :data:`SUITES`.
        title, about: for readers.
        by_benchmark: rows are benchmarks and columns are algorithms, for tables of many benchmarks
            and few algorithms.
        unit: what a cell shows.
        ranked: whether averages and ranks over its columns mean anything.
        compared: whether the best of a column means anything.
        sizes_by_task: the paper fixed an image size per task, so that a row holds several.
    """

    key: str
    suite: str
    title: str
    about: str
    by_benchmark: bool = False
    unit: str = "normalized score, times 100"
    ranked: bool = True
    compared: bool = True
    sizes_by_task: bool = False


_FAMILIES: Final = {
    ("VD4RL", "main"): "main",
    ("VD4RL", "500k"): "more_data",
    ("VD4RL", "distracting"): "distractions",
    ("VD4RL", "multitask"): "bodies",
}


def _other_data(suite: str) -> Section:
    return Section(
        f"{suite.lower()}_data",
        suite,
        "Other data",
        "Trained on data that are not the authors' files, or not all of them, or that are not"
        " stated: collected anew, at another size, cut. Each row says which. Rows of different data"
        " are not compared, here or elsewhere.",
        ranked=False,
        compared=False,
    )


SECTIONS: Final = (
    Section(
        "vd4rl_main",
        "VD4RL",
        "Main datasets",
        "Fifteen datasets of three tasks. Score: episode return / 10, so 100 is a return of 1000.",
    ),
    Section(
        "vd4rl_more_data",
        "VD4RL",
        "Five times the data",
        "500,000 time steps per behavior in place of 100,000; medium_expert holds both of its"
        " halves.",
    ),
    Section(
        "vd4rl_distractions",
        "VD4RL",
        "Visual distractions",
        "Trained with 0 to 100 % of the data distracted; evaluated without distraction, with the"
        " one seen in training, and with unseen ones. Cheetah was trained on five times the data.",
        by_benchmark=True,
        ranked=False,
    ),
    Section(
        "vd4rl_bodies",
        "VD4RL",
        "Changed bodies",
        "Trained on four bodies at once; evaluated on those, between them, and beyond them.",
        ranked=False,
    ),
    Section(
        "vd4rl_other",
        "VD4RL",
        "Other protocols",
        "Best checkpoint chosen online, or a protocol that cannot be placed: never ranked beside"
        " the main table.",
    ),
    _other_data("VD4RL"),
    Section(
        "lqvd4rl_main",
        "LQVD4RL",
        "Main datasets",
        "Low-quality data before moving video backgrounds. Score: 0 and 100 are the least and the"
        " largest episode return of a task's three datasets. Computed here from printed returns;"
        " SeMOPO's own table took another minimum for car racing (10.3, not -82).",
    ),
    Section(
        "lqvd4rl_rgb",
        "LQVD4RL",
        "Colored videos at test time",
        "Trained before gray videos, evaluated before colored ones; the paper's own normalization.",
    ),
    Section(
        "lompo_main",
        "LOMPO",
        "Walker, by return",
        "LOMPO's walker data. Score: episode return / 10, comparable with V-D4RL's.",
    ),
    Section(
        "lompo_own_scale",
        "LOMPO",
        "LOMPO's own scale",
        "0 is a random policy and 100 an expert, as printed; the constants were never published, so"
        " nothing can be compared with other tables.",
        unit="LOMPO's score, 0 to 100",
        sizes_by_task=True,
    ),
    Section(
        "lompo_robots",
        "LOMPO",
        "Robots, by return",
        "Raw episode returns of the robot tasks, whose score was never defined.",
        unit="episode return",
    ),
    Section(
        "kitchen_main",
        "Kitchen",
        "Offline",
        "Score: elements in place at the last step / 4, times 100.",
    ),
    Section(
        "kitchen_online",
        "Kitchen",
        "Offline, then online",
        "Fine-tuned with 500,000 online environment steps after offline training.",
        unit="success, percent",
    ),
    Section(
        "metaworld_main",
        "MetaWorld",
        "Offline",
        "Score: percent of episodes that solve the task at any step. The papers show curves only;"
        " there are no printed results.",
    ),
    Section(
        "metaworld_online",
        "MetaWorld",
        "Offline, then online",
        "Fine-tuned online after offline training.",
    ),
    Section(
        "lqvd4rl_other",
        "LQVD4RL",
        "Other protocols",
        "Best checkpoint chosen online, or a protocol that cannot be placed.",
    ),
    _other_data("LQVD4RL"),
    Section(
        "lompo_other",
        "LOMPO",
        "Other protocols",
        "Best checkpoint chosen online, or a protocol that cannot be placed.",
    ),
    _other_data("LOMPO"),
    Section(
        "kitchen_other",
        "Kitchen",
        "Other protocols",
        "Best checkpoint chosen online, or a protocol that cannot be placed.",
    ),
    _other_data("Kitchen"),
    Section(
        "metaworld_other",
        "MetaWorld",
        "Other protocols",
        "Best checkpoint chosen online, or a protocol that cannot be placed.",
    ),
    _other_data("MetaWorld"),
)
"""Every table. Those without entries are left out, but for each suite's first."""

_BY_KEY: Final = {section.key: section for section in SECTIONS}


def section_of(
    result: RunResult, benchmark: Benchmark, environment: Environment, scale: Scale
) -> Section:
    """The table that a number belongs into."""
    prefix = benchmark.id.suite.lower()
    whole = is_the_benchmarks_data(result, benchmark)
    if result.protocol.track == "offline_to_online":
        own = f"{prefix}_online"
        fits = own in _BY_KEY and _comparable(result) and whole
        return _BY_KEY[own if fits else f"{prefix}_other"]
    if not _comparable(result):
        return _BY_KEY[f"{prefix}_other"]
    if not whole:
        return _BY_KEY[f"{prefix}_data"]
    return _BY_KEY[_offline(benchmark, environment, scale)]


def _offline(benchmark: Benchmark, environment: Environment, scale: Scale) -> str:
    suite = benchmark.id.suite
    if environment == "rgb_video":
        return "lqvd4rl_rgb"
    if suite == "LOMPO" and scale == "lompo_0_100":
        return "lompo_own_scale"
    if suite == "LOMPO" and benchmark.score is None:
        return "lompo_robots"
    return f"{suite.lower()}_{_FAMILIES.get((suite, benchmark.family), 'main')}"


def _comparable(result: RunResult) -> bool:
    protocol = result.protocol
    return protocol.not_comparable is None and protocol.checkpoint != "best_online"
