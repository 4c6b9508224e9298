"""What iter(), next() and len() mean: one rule for every sampler and any number of workers."""

from __future__ import annotations

import gc
import pickle
import tempfile
import traceback
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from vd4rl_data.pytorch import (  # noqa: E402
    IterableSequences,
    IterableTransitions,
    TorchSequences,
    TorchTransitions,
)
from vd4rl_data.sampling import SequenceSampler, TransitionSampler  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),  # on few cores
]

BATCH = 16


def _resident(columns: Any, **options: Any) -> Any:
    return TorchTransitions(columns, BATCH, storage="device", **options)


SAMPLERS: dict[str, Callable[..., Any]] = {
    "TransitionSampler": lambda c, **o: TransitionSampler(c, BATCH, **o),
    "SequenceSampler": lambda c, **o: SequenceSampler(c, BATCH, 5, pad=True, **o),
    "TorchTransitions": lambda c, **o: TorchTransitions(c, BATCH, **o),
    "TorchTransitions, resident": _resident,
    "TorchSequences": lambda c, **o: TorchSequences(c, BATCH, 5, pad=True, **o),
    "IterableTransitions": lambda c, **o: IterableTransitions(c, BATCH, **o),
    "IterableSequences": lambda c, **o: IterableSequences(c, BATCH, 5, pad=True, **o),
}
FAMILIES = [
    ["TransitionSampler", "TorchTransitions", "TorchTransitions, resident", "IterableTransitions"],
    ["SequenceSampler", "TorchSequences", "IterableSequences"],
]


def loaded(sampler: Any, workers: int, **options: Any) -> Any:
    return DataLoader(sampler, batch_size=None, num_workers=workers, **options)


LOADED = [
    *((name, None) for name in SAMPLERS),
    *((name, workers) for name in SAMPLERS if "Iterable" in name for workers in (0, 2)),
]


@pytest.fixture(params=LOADED, ids=lambda case: f"{case[0]}, {case[1]} workers")
def make(request: pytest.FixtureRequest, columns: Any) -> Callable[..., Any]:
    """Makes a sampler, or a ``DataLoader`` around it."""
    name, workers = request.param

    def make(**options: Any) -> Any:
        sampler = SAMPLERS[name](columns, **options)
        return sampler if workers is None else loaded(sampler, workers)

    return make


def key(batch: Any) -> bytes:
    """Which samples a batch holds, in their order."""
    return np.asarray(batch.actions).tobytes() + np.asarray(batch.rewards).tobytes()


def keys(batches: Iterator[Any], count: int | None = None) -> list[bytes]:
    return [key(batch) for batch in islice(batches, count)]


def starts(batches: list[Any]) -> list[bytes]:
    """The first transition of every sample: rewards of this dataset are all different."""
    rewards = [np.asarray(batch.rewards).reshape(len(batch.rewards), -1) for batch in batches]
    return [value.tobytes() for value in np.concatenate(rewards)[:, 0]]


@pytest.mark.parametrize("rng", [None, 0, 7])
def test_endless_samplers_go_on(make: Any, rng: int | None) -> None:
    sampler = make(rng=rng)
    passes = [keys(iter(sampler), 5) for _ in range(3)]
    assert len(set(chain(*passes))) == 15


def test_the_loop_of_torch_users_sees_all_of_the_data(make: Any) -> None:
    """An epoch is some batches of an endless loader: no two epochs are the same."""
    sampler = make(rng=0)
    epochs = [list(islice(iter(sampler), 10)) for _ in range(10)]
    seen = set(starts(list(chain(*epochs))))
    assert len(seen) > 0.95 * 421  # of 421 starts, in 1600 draws


@pytest.mark.parametrize("rng", [None, 3])
def test_each_iteration_over_epochs_is_a_pass_with_new_permutations(
    make: Any, rng: int | None
) -> None:
    sampler = make(rng=rng, epochs=2)
    passes = [list(sampler) for _ in range(3)]
    for batches in passes:
        assert len(batches) == len(sampler) == 2 * 27
        found = starts(batches)
        assert sorted(found[:421]) == sorted(found[421:])
        assert len(set(found[:421])) == 421
    assert len({b"".join(map(key, batches)) for batches in passes}) == 3


