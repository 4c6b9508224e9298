"""The array layouts that users of D4RL know, and D4RL's own rule on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.storage import tiny
from vd4rl_data.dataset import (
    get_dataset,
    load_dataset,
    qlearning_dataset,
    sequence_dataset,
)
from vd4rl_data.frames import FrameArray


def _d4rl_transitions(arrays: dict[str, Any]) -> dict[str, Any]:
    """D4RL's default q-learning rule: skip rows with timeouts, the next row is what comes next."""
    rows = [row for row in range(len(arrays["rewards"]) - 1) if not arrays["timeouts"][row]]
    frames = np.asarray(arrays["observations"])
    return {
        "observations": np.array([frames[row] for row in rows]),
        "actions": np.array([arrays["actions"][row] for row in rows]),
        "rewards": np.array([arrays["rewards"][row] for row in rows]),
        "next_observations": np.array([frames[row + 1] for row in rows]),
        "terminals": np.array([bool(arrays["terminals"][row]) for row in rows]),
    }


def _true_transitions(episodes: list[Any]) -> dict[str, Any]:
    return {
        "observations": np.concatenate([episode.observations[:-1] for episode in episodes]),
        "actions": np.concatenate([episode.actions for episode in episodes]),
        "rewards": np.concatenate([episode.rewards for episode in episodes]),
        "next_observations": np.concatenate([episode.observations[1:] for episode in episodes]),
        "terminals": np.concatenate([episode.terminals for episode in episodes]),
    }


@pytest.mark.parametrize("options", [{}, {"max_episodes": 2}], ids=["all", "subset"])
@pytest.mark.parametrize("spec", [tiny.SPEC, tiny.MEDIUM_EXPERT], ids=["one file", "composite"])
def test_d4rls_rule_and_ours_give_exactly_the_transitions(
    spec: Any, options: dict[str, int], stored: Path, parts: tuple[Path, Path]
) -> None:
    dataset = load_dataset(spec.name, **options)
    expected = _true_transitions(list(dataset))
    by_rule = _d4rl_transitions(get_dataset(spec.name, **options))
    ours = qlearning_dataset(spec.name, **options)
    assert len(expected["rewards"]) == dataset.num_transitions
    assert expected["terminals"].sum() == sum(episode.terminated for episode in dataset)
    for key, values in expected.items():
        np.testing.assert_array_equal(by_rule[key], values)
        np.testing.assert_array_equal(np.asarray(ours[key]), values)
        assert ours[key].dtype == values.dtype
    assert ours.keys() == expected.keys()


def test_the_dictionary_has_d4rls_keys_shapes_and_dtypes(stored: Path) -> None:
    arrays = get_dataset(tiny.SPEC.name)
    assert {key: (str(values.dtype), values.shape) for key, values in arrays.items()} == {
        "observations": ("uint8", (9, 4, 4, 3)),
        "actions": ("float32", (9, 2)),
        "rewards": ("float32", (9,)),
        "discounts": ("float32", (9,)),
        "terminals": ("bool", (9,)),
        "timeouts": ("bool", (9,)),
        "infos/physics_state": ("float64", (9, 3)),
        "infos/success": ("bool", (9,)),
        "episode_starts": ("int64", (4,)),
    }
    assert arrays["episode_starts"].tolist() == [0, 4, 7, 9]
    assert np.flatnonzero(arrays["timeouts"]).tolist() == [3, 6, 8]
    assert np.flatnonzero(arrays["terminals"]).tolist() == [5]
    assert isinstance(arrays["observations"], np.ndarray)
    assert not arrays["observations"].flags.writeable


def test_a_composite_has_the_infos_that_all_parts_have(parts: tuple[Path, Path]) -> None:
    plain = [tiny.episode_of(2, infos=False)] * 3
    tiny.write(parts[1], plain, spec=tiny.EXPERT)
    arrays = get_dataset(tiny.MEDIUM_EXPERT.name)
    assert not [key for key in arrays if key.startswith("infos/")]
    assert isinstance(arrays["observations"], FrameArray)
    assert arrays["observations"].shape == (7 + 9, 4, 4, 3)
    assert arrays["episode_starts"].tolist() == [0, 4, 7, 10, 13, 16]


def test_sequences_are_whole_episodes(stored: Path) -> None:
    found = list(sequence_dataset(tiny.SPEC.name))
    for sequence, episode in zip(found, tiny.episodes_of(), strict=True):
        for key in ("observations", "actions", "rewards", "discounts", "terminals"):
            np.testing.assert_array_equal(sequence[key], getattr(episode, key))
        for name, values in episode.infos.items():
            np.testing.assert_array_equal(sequence[f"infos/{name}"], values)
        ends = sequence["terminals"] | sequence["timeouts"]
        assert ends.tolist() == [False] * (len(episode) - 1) + [True]
        assert not (sequence["terminals"] & sequence["timeouts"]).any()
    assert set(found[0]) == set(get_dataset(tiny.SPEC.name)) - {"episode_starts"}
