"""The array layouts that users of D4RL know, and D4RL's own rule on them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dataset import d4rl_rules
from tests.storage import tiny
from vd4rl_data.dataset import (
    get_dataset,
    load_dataset,
    qlearning_dataset,
    sequence_dataset,
)
from vd4rl_data.frames import FrameArray
from vd4rl_data.storage import pack


def _true_transitions(episodes: list[Any]) -> dict[str, Any]:
    return {
        "observations": np.concatenate([episode.observations[:-1] for episode in episodes]),
        "actions": np.concatenate([episode.actions for episode in episodes]),
        "rewards": np.concatenate([episode.rewards for episode in episodes]),
        "next_observations": np.concatenate([episode.observations[1:] for episode in episodes]),
        "terminals": np.concatenate([episode.terminals for episode in episodes]),
    }


SPECS = {
    "one file": tiny.SPEC.name,
    "composite": tiny.MEDIUM_EXPERT.name,
}
everywhere = pytest.mark.parametrize("name", SPECS.values(), ids=SPECS)
of_all_and_of_some = pytest.mark.parametrize(
    "options", [{}, {"max_episodes": 2}], ids=["all", "subset"]
)
in_both_layouts = pytest.mark.parametrize("layout", ["stored", "d4rl"])


@pytest.fixture(params=["flat", "packed"])
def files(
    request: pytest.FixtureRequest, stored: Path, parts: tuple[Path, Path]
) -> tuple[Path, ...]:
    """All tiny datasets, in one layout of files or the other."""
    paths = (stored, *parts)
    if request.param == "packed":
        for path in paths:
            pack(path, shard_raw_bytes=1)
            path.unlink()
    return paths


@everywhere
@of_all_and_of_some
def test_d4rls_rule_and_ours_give_exactly_the_transitions(
    name: str, options: dict[str, int], files: tuple[Path, ...]
) -> None:
    dataset = load_dataset(name, **options)
    expected = _true_transitions(list(dataset))
    by_rule = d4rl_rules.q_learning(get_dataset(name, **options))
    ours = qlearning_dataset(name, **options)
    assert len(expected["rewards"]) == dataset.num_transitions
    assert expected["terminals"].sum() == sum(episode.terminated for episode in dataset)
    for key, values in expected.items():
        np.testing.assert_array_equal(by_rule[key], values)
        np.testing.assert_array_equal(np.asarray(ours[key]), values)
        assert ours[key].dtype == values.dtype
    assert ours.keys() == expected.keys()


@everywhere
@of_all_and_of_some
def test_rules_for_sequences_read_exactly_the_episodes(
    name: str, options: dict[str, int], files: tuple[Path, ...]
) -> None:
    """D4RL's and CORL's: every key, no invented transition, none lost, the right ends."""
    dataset = load_dataset(name, **options)
    data = get_dataset(name, layout="d4rl", **options)
    by_corl, statistics = d4rl_rules.trajectories(data)
    by_d4rl = list(d4rl_rules.sequences(data))
    assert len(by_d4rl) == len(by_corl) == len(dataset)
    for found, other, episode in zip(by_d4rl, by_corl, dataset, strict=True):
        np.testing.assert_array_equal(found["observations"], episode.observations[:-1])
        np.testing.assert_array_equal(found["next_observations"], episode.observations[1:])
        np.testing.assert_array_equal(other["observations"], episode.observations[:-1])
        for key in ("actions", "rewards", "discounts", "terminals"):
            np.testing.assert_array_equal(found[key], getattr(episode, key))
        ends = [False] * (len(episode) - 1)
        assert found["timeouts"].tolist() == [*ends, episode.truncated]
        for info, values in episode.infos.items():
            np.testing.assert_array_equal(found[f"infos/{info}"], values[: len(episode)])
        assert other["returns"][0] == pytest.approx(episode.episode_return)
        assert {len(values) for values in found.values()} == {len(episode)}
    assert statistics["traj_lens"].tolist() == dataset.lengths.tolist()
    frames = np.concatenate([episode.observations[:-1] for episode in dataset])
    np.testing.assert_allclose(statistics["obs_mean"][0], frames.mean(0))
    np.testing.assert_allclose(statistics["obs_std"][0], frames.std(0) + 1e-6, atol=1e-9)


def test_rules_for_sequences_invent_a_transition_in_the_stored_layout(stored: Path) -> None:
    """What docs/semantics.md says: the last observation becomes one, or an episode of its own."""
    data = get_dataset(tiny.SPEC.name)
    lengths = [len(episode["rewards"]) for episode in d4rl_rules.sequences(data)]
    assert [len(episode) for episode in tiny.episodes_of()] == [3, 2, 1]
    assert [episode.terminated for episode in tiny.episodes_of()] == [False, True, False]
    assert lengths == [4, 2, 1, 2]


def test_d4rls_rule_for_transitions_loses_the_last_of_truncated_episodes_in_its_layout(
    stored: Path,
) -> None:
    data = get_dataset(tiny.SPEC.name, layout="d4rl")
    by_rule = d4rl_rules.q_learning(data)
    assert len(by_rule["rewards"]) == 2 + 2 + 0
    assert by_rule["terminals"].sum() == 1
    inside = data["timeouts"] | data["terminals"]
    np.testing.assert_array_equal(
        np.asarray(data["observations"])[1:][~inside[:-1]],
        np.asarray(data["next_observations"])[:-1][~inside[:-1]],
    )


@everywhere
@pytest.mark.parametrize("make", [qlearning_dataset, partial(get_dataset, layout="d4rl")])
def test_a_replay_buffer_as_corls_holds_the_transitions(
    make: Any, name: str, files: tuple[Path, ...]
) -> None:
    expected = _true_transitions(list(load_dataset(name)))
    buffer = d4rl_rules.ReplayBuffer((4, 4, 3), 2, 100)
    buffer.load(make(name))
    assert buffer.filled == len(expected["rewards"])
    held = slice(0, buffer.filled)
    np.testing.assert_array_equal(buffer.states[held], expected["observations"])
    np.testing.assert_array_equal(buffer.next_states[held], expected["next_observations"])
    np.testing.assert_array_equal(buffer.actions[held], expected["actions"])
    np.testing.assert_array_equal(buffer.rewards[held, 0], expected["rewards"])
    np.testing.assert_array_equal(buffer.dones[held, 0], expected["terminals"])


@everywhere
def test_users_scale_rewards_and_observations_as_corl_does(
    name: str, files: tuple[Path, ...]
) -> None:
    expected = _true_transitions(list(load_dataset(name)))
    data = d4rl_rules.normalized_in_place(get_dataset(name, layout="d4rl"))
    returns = load_dataset(name).returns
    np.testing.assert_allclose(
        data["rewards"], expected["rewards"] / np.ptp(returns) * 1000, rtol=1e-5
    )
    frames = expected["observations"].astype(np.float64)
    scaled = (expected["next_observations"] - frames.mean(0)) / (frames.std(0) + 1e-3)
    np.testing.assert_allclose(data["next_observations"], scaled, atol=1e-6)


@everywhere
@of_all_and_of_some
@in_both_layouts
def test_types_do_not_depend_on_the_data(
    name: str, options: dict[str, int], layout: str, files: tuple[Path, ...]
) -> None:
    """Pixels lazy, small arrays the user's own: writing to them changes nothing else."""
    data = get_dataset(name, layout=layout, **options)
    again = get_dataset(name, layout=layout, **options)
    rows = len(data["rewards"])
    for key, values in data.items():
        assert len(values) == rows
        if key in ("observations", "next_observations"):
            assert type(values) is FrameArray
            assert type(values[:2]) is np.ndarray
            values[:2][...] = 7
        else:
            assert type(values) is np.ndarray
            assert values.flags.owndata
            assert values.flags.writeable
            values[...] = 1
    for key, values in get_dataset(name, layout=layout, **options).items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(again[key]))


