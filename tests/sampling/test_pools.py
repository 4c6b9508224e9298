"""Which episodes are drawn, how often, in which shares, and what happens when that changes."""

from __future__ import annotations

import pickle
from itertools import chain
from typing import Any

import numpy as np
import pytest

from tests.sampling.conftest import paint
from tests.sampling.references import assert_equal_batches, start_rows
from vd4rl_data.errors import NoEpisodesError
from vd4rl_data.sampling import (
    Group,
    Mixture,
    Pool,
    Replaceable,
    Samplable,
    Selection,
    SequenceQuery,
    TransitionQuery,
    TransitionSampler,
)


def drawn(batch: Any) -> np.ndarray:
    """The number of the painted episode of each sample."""
    frames = batch.observations[:, -1] if batch.observations.ndim == 5 else batch.observations
    return frames[:, 0, 0, 2].astype(int)


def shares(sampler: Any, batches: int, episodes: int) -> np.ndarray:
    counts = sum(np.bincount(drawn(next(sampler)), minlength=episodes) for _ in range(batches))
    return counts / counts.sum()


@pytest.mark.parametrize("episodes", [[2], [5, 0], np.array([0, 3, 6])])
def test_a_selection_draws_from_its_episodes_alone(painted: Any, episodes: Any) -> None:
    sampler = Selection(painted.columns, episodes).transitions(32, 3, rng=0, n_step_end="shorten")
    seen = set(chain.from_iterable(drawn(next(sampler)).tolist() for _ in range(20)))
    assert seen == set(np.asarray(episodes).tolist())


def test_weights_say_how_often_a_start_is_drawn(make_painted: Any) -> None:
    """Episodes of 10, 20 and 40 starts; those of the second count thrice, the third never."""
    painted = make_painted([10, 20, 40], [False] * 3)
    selection = Selection(painted.columns, [1, 0, 2], [3, 1, 0])
    found = shares(selection.transitions(100, rng=0), 200, 3)
    np.testing.assert_allclose(found, [1 / 7, 6 / 7, 0], atol=0.02)
    rows = list(
        chain.from_iterable(
            start_rows(painted, b) for b in [selection.transitions(5000, rng=1).sample()]
        )
    )
    counts = np.bincount(rows, minlength=73)[11:31]
    assert counts.min() > 0
    assert counts.max() < 3 * counts.min()  # starts of an episode are alike


def test_equal_weights_are_uniform(painted: Any) -> None:
    plain = shares(Selection(painted.columns, range(7)).transitions(200, rng=0), 100, 7)
    even = shares(Selection(painted.columns, range(7), [2.0] * 7).transitions(200, rng=0), 100, 7)
    np.testing.assert_allclose(plain, even, atol=0.02)


def test_a_mixture_keeps_its_shares_in_every_batch(make_painted: Any) -> None:
    first, second = make_painted([50, 50], [False] * 2), make_painted([5], [True], seed=1)
    inner = Mixture([(first.columns, 1), (second.columns, 1)])
    third = make_painted([7, 7], [False] * 2, seed=2)
    mixture = Mixture([(inner, 0.5), (third.columns, 0.25), (Selection(first.columns, [1]), 0.25)])
    bounds = [(0, 2), (2, 3), (3, 5), (6, 7)]  # of the parts, in episodes; 5 was not chosen
    for sampler in (mixture.transitions(64, 2, rng=0), mixture.sequences(64, 3, rng=0)):
        starts = sampler.pool.columns.starts
        assert starts[-1] == 2 * 51 + 6 + 2 * 8 + 2 * 51
        for _ in range(40):
            rows = sampler.draw()["observations"][:, 0]
            owners = np.searchsorted(starts, rows, side="right") - 1
            counts = [int(((low <= owners) & (owners < high)).sum()) for low, high in bounds]
            assert counts == [16, 16, 16, 16]


@pytest.mark.parametrize(("batch_size", "counts"), [(3, [2, 1]), (10, [7, 3]), (2, [1, 1])])
def test_shares_are_rounded_to_whole_samples(
    make_painted: Any, batch_size: int, counts: list[int]
) -> None:
    parts = [make_painted([9], [False]).columns, make_painted([9, 9], [False] * 2).columns]
    sampler = Mixture([(parts[0], 2), (Selection(parts[1], [1]), 1)]).transitions(batch_size, rng=0)
    for _ in range(50):
        assert np.bincount(drawn(next(sampler)), minlength=2).tolist() == counts


