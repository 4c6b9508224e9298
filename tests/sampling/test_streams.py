"""Which transitions a sampler shows, in which order, in whose memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pytest

from tests.sampling.references import (
    assert_equal_batches,
    reference_starts,
    start_rows,
)
from vd4rl_data.sampling import Selection, SequenceSampler, TransitionSampler

pytestmark = pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning")

Make = Callable[..., Any]


@pytest.fixture(params=["transitions", "sequences"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a sampler of either kind: ``make(data, batch_size, seed, **options)``."""

    def made(data: Any, batch_size: int, rng: Any = 0, **options: Any) -> Any:
        if request.param == "transitions":
            return TransitionSampler(data.columns, batch_size, 3, 2, rng=rng, **options)
        return SequenceSampler(data.columns, batch_size, 5, rng, **options)

    return made


def test_a_batch_is_shuffled_over_episodes(make: Make, many_episodes: Any) -> None:
    batch = next(make(many_episodes, 256))
    episodes = batch.observations[:, 2, 0, 0, 2]
    assert len(np.unique(episodes)) == 40  # of 40; one is missed once in 16 batches or so
    assert (np.diff(episodes.astype(int)) < 0).mean() > 0.4  # no order either
    halves = [len(np.unique(half)) for half in np.split(episodes, 2)]
    assert min(halves) > 30


@pytest.mark.parametrize("size", [4, 8])  # rows alternate at 4 x 4 x 3 = 48 bytes, not at 192
def test_endless_sampling_is_uniform_over_starts(make_painted: Any, size: int) -> None:
    painted = make_painted([3, 6, 1], [True, False, True], size=size)
    sampler = TransitionSampler(painted.columns, 100, rng=0)
    counts: dict[int, int] = {}
    for _ in range(100):
        for row in start_rows(painted, next(sampler)):
            counts[row] = counts.get(row, 0) + 1
    assert len(counts) == sampler.num_starts == 10
    assert min(counts.values()) > 850  # of 1000 each; four standard deviations are 120
    assert max(counts.values()) < 1150


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 5000])
def test_an_epoch_shows_every_start_once(make_painted: Any, batch_size: int, size: int) -> None:
    painted = make_painted([101, 1, 2, 60], [False, True, False, False], size=size)
    expected = [e.start + step for e, step in reference_starts(painted, 2, "drop")]
    sampler = TransitionSampler(painted.columns, batch_size, n_step=2, rng=3, epochs=3)
    batches = [start_rows(painted, batch) for batch in sampler]
    assert next(sampler, None) is None
    per_epoch = -(-len(expected) // batch_size)
    assert len(batches) == 3 * per_epoch
    epochs = [list(chain(*batches[k * per_epoch : (k + 1) * per_epoch])) for k in range(3)]
    assert all(sorted(epoch) == expected for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert epochs[0] != expected


def test_drop_last_leaves_out_the_smaller_batch(painted: Any) -> None:
    sampler = TransitionSampler(painted.columns, 100, rng=3, epochs=2, drop_last=True)
    sizes = [len(batch.actions) for batch in sampler]
    assert sizes == [100] * (2 * (sampler.num_starts // 100))


def test_only_the_given_episodes_are_sampled(painted: Any) -> None:
    sampler = Selection(painted.columns, [3, 1]).transitions(64, rng=0, epochs=1)
    rows = sorted(chain(*(start_rows(painted, batch) for batch in sampler)))
    assert rows == [painted.episodes[1].start, *range(*_span(painted.episodes[3]))]


def _span(episode: Any) -> tuple[int, int]:
    return episode.start, episode.start + len(episode)


def test_one_seed_repeats_and_two_differ(make: Make, painted: Any) -> None:
    def stream(rng: Any) -> list[bytes]:
        sampler = make(painted, 16, rng)
        return [next(sampler).observations.tobytes() for _ in range(40)]

    assert stream(0) == stream(0) == stream(np.random.default_rng(0))
    assert stream(0) != stream(1)
    assert stream(None) != stream(None)


@pytest.mark.parametrize("options", [{}, {"epochs": 1}])
def test_composite_frames_give_the_same_batches(
    make: Make, painted: Any, composite: Any, options: dict[str, Any]
) -> None:
    samplers = [make(data, 16, 5, **options) for data in (painted, composite)]
    for _ in range(5):
        assert_equal_batches(next(samplers[0]), next(samplers[1]))


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_threads_do_not_change_batches(
    make: Make, composite: Any, batch_size: int, threads: int
) -> None:
    one, many = (make(composite, batch_size, threads=count) for count in (1, threads))
    for _ in range(3):
        assert_equal_batches(next(one), next(many))


def test_batches_that_are_kept_are_never_overwritten(painted: Any) -> None:
    sampler = TransitionSampler(painted.columns, 32, 3, rng=0)
    kept = [next(sampler) for _ in range(6)]
    frame = next(sampler).observations[3, 1]  # a view of a view keeps the memory as well
    saved = frame.copy()
    for _ in range(6):
        next(sampler)
    again = TransitionSampler(painted.columns, 32, 3, rng=0)
    for batch in kept:
        assert_equal_batches(batch, next(again))
    np.testing.assert_array_equal(frame, saved)


def test_memory_of_forgotten_batches_is_used_again(painted: Any) -> None:
    sampler = TransitionSampler(painted.columns, 32, 3, rng=0)
    addresses = {next(sampler).observations.ctypes.data for _ in range(20)}
    assert len(addresses) <= 2


def test_reused_buffers_hold_the_same_batches_in_one_place(make: Make, painted: Any) -> None:
    reusing, fresh = (make(painted, 32, epochs=1, reuse_buffers=reuse) for reuse in (True, False))
    addresses = set()
    for batch, expected in zip(reusing, fresh, strict=True):
        assert_equal_batches(batch, expected)
        addresses.add(batch.observations.ctypes.data)
    assert len(addresses) == 1


def test_sample_takes_a_generator_and_leaves_the_stream_alone(make: Make, painted: Any) -> None:
    disturbed, plain = (make(painted, 16) for _ in range(2))
    first = disturbed.sample(np.random.default_rng(9))
    assert_equal_batches(first, disturbed.sample(9))
    assert_equal_batches(next(disturbed), next(plain))
    assert not np.array_equal(first.observations, disturbed.sample().observations)


@pytest.mark.parametrize("options", [{}, {"epochs": 2}, {"threads": 2}, {"reuse_buffers": True}])
def test_a_pickled_sampler_goes_on_alike(make: Make, painted: Any, options: dict[str, Any]) -> None:
    sampler = make(painted, 16, **options)
    for _ in range(4):
        next(sampler)
    copy = pickle.loads(pickle.dumps(sampler))
    for _ in range(40):
        assert_equal_batches(next(sampler), next(copy))
