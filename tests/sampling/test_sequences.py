"""Sequences of painted episodes against a loop over one episode at a time."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vd4rl_data.sampling import Selection, SequenceSampler, dreamer_alignment

pytestmark = pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning")

FIELDS = (
    "observations",
    "actions",
    "rewards",
    "discounts",
    "is_first",
    "terminated",
    "truncated",
    "mask",
)


def reference(episode: Any, start: int, length: int) -> dict[str, np.ndarray]:
    """The window that starts at ``start``, padded with zeros after the episode's end."""
    window = {
        "observations": np.zeros((length + 1, *episode.observations.shape[1:]), np.uint8),
        "actions": np.zeros((length, episode.actions.shape[1]), np.float32),
        "rewards": np.zeros(length, np.float32),
        "discounts": np.zeros(length, np.float32),
        "is_first": np.zeros(length + 1, bool),
        "terminated": np.zeros(length, bool),
        "truncated": np.zeros(length, bool),
        "mask": np.zeros(length, bool),
    }
    window["observations"][0] = episode.observations[start]
    window["is_first"][0] = start == 0
    for k in range(length):
        step = start + k
        if step >= len(episode):
            break
        ends = step == len(episode) - 1
        window["observations"][k + 1] = episode.observations[step + 1]
        window["actions"][k] = episode.actions[step]
        window["rewards"][k] = episode.rewards[step]
        window["terminated"][k] = ends and episode.terminated
        window["truncated"][k] = ends and not episode.terminated
        window["discounts"][k] = 0.0 if window["terminated"][k] else episode.discounts[step]
        window["mask"][k] = True
    return window


def reference_starts(painted: Any, length: int, pad: bool) -> list[tuple[Any, int]]:
    return [
        (episode, step)
        for episode in painted.episodes
        for step in range(len(episode))
        if pad or step + length <= len(episode)
    ]


def start_rows(painted: Any, batch: Any) -> list[int]:
    pixels = batch.observations[:, 0, 0, 0].astype(int)
    return [painted.episodes[number].start + low + 256 * high for low, high, number in pixels]


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("length", [1, 3, 50])
@pytest.mark.parametrize("storage", ["painted", "composite"])
def test_every_sequence_is_the_references(
    request: pytest.FixtureRequest, storage: str, length: int, pad: bool
) -> None:
    painted = request.getfixturevalue(storage)
    sampler = SequenceSampler(painted.columns, 64, length, pad=pad)
    expected = reference_starts(painted, length, pad)
    assert sampler.num_starts == len(expected)
    batch = sampler.gather(np.array([episode.start + step for episode, step in expected]))
    wanted = [reference(episode, step, length) for episode, step in expected]
    for name in FIELDS if pad else FIELDS[:-1]:
        values = np.array([item[name] for item in wanted])
        np.testing.assert_array_equal(getattr(batch, name), values, err_msg=name)
    assert tuple(batch.as_dict()) == (FIELDS if pad else FIELDS[:-1])
    assert batch.observations.flags.c_contiguous


@settings(deadline=None)  # the machine may be busy
@given(data=st.data())
def test_sampled_sequences_are_the_references(make_painted: Any, data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    ends = data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    painted = make_painted(lengths, ends, parts=data.draw(st.integers(1, len(lengths))))
    length = data.draw(st.integers(1, 6))
    sampler = SequenceSampler(painted.columns, 5, length, data.draw(st.integers(0, 5)), pad=True)
    batch = next(sampler)
    for sample, row in enumerate(start_rows(painted, batch)):
        for name, values in reference(*painted.locate(row), length).items():
            np.testing.assert_array_equal(getattr(batch, name)[sample], values, err_msg=name)


@pytest.mark.parametrize("pad", [False, True])
def test_sequences_never_cross_episodes(many_episodes: Any, pad: bool) -> None:
    sampler = SequenceSampler(many_episodes.columns, 64, 20, 0, pad=pad)
    for _ in range(20):
        batch = next(sampler)
        mask = np.ones((64, 20), bool) if batch.mask is None else batch.mask
        episode = batch.observations[:, 1:, 0, 0, 2][mask]
        assert (
            episode == np.broadcast_to(batch.observations[:, :1, 0, 0, 2], (64, 20))[mask]
        ).all()
        step = batch.observations[..., 0, 0, 0].astype(int)
        assert (np.diff(step, axis=1)[mask] == 1).all()


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("batch_size", [1, 9, 1000])
def test_an_epoch_shows_every_window_once(make_painted: Any, batch_size: int, pad: bool) -> None:
    painted = make_painted([40, 1, 11, 12], [False, True, True, False])
    expected = [episode.start + step for episode, step in reference_starts(painted, 12, pad)]
    sampler = SequenceSampler(painted.columns, batch_size, 12, 0, pad=pad, epochs=2)
    batches = [start_rows(painted, batch) for batch in sampler]
    middle = len(batches) // 2
    epochs = [list(chain(*half)) for half in (batches[:middle], batches[middle:])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == expected
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("pad", [False, True])
def test_dreamer_alignment_holds_what_led_to_each_observation(painted: Any, pad: bool) -> None:
    length = 6
    sampler = SequenceSampler(painted.columns, 64, length, 0, pad=pad)
    batch = next(sampler)
    dreamer = dreamer_alignment(batch)
    assert dreamer.observations is batch.observations
    assert dreamer.is_first is batch.is_first
    for sample, row in enumerate(start_rows(painted, batch)):
        episode, start = painted.locate(row)
        assert not dreamer.actions[sample, 0].any()
        assert dreamer.rewards[sample, 0] == 0.0
        assert dreamer.discounts[sample, 0] == 1.0
        assert not dreamer.is_terminal[sample, 0]
        assert not dreamer.is_last[sample, 0]
        for k in range(1, min(length, len(episode) - start) + 1):
            arrived = start + k  # observation `arrived` came of transition `arrived - 1`
            ends = arrived == len(episode)
            np.testing.assert_array_equal(dreamer.actions[sample, k], episode.actions[arrived - 1])
            assert dreamer.rewards[sample, k] == episode.rewards[arrived - 1]
            assert dreamer.is_terminal[sample, k] == (ends and episode.terminated)
            assert dreamer.is_last[sample, k] == ends
    assert (dreamer.mask is not None) == pad
    if dreamer.mask is not None:
        assert dreamer.mask[:, 0].all()
        np.testing.assert_array_equal(dreamer.mask[:, 1:], batch.mask)
    assert ("mask" in dreamer.as_dict()) == pad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, "length: expected at least 1, got 0"),
        ({"length": 502}, "no episode has 502 transitions, the longest has 501; .*pad=True"),
        ({"batch_size": 0}, "batch_size: expected at least 1"),
    ],
)
def test_bad_arguments(painted: Any, arguments: dict[str, Any], message: str) -> None:
    options = {"batch_size": 4, "length": 5, **arguments}
    with pytest.raises(ValueError, match=message):
        SequenceSampler(painted.columns, **options)


def test_padding_rescues_datasets_of_short_episodes(painted: Any) -> None:
    batch = next(Selection(painted.columns, [1, 2]).sequences(4, 10, 0, pad=True))
    assert batch.mask is not None
    assert batch.mask.sum(axis=1).max() <= 2