def test_mixtures_are_the_same_for_a_seed_pickled_and_from_their_state(make_painted: Any) -> None:
    parts = [make_painted([30, 9], [False, True]).columns, make_painted([12], [True]).columns]
    mixture = Mixture([(Selection(parts[0], [0, 1], [1, 5]), 3), (parts[1], 1)])
    first, other = mixture.transitions(8, 2, rng=5), mixture.transitions(8, 2, rng=9)
    for _ in range(37):
        next(first)
    copy = pickle.loads(pickle.dumps(first))
    other.load_state(first.state())
    for _ in range(37):
        batch = next(first)
        assert_equal_batches(batch, next(copy))
        assert_equal_batches(batch, next(other))


@pytest.mark.parametrize("kind", ["transitions", "sequences"])
def test_a_pool_is_replaced_from_the_next_batch_on(many_episodes: Any, kind: str) -> None:
    """SeMOPO's conservative sampling: in epoch m, one of the first m trajectories alone."""
    pool = Replaceable(Selection(many_episodes.columns, [0]))
    sampler = pool.transitions(16, rng=0) if kind == "transitions" else pool.sequences(16, 5, 0)
    order = np.random.default_rng(0)
    for epoch in range(12):
        trajectory = int(order.integers(epoch + 1))
        pool.replace(Selection(many_episodes.columns, [trajectory]))
        for _ in range(3):
            batch = next(sampler)
            frames = batch.observations[:, 0, 0, 0, 2]
            assert (frames == trajectory).all()
    state = sampler.state()
    again = TransitionSampler(pool, 16, rng=1) if kind == "transitions" else pool.sequences(16, 5)
    again.load_state(state)
    assert_equal_batches(next(again), next(sampler))


def test_with_epochs_a_pool_is_replaced_from_the_next_pass_on(many_episodes: Any) -> None:
    pool = Replaceable(Selection(many_episodes.columns, [3]))
    sampler = pool.transitions(16, rng=0, epochs=1)
    batches = iter(sampler)
    assert set(drawn(next(batches))) == {3}
    pool.replace(Selection(many_episodes.columns, [4, 5]))
    assert {int(number) for batch in batches for number in drawn(batch)} == {3}
    assert {int(number) for batch in sampler for number in drawn(batch)} == {4, 5}
    assert len(sampler) == 7


def test_a_source_of_ones_own(many_episodes: Any) -> None:
    class Recent(Samplable):
        """The last episodes, as a class of a user says it."""

        def __init__(self) -> None:
            self.last = 3

        @property
        def version(self) -> int:
            return -self.last

        @property
        def changes(self) -> bool:
            return True

        def pool(self, split: str = "all", *, state: bool = False) -> Pool:
            return Pool(many_episodes.columns, (Group(np.arange(40 - self.last, 40)),))

    recent = Recent()
    sampler = recent.transitions(64, rng=0)
    assert set(drawn(next(sampler))) == {37, 38, 39}
    recent.last = 2
    assert set(drawn(next(sampler))) == {38, 39}


def test_a_query_and_its_arguments_are_the_same(painted: Any) -> None:
    query = TransitionQuery(16, 3, 2, 0.9, 4, n_step_end="shorten")
    spelled = TransitionSampler(painted.columns, 16, 3, 2, 0.9, 4, n_step_end="shorten")
    assert spelled.query == query
    whole = Selection(painted.columns, range(7))
    for other in (TransitionSampler(painted.columns, query), whole.transitions(query)):
        assert_equal_batches(next(other), TransitionSampler(painted.columns, query).__next__())
    with pytest.raises(AttributeError, match="cannot assign"):
        query.batch_size = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_records_that_do_not_fit_are_told(painted: Any) -> None:
    query, other = TransitionQuery(4), SequenceQuery(4, 2)
    with pytest.raises(
        TypeError, match=r"query: expected one TransitionQuery alone, or its .* a Seq"
    ):
        TransitionSampler(painted.columns, other)  # pyright: ignore
    with pytest.raises(TypeError, match=r"TransitionQuery and arguments; dataclasses\.replace"):
        TransitionSampler(painted.columns, query, n_step=3)  # pyright: ignore


def test_a_mixture_joins_its_rows_once(painted: Any) -> None:
    mixture = Mixture([(painted.columns, 1), (painted.columns, 2)])
    columns = mixture.pool().columns
    assert mixture.pool().columns is columns
    assert Selection(mixture, [0, 9]).pool().columns is columns


