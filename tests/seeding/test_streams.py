"""No two random choices that must be independent share a stream."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from vd4rl_data.registry import DATASETS
from vd4rl_data.seeding import Purpose, generator, stream, word

TASKS = sorted({spec.task.name for spec in DATASETS.values()})
BEHAVIORS = sorted({spec.id.behavior for spec in DATASETS.values()})
GRID: dict[str, list[int | str]] = {
    "seed": [0, 1, 42, 2**32 - 1, 2**32, 2**64, 2**128 - 1],
    "episode": [0, 1, 199, 2**32],
    "task": [*TASKS],
    "behavior": [*BEHAVIORS],
    "media": ["street", "leaves"],
    "scene": [0, 1, 89],
    "version": [1, 2],
    "number": [0, 1, 29],
}


def grid() -> Iterator[tuple[Purpose, tuple[int | str, ...]]]:
    for purpose in Purpose:
        for keys in itertools.product(*(GRID[name] for name in purpose.keys)):
            yield purpose, keys


def first_words(sequence: np.random.SeedSequence) -> bytes:
    return sequence.generate_state(2, np.uint64).tobytes()


def test_no_two_streams_of_the_registrys_grid_begin_alike() -> None:
    seen: dict[bytes, object] = {}
    for purpose, keys in grid():
        words = first_words(stream(purpose, *keys))
        assert seen.setdefault(words, (purpose, keys)) == (purpose, keys)
    assert len(seen) > 2_000


def test_no_stream_begins_as_that_of_a_bare_seed_does() -> None:
    """A user's ``default_rng(0)`` is none of ours, but for the split that all manifests hold."""
    bare = {first_words(np.random.SeedSequence(int(seed))) for seed in GRID["seed"]}
    bare |= {
        first_words(np.random.SeedSequence([int(seed), int(episode)]))
        for seed, episode in itertools.product(GRID["seed"], GRID["episode"])
    }
    streams = {first_words(stream(p, *keys)) for p, keys in grid() if p != Purpose.VALIDATION_SPLIT}
    assert not bare & streams


def test_numbers_are_distinct() -> None:
    numbers = [purpose.number for purpose in Purpose]
    assert len(set(numbers)) == len(numbers)


def test_evaluation_does_not_begin_where_collection_or_training_begins() -> None:
    """The 32-bit reset seeds themselves, for the seeds and episodes that people use."""
    evaluated = {word(Purpose.EVALUATION_EPISODE, s, e) for s in range(8) for e in range(10)}
    trained = {
        word(purpose, seed, task, episode)
        for purpose in (Purpose.POLICY_EPISODE, Purpose.POLICY_EVALUATION)
        for seed, task, episode in itertools.product(range(3), TASKS, range(10))
    }
    collected = {
        word(Purpose.COLLECTION_RESET, seed, task, behavior, episode)
        for seed, task, behavior, episode in itertools.product(
            range(3), TASKS, BEHAVIORS, range(10)
        )
    }
    assert not evaluated & trained
    assert not (evaluated | trained) & collected
    assert len(evaluated) == 80


def test_a_stream_is_what_its_docstring_says_forever() -> None:
    """Recorded data depend on it."""
    expected = np.random.SeedSequence(0, spawn_key=(1, 7, 0, 0, 0, 1, 1, 0, 0))
    assert first_words(stream(Purpose.EVALUATION_EPISODE, 7, 2**32 + 1)) == first_words(expected)
    assert word(Purpose.EVALUATION_EPISODE, 0, 0) == 4_107_176_761
    assert generator(Purpose.AGENT_BATCHES, 3).integers(0, 1000, 3).tolist() == [628, 483, 105]


@pytest.mark.parametrize("integer", [np.int64(3), np.uint8(3)])
def test_numpys_integers_are_integers(integer: int) -> None:
    assert word(Purpose.AGENT_NOISE, integer) == word(Purpose.AGENT_NOISE, 3)


def test_wrong_keys_are_told() -> None:
    with pytest.raises(ValueError, match=r"EVALUATION_EPISODE: expected the keys seed, episode"):
        stream(Purpose.EVALUATION_EPISODE, 0)
    with pytest.raises(ValueError, match=r"seed: expected an integer in \[0, 2\*\*128\), got -1"):
        stream(Purpose.AGENT_NOISE, -1)
    with pytest.raises(ValueError, match=r"seed"):
        stream(Purpose.AGENT_NOISE, 2**128)
    with pytest.raises(TypeError):
        stream(Purpose.AGENT_NOISE, 0.5)  # pyright: ignore[reportArgumentType]
