"""The background thread: in order, with its errors, and gone when nobody needs it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("torch")

from vd4rl_data.pytorch.prefetch import Prefetcher

pytestmark = pytest.mark.torch


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "vd4rl_prefetch"]


def test_items_come_in_order_and_end() -> None:
    prefetcher = Prefetcher(iter(range(50)))
    assert list(prefetcher) == list(range(50))
    assert list(prefetcher) == []


def test_works_ahead_but_not_far() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    prefetcher = Prefetcher(source())
    assert next(prefetcher) == 0
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert len(made) == 4  # one read, two waiting, one in the hand of the thread


def test_errors_reach_the_reader() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    prefetcher = Prefetcher(source())
    assert next(prefetcher) == 1
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            next(prefetcher)


def test_the_thread_ends_with_its_prefetcher() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 0

    before = len(prefetch_threads())
    prefetcher = Prefetcher(endless())
    next(prefetcher)
    assert len(prefetch_threads()) == before + 1
    del prefetcher
    gc.collect()
    assert len(prefetch_threads()) == before
