"""Datasets of several bodies at once: V-D4RL, section 4.2 and Table 3, typed here a second time."""

from __future__ import annotations

import pytest

from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.scores import normalized_score
from vd4rl_data.spec import ORIGINAL, DatasetSpec, EnvironmentSpec

_WORDS = {"walker_walk": "foot", "cheetah_run": "torso"}
_EPISODES = {"random": 200, "medium": 1000, "expert": 1000, "medium_expert": 2000}
ROWS = [spec for spec in DATASETS.values() if str(spec.id.variant) == "multitask"]


def test_every_behavior_of_the_paper_is_there_at_both_sizes() -> None:
    found = {(spec.id.task, spec.id.behavior, spec.size) for spec in ROWS}
    assert found == {(t, b, size) for t in _WORDS for b in _EPISODES for size in (64, 84)}
    assert len(ROWS) == len(found)


@pytest.mark.parametrize("spec", ROWS, ids=lambda spec: spec.name)
def test_bodies_of_data_and_evaluations(spec: DatasetSpec) -> None:
    def letters(environments: tuple[EnvironmentSpec, ...]) -> str:
        assert {environment.size for environment in environments} == {spec.size}
        names = [environment.task.name for environment in environments]
        prefix = f"{spec.id.task}_{_WORDS[spec.id.task]}_"
        assert all(name.startswith(prefix) for name in names)
        return "".join(name.removeprefix(prefix) for name in names).upper()

    assert {name: letters(found) for name, found in spec.evaluations.items()} == {
        ORIGINAL: "BCFG",
        "train_tasks": "BCFG",
        "interpolation_tasks": "DE",
        "extrapolation_tasks": "AH",
    }
    assert letters(tuple(item.environment for item in spec.mixture)) == "BCFG"
    assert {item.share for item in spec.mixture} == {0.25}


@pytest.mark.parametrize("spec", ROWS, ids=lambda spec: spec.name)
def test_sizes_and_scores(spec: DatasetSpec) -> None:
    assert spec.num_episodes == _EPISODES[spec.id.behavior]
    assert spec.num_transitions == 500 * spec.num_episodes
    assert normalized_score(spec, 651.0) == pytest.approx(0.651)
    parts = [get_dataset_spec(name) for name in spec.parts]
    assert [part.id.behavior for part in parts] == (
        ["medium", "expert"] if spec.id.behavior == "medium_expert" else []
    )
    assert all(part.mixture == spec.mixture for part in parts)
