"""Results before other pictures than the data's are refused, and unnamed pictures, too."""

from __future__ import annotations

import dataclasses

import pytest

from leaderboard.benchmarks import benchmarks
from leaderboard.shown_media import find_media_problems
from tests.leaderboard.making import make_entry
from vd4rl_data.media import MEDIA
from vd4rl_data.results import Algorithm, Data, RunResult, add_evaluation, format_result
from vd4rl_data.results.submission import Submission

DRAWN = "VD4RL/walker_walk-random-distracting_easy_leaves_50-v0"
DAVIS = "VD4RL/walker_walk-random-distracting_easy_50-v0"
LEAVES = MEDIA["leaves"].content_sha256()
OURS, THEIRS = "a1" * 32, "b2" * 32


def entry(benchmark: str, data: dict[str, str], seen: dict[str, str]) -> RunResult:
    """Played without distraction, and in the look of the data."""
    made = make_entry(Algorithm(name="Mine"), benchmark, 64, 0.5)
    returns = {run.seed: [value + 1 for value in run.returns] for run in made.evaluations[0].runs}
    result = add_evaluation(Submission(made, None), "distracted_train", returns).result
    plain, distracted = result.evaluations
    return dataclasses.replace(
        result,
        data=Data(origin="regenerated", media=data),
        evaluations=(plain, dataclasses.replace(distracted, media=seen)),
    )


@pytest.mark.parametrize(
    ("benchmark", "data", "seen", "problems"),
    [
        (DRAWN, {"leaves": LEAVES}, {"leaves": LEAVES}, []),
        (DAVIS, {"davis": OURS}, {"davis": OURS}, []),
        (DAVIS, {}, {"davis": OURS}, []),  # the authors' own files do not tell
        (DAVIS, {"davis": OURS}, {"davis": THEIRS}, [OURS, THEIRS]),
        (DAVIS, {"davis": OURS}, {}, ["distracted_train: media: expected the SHA-256 of 'davis'"]),
        (DRAWN, {}, {"leaves": THEIRS}, [f"what this package draws, SHA-256 {LEAVES}", THEIRS]),
    ],
)
def test_pictures_have_to_be_those_of_the_data(
    benchmark: str, data: dict[str, str], seen: dict[str, str], problems: list[str]
) -> None:
    result = entry(benchmark, data, seen)
    found = list(find_media_problems(result, benchmarks()[benchmark]))
    assert bool(found) == bool(problems)
    assert all(any(problem in line for line in found) for problem in problems)
    assert b'"media"' in format_result(result)
