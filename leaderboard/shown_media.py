"""Which pictures data and evaluations showed: results before other pictures are not comparable."""

from __future__ import annotations

from collections.abc import Iterator

from vd4rl_data.media import MEDIA
from vd4rl_data.media.generated import GeneratedMedia
from vd4rl_data.registry import DATASETS
from vd4rl_data.results import RunResult
from vd4rl_data.suite import Benchmark


def find_media_problems(result: RunResult, benchmark: Benchmark) -> Iterator[str]:
    """Evaluations before other pictures than the data's, than this package draws, or unnamed ones.

    Args:
        result: a result with raw returns; printed ones say nothing about pictures.
        benchmark: its row.
    """
    data = result.data.media if result.data is not None else {}
    told = [("data", data), *((item.environment, item.media) for item in result.evaluations)]
    for where, media in told:
        for name, sha256 in media.items():
            if data.get(name, sha256) != sha256:
                yield (
                    f"{where}: media {name!r}: expected those of the data, SHA-256 {data[name]},"
                    f" got {sha256}: results before other pictures are not comparable"
                )
            drawn = MEDIA.get(name)
            if isinstance(drawn, GeneratedMedia) and drawn.content_sha256() != sha256:
                yield (
                    f"{where}: media {name!r}: expected what this package draws, SHA-256"
                    f" {drawn.content_sha256()}, got {sha256}"
                )
    for item in result.evaluations:
        for name in sorted(_shown(benchmark, item.environment) - item.media.keys()):
            yield (
                f"{item.environment}: media: expected the SHA-256 of {name!r}, which this"
                " evaluation shows, got none; vd4rl_data.evaluate tells it"
            )


def _shown(benchmark: Benchmark, environment: str) -> set[str]:
    """Names of the media that an evaluation shows."""
    spec = DATASETS.get(str(benchmark.id.at(benchmark.sizes[0])))
    members = () if spec is None else spec.evaluations.get(environment, ())
    looks = (member.look for member in members)
    return {look.media for look in looks if look is not None and look.media is not None}
