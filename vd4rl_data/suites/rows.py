"""Functions that make rows, shared by the suites."""

from __future__ import annotations

from vd4rl_data.ids import BenchmarkId, DatasetId
from vd4rl_data.spec import (
    ORIGINAL,
    DatasetSpec,
    EnvironmentSpec,
    ReturnScore,
    ReturnStatistics,
    Score,
    Share,
    TaskSpec,
)
from vd4rl_data.suite import Benchmark, Section

RETURN_OVER_1000 = ReturnScore(0.0, 1000.0, "episode return / 1000")
"""V-D4RL's score, and that of LOMPO's walker."""

OTHER_PROTOCOLS = Section(
    "other",
    "Other protocols",
    "Best checkpoint chosen online, another budget of online steps, or a protocol that cannot be"
    " placed: never ranked beside the main table.",
)


def plain_dataset(
    dataset_id: DatasetId,
    task: TaskSpec,
    *,
    num_episodes: int,
    score: Score | None,
    license: str,  # noqa: A002 - the field's name
    citation: str,
    source: str,
    published_returns: ReturnStatistics | None = None,
    parts: tuple[str, ...] = (),
    bundled: bool = False,
    collected_by: str | None = None,
    level: float | None = None,
) -> DatasetSpec:
    """A dataset of whole episodes, collected and evaluated in the unchanged task."""
    environment = EnvironmentSpec(task, dataset_id.size)
    return DatasetSpec(
        id=dataset_id,
        mixture=(Share(environment, 1.0),),
        evaluations={ORIGINAL: (environment,)},
        num_transitions=num_episodes * task.time_steps,
        num_episodes=num_episodes,
        score=score,
        published_returns=published_returns,
        parts=parts,
        license=license,
        citation=citation,
        source=source,
        bundled=bundled,
        collected_by=collected_by,
        level=level,
    )


def benchmark_of_datasets(spec: DatasetSpec, family: str, sizes: tuple[int, ...]) -> Benchmark:
    """The benchmark of a dataset, for the given image sizes."""
    metric = "return" if spec.score is None or isinstance(spec.score, ReturnScore) else "success"
    return Benchmark(
        id=spec.id.benchmark,
        family=family,
        sizes=sizes,
        environments=tuple(spec.evaluations),
        metric=metric,
        return_range=spec.task.return_range,
        score=spec.score,
        task=spec.task,
        source=spec.source,
        graded=metric == "return" and spec.task.graded,
    )


def benchmark_id(suite: str, task: str, behavior: str) -> BenchmarkId:
    """The name of a benchmark without a variant, version 0."""
    return BenchmarkId(suite, task, behavior, None, version=0)
