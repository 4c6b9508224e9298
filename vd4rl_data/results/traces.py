"""Action traces: a file of plain float32 beside a result, nothing to parse and nothing to run.

Actions are little-endian float32 (T, A), one episode after the other, in the order of the result's
``evaluations``, their ``runs`` and their episodes; runs without ``lengths`` have none. The file's
name is never taken from the result: it is the result's own with the suffix ``.actions``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from vd4rl_data.results.model import Run, RunResult

SUFFIX: Final = ".actions"
MAX_BYTES: Final = 64 << 20
"""Size limit of a trace file."""

_DTYPE: Final = np.dtype("<f4")


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeTrace:
    """One recorded episode and where it belongs.

    Attributes:
        environment, run_seed, episode: its place in the result.
        episode_seed: what the environment is reset with.
        claimed_return, claimed_success: what the result claims; ``None`` for no success told.
        actions: float32 (T, A).
    """

    environment: str
    run_seed: int
    episode: int
    episode_seed: int
    claimed_return: float
    claimed_success: float | None
    actions: Float32[np.ndarray, "T A"]


def traces_path(path: Path) -> Path:
    """Where the actions of a result file lie."""
    return path.with_suffix(SUFFIX)


def pack_actions(episodes: Sequence[NDArray[np.float32]]) -> bytes:
    """The bytes of a trace file: each episode (T, A)."""
    return b"".join(np.ascontiguousarray(actions, _DTYPE).tobytes() for actions in episodes)


def traced_runs(result: RunResult) -> Iterator[tuple[str, Run]]:
    """The runs that have traces, in the order of the file, with their environment."""
    for evaluation in result.evaluations:
        for run in evaluation.runs:
            if run.lengths is not None and run.episode_seeds is not None:
                yield evaluation.environment, run


def expected_bytes(result: RunResult) -> int:
    """How large the trace file must be; 0 without traces."""
    if result.traces is None:
        return 0
    steps = sum(sum(run.lengths or ()) for _, run in traced_runs(result))
    return steps * result.traces.action_size * _DTYPE.itemsize


def find_trace_problems(result: RunResult, data: bytes) -> list[str]:
    """Check a trace file's size and hash; an empty list is a sound one."""
    if result.traces is None:
        return ["the result does not mention traces"]
    expected = expected_bytes(result)
    if len(data) != expected:
        return [f"the trace file has {len(data):,} bytes, its lengths need {expected:,}"]
    found = hashlib.sha256(data).hexdigest()
    if found != result.traces.sha256:
        return [f"the trace file has another SHA-256 ({found}) than the result says"]
    return []


def unpack_actions(result: RunResult, data: bytes) -> Iterator[EpisodeTrace]:
    """The episodes of a trace file that has no problems, in order."""
    assert result.traces is not None
    size = result.traces.action_size
    rows = np.frombuffer(data, _DTYPE).astype(np.float32).reshape(-1, size)
    start = 0
    for environment, run in traced_runs(result):
        for i, length in enumerate(run.lengths or ()):
            yield EpisodeTrace(
                environment=environment,
                run_seed=run.seed,
                episode=i,
                episode_seed=(run.episode_seeds or ())[i],
                claimed_return=run.returns[i],
                claimed_success=None if run.successes is None else run.successes[i],
                actions=rows[start : start + length],
            )
            start += length
