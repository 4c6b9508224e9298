"""V-D4RL (Lu et al., TMLR 2023): fifteen main datasets, each at 64 and at 84 px, and our sample.

Sizes and return statistics: paper, appendix A, Table 5 (its "mixed" is ``medium_replay``, its
"medexp" is ``medium_expert``). Score: episode return / 1000 (Table 1 prints 100 times that).
"""

from __future__ import annotations

from typing import Final

from vd4rl_data.registry import (
    DatasetId,
    DatasetSpec,
    ReturnStatistics,
    TaskSpec,
    format_id,
    get_task_spec,
    register_dataset,
)

SUITE: Final = "VD4RL"
SIZES: Final = (64, 84)
SAMPLE_EPISODES: Final = 2
LICENSE: Final = "MIT"
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


def register() -> None:
    """Register the fifteen main datasets at both sizes, and the bundled sample."""
    for size in SIZES:
        for task, behavior in _TABLE_5:
            register_dataset(_main_row(task, behavior, size))
    register_dataset(_sample_row())


def _id(task: str, behavior: str, size: int, variant: str | None = None) -> DatasetId:
    return DatasetId(SUITE, task, behavior, variant, size, version=0)


def _parts(task: str, behavior: str, size: int) -> tuple[str, ...]:
    """``medium_expert`` is medium followed by expert; its official files are copies of theirs."""
    if behavior != "medium_expert":
        return ()
    return tuple(format_id(_id(task, half, size)) for half in ("medium", "expert"))


def _main_row(task_name: str, behavior: str, size: int) -> DatasetSpec:
    transitions, *returns = _TABLE_5[task_name, behavior]
    task = get_task_spec(task_name)
    return _row(
        _id(task_name, behavior, size),
        task,
        num_episodes=int(transitions) // task.time_steps,
        published_returns=ReturnStatistics(*returns),
        parts=_parts(task_name, behavior, size),
        source="V-D4RL, appendix A, Table 5",
    )


def _sample_row() -> DatasetSpec:
    return _row(
        _id("walker_walk", "random", 64, variant="sample"),
        get_task_spec("walker_walk"),
        num_episodes=SAMPLE_EPISODES,
        published_returns=None,
        parts=(),
        source="collected here: the first episodes of VD4RL/walker_walk-random-64px-v0",
        bundled=True,
    )


def _row(
    dataset_id: DatasetId,
    task: TaskSpec,
    *,
    num_episodes: int,
    published_returns: ReturnStatistics | None,
    parts: tuple[str, ...],
    source: str,
    bundled: bool = False,
) -> DatasetSpec:
    return DatasetSpec(
        id=dataset_id,
        task=task,
        num_transitions=num_episodes * task.time_steps,
        num_episodes=num_episodes,
        score_min=0.0,
        score_max=1000.0,
        published_returns=published_returns,
        parts=parts,
        license=LICENSE,
        citation=CITATION,
        source=source,
        bundled=bundled,
    )
