"""Data that grow while they are sampled: in memory, in a folder, mixed with a dataset."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.storage import tiny
from vd4rl_data import Mixture, ReplayBuffer, Selection, load_dataset
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    InvalidEpisodeError,
    NoEpisodesError,
    ShortEpisodesWarning,
)


def episodes(count: int) -> list[Any]:
    """Tiny episodes with a state: the number of the frame's row, and that of the episode."""
    made = tiny.episodes_of([3 + number % 4 for number in range(count)], start=11)
    return [
        dataclasses.replace(
            episode,
            infos={
                "state": np.stack(
                    [np.arange(len(episode) + 1), np.full(len(episode) + 1, number)], axis=1
                ).astype(np.float32)
            },
        )
        for number, episode in enumerate(made)
    ]


def buffer_of(made: list[Any], folder: Path | None = None) -> ReplayBuffer:
    buffer = ReplayBuffer(folder)
    for episode in made:
        buffer.add(episode)
    return buffer


def assert_same(a: Any, b: Any) -> None:
    assert a.as_dict().keys() == b.as_dict().keys()
    for name, values in a.as_dict().items():
        np.testing.assert_array_equal(values, b.as_dict()[name], err_msg=name)


@pytest.mark.parametrize("block", [1, 2**26])
@pytest.mark.parametrize("in_folder", [False, True])
def test_every_transition_of_every_added_episode_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_folder: bool, block: int
) -> None:
    monkeypatch.setattr("vd4rl_data.dataset.buffer._BLOCK_BYTES", block)
    made = episodes(9)
    buffer = buffer_of(made, tmp_path / "buffer" if in_folder else None)
    sampler = buffer.transitions(64, frame_stack=2, rng=0, state=True)
    batch = sampler.gather(sampler.table[np.arange(sampler.num_starts)]["row"])
    at = 0
    for episode in made:
        for step in range(len(episode)):
            stack = [max(step - 1, 0), step]
            np.testing.assert_array_equal(batch.observations[at], episode.observations[stack])
            np.testing.assert_array_equal(
                batch.next_observations[at, 1], episode.observations[step + 1]
            )
            np.testing.assert_array_equal(batch.actions[at], episode.actions[step])
            assert batch.rewards[at] == episode.rewards[step]
            np.testing.assert_array_equal(batch.states[at], episode.infos["state"][step])
            np.testing.assert_array_equal(batch.next_states[at], episode.infos["state"][step + 1])
            assert batch.terminated[at] == (episode.terminated and step == len(episode) - 1)
            at += 1
    assert at == len(batch.actions) == buffer.num_transitions
    assert len(buffer) == 9


def test_added_episodes_are_drawn_from_the_next_batch_on() -> None:
    made = episodes(6)
    buffer = buffer_of(made[:2])
    transitions = buffer.transitions(200, rng=0, state=True)
    sequences = buffer.sequences(200, 2, rng=0, state=True)
    for count in range(2, 7):
        for sampler in (transitions, sequences):
            seen = next(sampler).states[..., 1]
            assert set(np.unique(seen)) == set(range(count))
        if count < 6:
            buffer.add(made[count])


def test_short_episodes_that_are_added_do_not_warn_again() -> None:
    """Warnings are errors here."""
    buffer = buffer_of([tiny.episode_of(4)])
    sampler = buffer.sequences(8, 3, 0)
    for _ in range(3):
        buffer.add(tiny.episode_of(1))
        next(sampler)
    with pytest.warns(ShortEpisodesWarning, match="3 of 4 episodes have fewer transitions"):
        buffer.sequences(8, 3, 0)


def run(buffer: ReplayBuffer, made: list[Any], sampler: Any, batches: int) -> list[Any]:
    """An online run: every seventh batch an episode arrives."""
    taken: list[Any] = []
    for number in range(batches):
        if number % 7 == 3 and len(buffer) < len(made):
            buffer.add(made[len(buffer)])
        taken.append(next(sampler))
    return taken


