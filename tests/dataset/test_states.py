"""Proprioceptive states beside the frames: those of the newest frames, or a reason why not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vd4rl_data
from tests.storage import tiny
from vd4rl_data import Mixture, Selection, load_dataset
from vd4rl_data.sampling import dreamer_alignment
from vd4rl_data.storage.naming import flat_path

pytestmark = pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning")

SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"


def with_states(lengths: tuple[int, ...] = (3, 2, 1), dtype: Any = np.float32) -> list[Any]:
    """Tiny episodes whose state is the number of the frame and that of the episode."""
    return [
        dataclasses.replace(
            episode,
            infos={
                "state": np.stack([np.arange(rows), np.full(rows, number)], axis=1).astype(dtype)
            },
        )
        for number, episode in enumerate(tiny.episodes_of(lengths))
        for rows in [len(episode) + 1]
    ]


@pytest.fixture(params=["flat", "packed", "parts"])
def dataset(request: pytest.FixtureRequest, data_dir: Path) -> Any:
    if request.param != "parts":
        path = tmp = flat_path(data_dir, tiny.SPEC.name)
        if request.param == "packed":
            path = tmp.with_name(f"{tmp.stem}.packed-00000-of-00001.h5")
        tiny.write(path, with_states(), layout=request.param)
        return load_dataset(tiny.SPEC.name)
    for spec, lengths in ((tiny.MEDIUM, (3, 2)), (tiny.EXPERT, (1, 4, 2))):
        tiny.write(flat_path(data_dir, spec.name), with_states(lengths), spec=spec)
    return load_dataset(tiny.MEDIUM_EXPERT.name)


@pytest.mark.parametrize("n_step", [1, 2])
def test_states_of_transitions_are_of_the_newest_frames(dataset: Any, n_step: int) -> None:
    options: dict[str, Any] = {"frame_stack": 3, "n_step": n_step, "n_step_end": "shorten"}
    sampler = dataset.transitions(8, rng=0, state=True, **options)
    batch = sampler.gather(sampler.table[np.arange(sampler.num_starts)]["row"])
    at = 0
    for episode in dataset:
        for step in range(len(episode)):
            later = min(step + n_step, len(episode))
            np.testing.assert_array_equal(batch.states[at], episode.infos["state"][step])
            np.testing.assert_array_equal(batch.next_states[at], episode.infos["state"][later])
            np.testing.assert_array_equal(batch.observations[at, -1], episode.observations[step])
            at += 1
    assert batch.states.dtype == np.float32
    assert batch.states.shape == batch.next_states.shape == (dataset.num_transitions, 2)


@pytest.mark.parametrize("pad", [False, True])
def test_states_of_sequences_are_of_each_frame(dataset: Any, pad: bool) -> None:
    sampler = dataset.sequences(4, 2, 0, pad=pad, state=True)
    for _ in range(20):
        batch = next(sampler)
        assert batch.states.shape == (4, 3, 2)
        real = np.ones((4, 3), bool)
        if pad:
            real[:, 1:] = batch.mask
            assert not batch.states[~real].any()
        steps, numbers = batch.states[..., 0], batch.states[..., 1]
        assert (np.diff(steps, axis=1)[real[:, 1:]] == 1).all()
        assert (np.diff(numbers, axis=1)[real[:, 1:]] == 0).all()
        assert ((steps[:, 0] == 0) == batch.is_first[:, 0]).all()
        assert dreamer_alignment(batch).states is batch.states


def test_states_come_only_when_they_are_asked_for(dataset: Any) -> None:
    with_them, without = (dataset.transitions(8, 2, rng=0, state=state) for state in (True, False))
    for _ in range(5):
        rich, plain = next(with_them).as_dict(), next(without).as_dict()
        assert set(rich) - set(plain) == {"states", "next_states"}
        for name, values in plain.items():
            np.testing.assert_array_equal(rich[name], values)
    assert "states" not in next(dataset.sequences(2, 1, 0)).as_dict()
    assert "states" not in next(Mixture([(dataset, 1), (dataset, 1)]).sequences(2, 1, 0)).as_dict()


def test_mixtures_and_choices_have_the_states_of_their_parts(dataset: Any) -> None:
    mixture = Mixture([(Selection(dataset, [1]), 1), (dataset, 1)])
    batch = next(mixture.transitions(16, rng=0, state=True))
    assert (batch.states[:, 1] == 1).sum() >= 8
    np.testing.assert_array_equal(batch.states[:, 0] + 1, batch.next_states[:, 0])


def test_the_bundled_sample_has_walkers_states() -> None:
    batch = next(vd4rl_data.load_dataset(SAMPLE).transitions(32, 3, rng=0, state=True))
    assert batch.states.shape == batch.next_states.shape == (32, 24)
    assert np.isfinite(batch.states).all()


def test_files_without_states_name_the_datasets_that_have_some(stored: Path) -> None:
    dataset = load_dataset(stored)
    message = (
        rf"state: {stored}: infos/state: expected float32 \(N, P\), a state of each observation, "
        r"got no such array.*collects of VD4RL: .*walker_walk.* the authors' hdf5 files"
    )
    for ask in (dataset.transitions, dataset.sequences):
        with pytest.raises(ValueError, match=message):
            ask(4, 1, state=True)


def test_states_that_are_not_of_each_observation_are_told(data_dir: Path) -> None:
    path = flat_path(data_dir, tiny.SPEC.name)
    wrong = ((np.zeros(4), r"\(\) of each observation"), (np.zeros((3, 2)), r"\(2,\) of each tran"))
    for state, found in wrong:
        (episode, *_) = tiny.episodes_of((3,))
        tiny.write(path, [dataclasses.replace(episode, infos={"state": state})])
        with pytest.raises(ValueError, match=f"state: .*, got rows of shape {found}"):
            load_dataset(path).transitions(4, state=True)


def test_wider_numbers_become_float32(data_dir: Path) -> None:
    path = flat_path(data_dir, tiny.SPEC.name)
    tiny.write(path, with_states(dtype=np.float64))
    assert next(load_dataset(path).transitions(4, state=True)).states.dtype == np.float32
