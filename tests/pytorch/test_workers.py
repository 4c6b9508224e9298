"""DataLoader workers show the batches of one process, each batch once, in the same order."""

from __future__ import annotations

import pickle
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

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning"),
]


def assert_equal(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    for name, tensor in a.as_dict().items():
        assert torch.equal(tensor, b.as_dict()[name]), name


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_two_workers_make_the_batches_of_one_process(composite: Any, method: str) -> None:
    arguments = (16, 3, 2, 0.9, 7)
    items = IterableTransitions(composite, *arguments, layout="stacked", epochs=2)
    loader = DataLoader(items, batch_size=None, num_workers=2, multiprocessing_context=method)
    loaded = list(loader)
    expected = list(TorchTransitions(composite, *arguments, layout="stacked", epochs=2))
    assert len(loaded) == len(expected) > 40
    for batch, wanted in zip(loaded, expected, strict=True):
        assert_equal(batch, wanted)


@pytest.mark.parametrize("workers", [0, 2])
def test_sequences_in_workers(dataset: Any, workers: int) -> None:
    options = {"pad": True, "epochs": 1, "split": "train", "layout": "BLCHW"}
    items = IterableSequences(dataset, 8, 5, 3, **options)
    loaded = list(DataLoader(items, batch_size=None, num_workers=workers))
    expected = list(TorchSequences(dataset, 8, 5, 3, **options))
    assert len(loaded) == len(expected) > 10
    for batch, wanted in zip(loaded, expected, strict=True):
        assert_equal(batch, wanted)


def test_fresh_entropy_is_the_same_in_all_workers(columns: Any) -> None:
    items = IterableTransitions(columns, 16, epochs=1)
    copy = pickle.loads(pickle.dumps(items))
    for batch, again in zip(items, copy, strict=True):
        assert_equal(batch, again)
    other = IterableTransitions(columns, 16, epochs=1)
    assert not torch.equal(next(iter(items)).actions, next(iter(other)).actions)


def test_the_callers_generator_is_not_advanced_by_workers(columns: Any) -> None:
    rng = np.random.default_rng(0)
    items = IterableTransitions(columns, 16, rng=rng)
    state = rng.bit_generator.state
    next(iter(items))
    assert rng.bit_generator.state == state


def test_batches_move(columns: Any) -> None:
    batch = next(iter(IterableTransitions(columns, 16, rng=0)))
    assert_equal(batch.to("cpu"), batch)
    sequences = next(iter(IterableSequences(columns, 4, 3, 0)))
    assert_equal(sequences.to("cpu"), sequences)
    assert batch.to("meta").observations.device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_are_pinned_for_the_loader(columns: Any) -> None:
    loader = DataLoader(IterableTransitions(columns, 16), batch_size=None, pin_memory=True)
    assert next(iter(loader)).observations.is_pinned()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reuse_buffers": True}, "reuse_buffers: expected False"),
        ({"layout": "CHW"}, "layout: expected one of BKHWC, stacked"),
        ({"n_step": 999}, "no episode has 999 transitions"),
    ],
)
def test_bad_arguments_fail_before_any_worker_starts(
    columns: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        IterableTransitions(columns, 4, **arguments)