def test_the_same_seed_and_additions_give_the_same_batches() -> None:
    made = episodes(8)
    runs = [
        run(buffer := buffer_of(made[:1]), made, buffer.transitions(8, 2, rng=3), 60)
        for _ in range(2)
    ]
    for a, b in zip(*runs, strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("stop", [0, 3, 4, 10, 24, 59])
@pytest.mark.parametrize("mixed", [False, True])
def test_a_run_goes_on_where_it_was_killed(
    tmp_path: Path, stored: Path, mixed: bool, stop: int
) -> None:
    """What was added after the checkpoint is gone; the folder has it still."""
    dataset, made = load_dataset(stored), episodes(8)

    def sampler_of(buffer: ReplayBuffer, seed: int) -> Any:
        source = Mixture([(dataset, 1), (buffer, 1)]) if mixed else buffer
        return source.transitions(8, 2, rng=seed)

    whole = buffer_of(made[:1])
    expected = run(whole, made, sampler_of(whole, 3), 60)

    killed = buffer_of(made[:1], tmp_path / "run")
    sampler = sampler_of(killed, 3)
    taken = run(killed, made, sampler, stop)
    checkpoint = {"sampler": sampler.state(), "episodes": len(killed)}
    for episode in made[len(killed) : len(killed) + 2]:
        killed.add(episode)

    opened = ReplayBuffer(tmp_path / "run", episodes=checkpoint["episodes"])
    assert len(opened) == len(ReplayBuffer(tmp_path / "run")) == checkpoint["episodes"]
    other = sampler_of(opened, 99)
    other.load_state(checkpoint["sampler"])
    for number in range(stop, 60):
        if number % 7 == 3 and len(opened) < len(made):
            opened.add(made[len(opened)])
        taken.append(next(other))
    for a, b in zip(taken, expected, strict=True):
        assert_same(a, b)


def test_a_state_of_a_smaller_buffer_is_refused() -> None:
    made = episodes(3)
    buffer = buffer_of(made[:2])
    state = buffer.transitions(8, rng=0).state()
    buffer.add(made[2])
    with pytest.raises(
        ValueError, match=r"state: it is of data with 7 starts, these have 12.*episodes="
    ):
        buffer.transitions(8, rng=0).load_state(state)


def test_an_empty_part_leaves_its_share_until_it_has_an_episode(stored: Path) -> None:
    dataset, made, buffer = load_dataset(stored), episodes(2), ReplayBuffer()
    sampler = Mixture([(dataset, 0.5), (buffer, 0.5)]).transitions(16, rng=0)
    assert next(sampler).actions.shape == (16, 2)
    assert sampler.pool.columns.num_episodes == len(dataset)
    buffer.add(made[0])
    first = int(dataset.columns.starts[-1])
    for _ in range(40):
        rows = sampler.draw()["observations"][:, -1]
        assert int((rows >= first).sum()) == 8


def test_splits_of_a_buffer_are_training(stored: Path) -> None:
    dataset, buffer = load_dataset(stored), buffer_of(episodes(2))
    mixture = Mixture([(dataset, 1), (buffer, 1)])
    assert mixture.transitions(4, split="train").num_starts == (
        dataset.transitions(4, split="train").num_starts + buffer.num_transitions
    )
    held_out = dataset.transitions(4, split="validation").num_starts
    assert mixture.transitions(4, split="validation").num_starts == held_out
    with pytest.raises(NoEpisodesError, match="are for training"):
        buffer.transitions(4, split="validation")
    with pytest.raises(ValueError, match="split: expected one of all, train, validation, got 'x'"):
        buffer.transitions(4, split="x")


def test_a_pickled_sampler_goes_on_and_its_buffer_grows_alone() -> None:
    made = episodes(4)
    buffer = buffer_of(made[:3])
    sampler = buffer.transitions(8, 2, rng=0)
    next(sampler)
    data = pickle.dumps(sampler)
    assert len(data) < 100_000
    copy = pickle.loads(data)
    for _ in range(40):
        assert_same(next(sampler), next(copy))
    copy.source.add(made[3])
    buffer.add(made[3])
    for _ in range(40):
        assert_same(next(sampler), next(copy))


def test_what_is_added_is_copied() -> None:
    (episode,) = episodes(1)
    buffer = buffer_of([episode])
    before = buffer.transitions(8, rng=0, state=True).sample(1)
    for array in (episode.observations, episode.actions, episode.rewards, episode.infos["state"]):
        array.flags.writeable = True
        array[:] = 0
    assert_same(before, buffer.transitions(8, rng=0, state=True).sample(1))


def _changed(**changes: Any) -> Any:
    return dataclasses.replace(episodes(1)[0], **changes)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"observations": np.zeros((4, 5, 5, 3), np.uint8)}, r"expected rows of shape \(4, 4, 3\)"),
    ({"observations": np.zeros((4, 4, 4, 3), np.float32)}, "observations: expected dtype uint8"),
    ({"observations": np.zeros((4, 3, 4, 4), np.uint8)}, r"frames of shape \(H, W, 3\), got"),
    ({"observations": np.zeros((3, 4, 4, 3), np.uint8)}, "observations: expected 4 rows"),
    ({"actions": np.zeros((3, 5), np.float32)}, r"actions: expected rows of shape \(2,\)"),
    ({"actions": np.full((3, 2), 2, np.float32)}, r"actions: expected values in \[-1, 1\]"),
    ({"rewards": np.zeros(2, np.float32)}, "rewards: expected 3 rows"),
    ({"infos": {}}, r"state: expected rows of shape \(2,\) as in the first .* got none"),
    ({"infos": {"state": np.zeros((3, 2), np.float32)}}, r"float32 \(4, P\), a state of each"),
    ({"infos": {"state": np.zeros((4, 2))}}, "a state of each observation, got float64"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
@pytest.mark.usefixtures("no_type_checks")
def test_wrong_episodes_are_told_and_change_nothing(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    buffer = buffer_of(episodes(2), tmp_path)
    before = tiny.files_of(tmp_path)
    with pytest.raises(InvalidEpisodeError, match=message):
        buffer.add(_changed(**changes))
    assert len(buffer) == 2
    assert tiny.files_of(tmp_path) == before


def test_empty_buffers_and_missing_states_are_told() -> None:
    with pytest.raises(NoEpisodesError, match="there is no episode yet: add one first"):
        ReplayBuffer().transitions(4)
    plain = buffer_of(tiny.episodes_of((3, 2)))
    with pytest.raises(ValueError, match=r"state: .* add episodes with infos\['state'\]"):
        plain.sequences(4, 2, state=True)


def test_folders_with_too_little_or_damage_are_told(tmp_path: Path) -> None:
    buffer_of(episodes(3), tmp_path)
    with pytest.raises(DatasetFormatError, match=r"episodes: expected 4 in .* got 3"):
        ReplayBuffer(tmp_path, episodes=4)
    with pytest.raises(DatasetFormatError, match="expected 1 in memory, got 0"):
        ReplayBuffer(episodes=1)
    part = sorted(tmp_path.glob("*.h5"))[1]
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(CorruptFileError):
        ReplayBuffer(tmp_path)


def test_choices_among_online_and_offline_episodes(stored: Path) -> None:
    dataset, buffer = load_dataset(stored), buffer_of(episodes(3))
    mixture = Mixture([(Selection(dataset, [1]), 1), (Selection(buffer, [0, 2], [1, 3]), 1)])
    sampler = mixture.transitions(16, rng=0)
    assert sampler.num_starts == dataset.lengths[1] + 3 + 5
    buffer.add(episodes(4)[3])
    assert next(sampler).actions.shape == (16, 2)
    assert sampler.num_starts == dataset.lengths[1] + 3 + 5  # the choice stays