@everywhere
def test_episodes_have_readonly_pixels_and_own_arrays(name: str, files: tuple[Path, ...]) -> None:
    dataset = load_dataset(name)
    expected = [*load_dataset(name)]
    for number in range(len(dataset)):
        episode = dataset[number]
        assert not episode.observations.flags.writeable
        small = {"actions", "rewards", "discounts"}
        for values in (*(getattr(episode, key) for key in small), *episode.infos.values()):
            assert values.flags.writeable
            values[...] = 1
        assert tiny.same(dataset[number], expected[number])
    for sequence in sequence_dataset(name):
        assert {key for key, values in sequence.items() if not values.flags.writeable} == {
            "observations"
        }


@everywhere
def test_arrays_that_are_attributes_of_a_dataset_are_readonly(
    name: str, files: tuple[Path, ...]
) -> None:
    dataset = load_dataset(name)
    columns = dataset.columns
    for values in (dataset.lengths, dataset.returns, columns.starts, columns.actions):
        assert not values.flags.writeable
    for values in (columns.rewards, columns.discounts, columns.terminals):
        assert not values.flags.writeable
    numbers = dataset.episode_numbers()
    numbers[...] = 0
    assert dataset.episode_numbers().tolist() == list(range(len(dataset)))


def test_an_unknown_layout_is_refused_before_anything_is_looked_for() -> None:
    with pytest.raises(ValueError, match="layout: expected one of stored, d4rl, got 'minari'"):
        get_dataset("VD4RL/walker_walk-random-64px-v0", layout="minari")


def test_an_opened_dataset_takes_no_options(stored: Path) -> None:
    dataset = load_dataset(tiny.SPEC.name)
    for call in (qlearning_dataset, lambda *a, **o: list(sequence_dataset(*a, **o))):
        with pytest.raises(TypeError, match="max_episodes: an opened dataset takes no options"):
            call(dataset, max_episodes=1)


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
    }
    assert load_dataset(tiny.SPEC.name).episode_starts.tolist() == [0, 4, 7, 9]
    assert np.flatnonzero(arrays["timeouts"]).tolist() == [3, 6, 8]
    assert np.flatnonzero(arrays["terminals"]).tolist() == [5]


def test_a_composite_has_the_infos_that_all_parts_have(parts: tuple[Path, Path]) -> None:
    plain = [tiny.episode_of(2, infos=False)] * 3
    tiny.write(parts[1], plain, spec=tiny.EXPERT)
    arrays = get_dataset(tiny.MEDIUM_EXPERT.name)
    assert not [key for key in arrays if key.startswith("infos/")]
    assert isinstance(arrays["observations"], FrameArray)
    assert arrays["observations"].shape == (7 + 9, 4, 4, 3)
    assert load_dataset(tiny.MEDIUM_EXPERT.name).episode_starts.tolist() == [0, 4, 7, 10, 13, 16]


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
    assert set(found[0]) == set(get_dataset(tiny.SPEC.name))