def test_a_pass_that_is_left_in_the_middle_changes_no_other(make: Any) -> None:
    whole, broken = make(rng=5, epochs=1), make(rng=5, epochs=1)
    passes = [keys(iter(whole)) for _ in range(4)]
    keys(iter(broken), 3)
    assert keys(iter(broken)) == passes[1]
    keys(iter(broken), 1)
    assert keys(iter(broken)) == passes[3]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family[0])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_the_passes_of_a_seed_are_the_same_everywhere(
    columns: Any, family: list[str], workers: int
) -> None:
    expected = SAMPLERS[family[0]](columns, rng=11, epochs=1)
    passes = [keys(iter(expected)) for _ in range(3)]
    for name in family[1:]:
        sampler = SAMPLERS[name](columns, rng=11, epochs=1)
        found = loaded(sampler, workers) if "Iterable" in name else sampler
        assert [keys(iter(found)) for _ in range(3)] == passes


@pytest.mark.parametrize("name", ["IterableTransitions", "IterableSequences"])
def test_endless_passes_do_not_depend_on_the_number_of_workers(columns: Any, name: str) -> None:
    found = []
    for workers in ([0, 0, 0, 0], [2, 2, 2, 2], [0, 2, 3, 1]):
        sampler = SAMPLERS[name](columns, rng=2)
        found.append([keys(iter(loaded(sampler, count)), 6) for count in workers])
    assert found[0] == found[1] == found[2]
    assert len(set(chain(*found[0]))) == 24


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_every_way_to_start_workers_counts_passes(columns: Any, method: str) -> None:
    expected = SAMPLERS["IterableTransitions"](columns, rng=2, epochs=1)
    sampler = SAMPLERS["IterableTransitions"](columns, rng=2, epochs=1)
    loader = loaded(sampler, 1, multiprocessing_context=method)
    assert [keys(iter(loader)) for _ in range(2)] == [keys(iter(expected)) for _ in range(2)]


def test_workers_that_stay_begin_passes_too(columns: Any) -> None:
    expected = SAMPLERS["IterableTransitions"](columns, rng=2, epochs=1)
    sampler = SAMPLERS["IterableTransitions"](columns, rng=2, epochs=1)
    loader = loaded(sampler, 2, persistent_workers=True)
    assert [keys(iter(loader)) for _ in range(3)] == [keys(iter(expected)) for _ in range(3)]


def test_a_loop_that_seeds_torch_each_time_goes_on_all_the_same(columns: Any) -> None:
    loader = loaded(SAMPLERS["IterableTransitions"](columns, rng=2), 2)
    passes = []
    for _ in range(3):
        torch.manual_seed(0)
        passes.append(keys(iter(loader), 6))
    assert len(set(chain(*passes))) == 18


def test_two_loaders_of_one_sampler_at_once_make_passes_of_their_own(columns: Any) -> None:
    sampler = SAMPLERS["IterableTransitions"](columns, rng=2, epochs=1)
    first, second = loaded(sampler, 2), loaded(sampler, 2)
    pairs = [(key(a), key(b)) for a, b in zip(first, second, strict=True)]
    expected = SAMPLERS["IterableTransitions"](columns, rng=2, epochs=1)
    passes = [keys(iter(expected)) for _ in range(2)]
    found = [list(batches) for batches in zip(*pairs, strict=True)]
    assert found in (passes, passes[::-1])


def test_next_and_iter_of_an_endless_sampler_are_one_stream(columns: Any) -> None:
    for name in ("TransitionSampler", "SequenceSampler", "TorchTransitions", "TorchSequences"):
        one, other = (SAMPLERS[name](columns, rng=1) for _ in range(2))
        mixed = [key(next(one)), *keys(iter(one), 2), key(next(one)), *keys(iter(one), 2)]
        assert mixed == keys(iter(other), 6)


@pytest.mark.parametrize(
    "name", ["TransitionSampler", "SequenceSampler", "TorchTransitions", "TorchSequences"]
)
def test_next_goes_on_with_the_pass_that_began_last(columns: Any, name: str) -> None:
    sampler, expected = (SAMPLERS[name](columns, rng=1, epochs=1) for _ in range(2))
    passes = [keys(iter(expected)) for _ in range(2)]
    assert [key(next(sampler)) for _ in passes[0]] == passes[0]
    assert next(sampler, None) is None
    batches = iter(sampler)
    assert iter(batches) is batches
    assert [key(next(batches)), key(next(sampler)), *keys(batches)] == passes[1]
    assert next(sampler, None) is None