@pytest.mark.parametrize(
    ("episodes", "weights", "message"),
    [
        ([], None, "at least one episode number"),
        ([7], None, r"numbers in \[0, 7\), got 7 to 7"),
        ([-1, 2], None, r"numbers in \[0, 7\), got -1 to 2"),
        ([True, False], None, "episodes: expected integers, got an array of bool"),
        ([0.0, 1.5], None, "episodes: expected integers"),
        (["1"], None, "episodes: expected integers"),
        ([1, 2], [1.0], "weights: expected one for each of 2 episodes"),
        ([1, 1], [1.0, 2.0], "weights: expected one for each of 2 episodes"),
        ([1, 2], [0.0, 0.0], "weights: expected finite numbers of at least 0, not all 0"),
        ([1, 2], [-1.0, 2.0], "weights: expected finite numbers"),
        ([1, 2], [np.nan, 2.0], "weights: expected finite numbers"),
    ],
)
def test_wrong_choices_are_told(painted: Any, episodes: Any, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Selection(painted.columns, episodes, weights)


def test_wrong_mixtures_are_told(painted: Any) -> None:
    columns = painted.columns
    for parts in ([], [(columns, 0.0)], [(columns, 1.0), (columns, float("nan"))]):
        with pytest.raises(ValueError, match="Mixture: expected at least one part, and finite"):
            Mixture(parts)
    other = paint([5], [False], size=6).columns
    with pytest.raises(ValueError, match=r"part 1: frames: expected rows of shape \(4, 4, 3\)"):
        Mixture([(columns, 1), (other, 1)]).transitions(4)
    with pytest.raises(
        ValueError, match=r"shares: .* leave a part without a sample in batches of 4"
    ):
        Mixture([(columns, 1), (columns, 0.01)]).transitions(4)
    with pytest.raises(ValueError, match="epochs: expected None where episodes have weights or"):
        Mixture([(columns, 1), (columns, 1)]).transitions(4, epochs=1)
    with pytest.raises(ValueError, match="epochs: expected None"):
        Selection(columns, [0, 4], [1, 2]).transitions(4, epochs=1)
    with pytest.raises(NoEpisodesError, match="none is left of a part that has a share"):
        Selection(Mixture([(columns, 1), (columns, 1)]), [0, 1])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([[]], "Group: expected at least one episode"),
        ([], "Pool: expected at least one group"),
        ([[2, 1]], "Group: episodes: expected ascending"),
        ([[1, 1]], "Group: episodes: expected ascending"),
        ([[3], [2]], r"Pool: episodes: expected ascending numbers in \[0, 7\)"),
        ([[0, 7]], r"Pool: episodes: expected ascending numbers in \[0, 7\)"),
        ([[-1, 2]], r"Pool: episodes: expected ascending numbers in \[0, 7\)"),
    ],
)
def test_wrong_pools_are_told(painted: Any, groups: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pool(painted.columns, tuple(Group(np.array(each, np.int64)) for each in groups))


@pytest.mark.parametrize("weights", [np.array([1.0]), np.array([1.0, 0.0]), np.array([1, np.inf])])
@pytest.mark.usefixtures("no_type_checks")
def test_wrong_weights_of_groups_are_told(weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Group: weights: expected 2 finite numbers above 0"):
        Group(np.array([0, 1]), weights)


def test_what_does_not_fit_is_refused_and_the_old_pool_stays(painted: Any) -> None:
    pool = Replaceable(Selection(painted.columns, [0]))
    plain, sampler = (pool.transitions(8, 2, 5, rng=0) for _ in range(2))
    for wrong, message in (
        (paint([9], [False], size=6).columns, r"what is sampled: frames: .*\(4, 4, 3\) as before"),
        (Selection(painted.columns, [1]), "n_step: no episode has 5 transitions"),
    ):
        pool.replace(wrong)
        for _ in range(2):  # and again
            with pytest.raises(ValueError, match=message):
                next(sampler)
    pool.replace(Selection(painted.columns, [0]))
    assert_equal_batches(next(sampler), next(plain))


def test_states_of_other_data_are_refused(painted: Any) -> None:
    state = Selection(painted.columns, [0, 4]).transitions(4).state()
    with pytest.raises(ValueError, match="state: it is of data with 801 starts, these have 501"):
        Selection(painted.columns, [0]).transitions(4).load_state(state)
