"""Samplers over a real dataset file: mapped, not copied, and light to send to another process."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vd4rl_data.dataset import Dataset
from vd4rl_data.episode import Episode
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import Provenance, open_dataset, write_dataset

pytestmark = pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning")

LENGTHS = (30, 1, 12)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three short episodes of 64 px, in a flat file."""
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    path: Path = tmp_path_factory.mktemp("file") / "short.h5"
    rng = np.random.default_rng(0)

    def make(number: int, length: int) -> Episode:
        frames = np.zeros((length + 1, *spec.observation_shape), np.uint8)
        frames[..., 0] = np.arange(length + 1)[:, None, None]
        frames[..., 2] = number
        return Episode(
            observations=frames,
            actions=rng.uniform(-1, 1, (length, spec.task.action_size)).astype(np.float32),
            rewards=rng.uniform(size=length).astype(np.float32),
            discounts=np.ones(length, np.float32),
            terminated=number == 2,
            truncated=number != 2,
        )

    episodes = (make(number, length) for number, length in enumerate(LENGTHS))
    write_dataset(path, spec, episodes, LENGTHS, Provenance(origin="sample"))
    return Dataset(spec, [open_dataset(path)])


def test_batches_hold_the_pixels_of_the_file(dataset: Dataset) -> None:
    batch = dataset.transitions(32, 3, 2, rng=0).sample(1)
    for k in range(32):
        number = int(batch.observations[k, -1, 0, 0, 2])
        step = int(batch.observations[k, -1, 0, 0, 0])
        assert batch.next_observations[k, -1, 0, 0, 0] == step + 2
        np.testing.assert_array_equal(batch.actions[k], dataset[number].actions[step])
        assert batch.terminated[k] == (number == 2 and step + 2 == LENGTHS[number])


@pytest.mark.parametrize("kind", ["transitions", "sequences"])
def test_a_pickled_sampler_carries_no_pixels(dataset: Dataset, kind: str) -> None:
    sampler: Any = (
        dataset.transitions(8, 3, rng=0)
        if kind == "transitions"
        else dataset.sequences(8, 5, rng=0)
    )
    next(sampler)
    data = pickle.dumps(sampler)
    assert len(data) < dataset.columns.frames.nbytes / 4
    copy = pickle.loads(data)
    np.testing.assert_array_equal(next(copy).observations, next(sampler).observations)