@pytest.mark.parametrize(
    "name", ["TransitionSampler", "SequenceSampler", "TorchTransitions", "TorchSequences"]
)
def test_a_loop_inside_a_loop_over_the_same_epochs_is_told(columns: Any, name: str) -> None:
    sampler = SAMPLERS[name](columns, rng=1, epochs=1)
    outer = iter(sampler)
    next(outer)
    assert len(list(sampler)) == len(sampler)
    with pytest.raises(RuntimeError, match=r"iter\(\) was called again.*make a second sampler"):
        next(outer)


@pytest.mark.parametrize("name", SAMPLERS)
def test_lengths(columns: Any, name: str) -> None:
    assert len(SAMPLERS[name](columns, epochs=3)) == 3 * 27
    assert len(SAMPLERS[name](columns, epochs=3, drop_last=True)) == 3 * 26
    assert len(list(SAMPLERS[name](columns, epochs=3, drop_last=True))) == 3 * 26
    with pytest.raises(TypeError, match=r"endless sampler \(epochs=None\) has no len\(\)"):
        len(SAMPLERS[name](columns))


def test_a_pickled_sampler_goes_on_in_the_middle_of_a_later_pass(columns: Any) -> None:
    sampler = SAMPLERS["TransitionSampler"](columns, rng=1, epochs=1)
    list(sampler)
    batches = iter(sampler)
    keys(batches, 4)
    copy = pickle.loads(pickle.dumps(sampler))
    rest = keys(batches)
    assert len(rest) == 23
    assert [key(next(copy)) for _ in rest] == rest
    assert keys(iter(copy)) == keys(iter(sampler))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pickled_iterable_goes_on_and_counts_alone(columns: Any, workers: int) -> None:
    items = SAMPLERS["IterableTransitions"](columns, rng=1, epochs=1)
    expected = [keys(iter(items)) for _ in range(4)]
    items = SAMPLERS["IterableTransitions"](columns, rng=1, epochs=1)
    keys(iter(loaded(items, workers)))
    copy = pickle.loads(pickle.dumps(items))
    for passes in expected[1:3]:
        assert keys(iter(loaded(items, workers))) == passes
    for passes in expected[1:3]:
        assert keys(iter(loaded(copy, workers))) == passes


def test_generators_that_two_samplers_share_give_passes_of_their_own(columns: Any) -> None:
    rng = np.random.default_rng(0)
    samplers = [SAMPLERS["TransitionSampler"](columns, rng=rng, epochs=1) for _ in range(2)]
    passes = [keys(iter(sampler)) for sampler in samplers for _ in range(2)]
    assert len({b"".join(batches) for batches in passes}) == 4


def test_a_generator_in_a_restored_state_repeats_all_passes(columns: Any) -> None:
    state = np.random.default_rng(4).bit_generator.state
    found = []
    for _ in range(2):
        rng = np.random.default_rng()
        rng.bit_generator.state = state
        sampler = SAMPLERS["TransitionSampler"](columns, rng=rng, epochs=1)
        found.append([keys(iter(sampler)) for _ in range(3)])
    assert found[0] == found[1]


def test_what_workers_agree_in_is_removed_with_the_sampler(
    columns: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    items = SAMPLERS["IterableTransitions"](columns, rng=1, epochs=1)
    list(items)
    assert list(tmp_path.glob("vd4rl_*")) == []
    list(loaded(items, 2))
    assert len(list(tmp_path.glob("vd4rl_*"))) == 1
    del items
    gc.collect()
    assert list(tmp_path.glob("vd4rl_*")) == []


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"batch_size": 4, "drop_last": True}])
@pytest.mark.parametrize("name", ["IterableTransitions", "IterableSequences"])
def test_a_forgotten_batch_size_none_is_told(
    columns: Any, name: str, options: dict[str, Any], workers: int
) -> None:
    loader = DataLoader(SAMPLERS[name](columns), num_workers=workers, **options)
    with pytest.raises(ValueError, match="pass batch_size=None to the DataLoader") as told:
        next(iter(loader))
    traceback.clear_frames(told.tb)  # one holds the loader in a cycle: its workers are waited for
