"""All random streams of the project, one per purpose, so that no two ever share random numbers.

A stream is ``numpy.random.SeedSequence(0, spawn_key=(number, *words))``: the number of its purpose,
and four 32-bit words for every key, so that different keys never give the same words. Keys are not
passed as entropy, because numpy pads entropy with zeros: ``SeedSequence((seed, 0))`` equals
``SeedSequence(seed)``. The one exception is the oldest stream, the validation split's, on which all
published manifests rely: it is ``SeedSequence(0)`` itself.
"""

from __future__ import annotations

import copy
import hashlib
import operator
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, SupportsIndex, TypeAlias

import numpy as np

EVALUATION_PROTOCOL: Final = 2
"""Version of how :func:`vd4rl_data.evaluate` seeds its episodes; results name it. 1: episodes began
like those collected with the same seed; 2: evaluation has streams of its own."""

COLLECTION_RECIPE: Final = 2
"""Version of how the pipeline seeds its episodes; manifests name it. 1: all behaviors of a task
shared initial states and action noise; 2: every task and behavior has streams of its own."""

Key: TypeAlias = SupportsIndex | str
"""An integer in [0, 2**128), Python's or numpy's, or a name."""

TRAINING_STREAMS: Final = 2
"""Version of how training draws weights, batches and noise; checkpoints name it. 1: from streams
that some evaluation episodes also used; 2: from streams of its own."""

_WORDS: Final = 4
_WORD_BITS: Final = 32


class Purpose(Enum):
    """The purpose of a stream: a number that never changes, and the names of its keys."""

    VALIDATION_SPLIT = (0, ())
    EVALUATION_EPISODE = (1, ("seed", "episode"))
    SUBSET_OF_TRAIN = (2, ())
    SUBSET_OF_VALIDATION = (3, ())

    COLLECTION_RESET = (16, ("seed", "task", "behavior", "episode"))
    COLLECTION_ACTIONS = (17, ("seed", "task", "behavior", "episode"))

    POLICY_WEIGHTS = (32, ("seed", "task"))
    POLICY_EXPLORATION = (33, ("seed", "task"))
    POLICY_BATCHES = (34, ("seed", "task"))
    POLICY_NOISE = (35, ("seed", "task"))
    POLICY_EPISODE = (36, ("seed", "task", "episode"))
    POLICY_EVALUATION = (37, ("seed", "task", "episode"))

    AGENT_WEIGHTS = (48, ("seed",))
    AGENT_BATCHES = (49, ("seed",))
    AGENT_NOISE = (50, ("seed",))
    AGENT_ACTING = (51, ())
    INSPECTED_CHUNKS = (52, ("seed",))
    INSPECTED_NOISE = (53, ("seed",))
    ONLINE_RESET = (54, ("seed", "episode"))
    ONLINE_LATENTS = (55, ("seed", "episode"))
    ONLINE_ACTIONS = (56, ("seed", "episode"))

    RANDOM_POLICY = (64, ("seed", "episode"))
    BOOTSTRAP = (65, ("seed",))

    LOOK_OF_EPISODE = (80, ("episode",))
    MEDIA_SCENE = (82, ("media", "scene"))
    UNSEEDED_EPISODE = (83, ("episode",))
    TEST_LOOK = (84, ("version", "number"))

    @property
    def number(self) -> int:
        """The first word of the spawn key."""
        return self.value[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the keys, in the order in which :func:`stream` takes them."""
        return self.value[1]


def stream(purpose: Purpose, *keys: Key) -> np.random.SeedSequence:
    """The random stream of one purpose.

    Args:
        purpose: the purpose of the stream.
        keys: one value for each of :attr:`Purpose.keys`; integers in [0, 2**128), or names.

    Raises:
        ValueError: the number of keys is wrong, or an integer is out of range.
        TypeError: a key is neither an integer nor a name.
    """
    if len(keys) != len(purpose.keys):
        raise ValueError(
            f"stream {purpose.name}: expected the keys {', '.join(purpose.keys) or '(none)'}, "
            f"got {len(keys)}: {keys}"
        )
    words = [
        word
        for name, key in zip(purpose.keys, keys, strict=True)
        for word in _words(f"stream {purpose.name}: {name}", key)
    ]
    if purpose is Purpose.VALIDATION_SPLIT:
        return np.random.SeedSequence(0)
    return np.random.SeedSequence(0, spawn_key=(purpose.number, *words))


def generator(purpose: Purpose, *keys: Key) -> np.random.Generator:
    """A new generator at the start of a stream; raises the same errors as :func:`stream`."""
    return np.random.default_rng(stream(purpose, *keys))


def word(purpose: Purpose, *keys: Key) -> int:
    """The first word of a stream, in [0, 2**32), to seed the generators of other libraries.

    Raises the same errors as :func:`stream`.
    """
    return int(stream(purpose, *keys).generate_state(1, np.uint32)[0])


def look_generator(seed: int) -> np.random.RandomState:
    """The generator of a look in one episode.

    It is numpy's older one, seeded directly, because published looks are known by such seeds.

    Args:
        seed: in [0, 2**32).
    """
    return np.random.RandomState(seed)


def family_of(rng: np.random.Generator) -> np.random.SeedSequence:
    """The family of streams that the generators of a sampler's passes come from.

    It is derived from the state of a generator, which is left unchanged, and from how many families
    were made of its seed, so that two families of one generator differ.
    """
    words = copy.deepcopy(rng).integers(0, 2**32, 4, dtype=np.uint32).tolist()
    spawn: Any = getattr(rng.bit_generator.seed_seq, "spawn", None)
    place = () if spawn is None else spawn(1)[0].spawn_key
    return np.random.SeedSequence(words, spawn_key=tuple(place))


def member_of(family: np.random.SeedSequence, number: int) -> np.random.Generator:
    """The generator of one pass, determined by family and number alone."""
    key = (*family.spawn_key, number)
    return np.random.default_rng(np.random.SeedSequence(family.entropy, spawn_key=key))


def family_state(family: np.random.SeedSequence) -> list[Any]:
    """A family of streams as plain values; :func:`family_from` is the inverse."""
    return [family.entropy, list(family.spawn_key)]


def family_from(state: Sequence[Any]) -> np.random.SeedSequence:
    """Rebuild the family from what :func:`family_state` returned.

    Raises:
        ValueError, TypeError: it is not the state of a family.
    """
    entropy, spawn_key = state
    return np.random.SeedSequence(entropy, spawn_key=tuple(spawn_key))


def evaluation_seed(protocol: int, seed: int, episode: int) -> int:
    """The seed that an episode of an evaluation is reset with, in [0, 2**32).

    Args:
        protocol: version of the evaluation protocol, 1 to :data:`EVALUATION_PROTOCOL`; earlier ones
            are kept to tell their recorded episodes from episodes that somebody picked.
        seed: seed of the evaluation.
        episode: number of the episode.
    """
    if protocol == 1:
        sequence = np.random.SeedSequence(seed, spawn_key=(episode,))
        return int(sequence.generate_state(1, np.uint32)[0])
    return word(Purpose.EVALUATION_EPISODE, seed, episode)


def _words(where: str, key: Key) -> list[int]:
    """Four words: an integer's own bits, or the first 128 of a name's SHA-256."""
    if isinstance(key, str):
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[: _WORDS * 4], "little")
    else:
        try:
            number = operator.index(key)
        except TypeError as error:
            raise TypeError(f"{where}: expected an integer or a name, got {key!r}") from error
    if not 0 <= number < 1 << _WORDS * _WORD_BITS:
        raise ValueError(f"{where}: expected an integer in [0, 2**128), got {number}")
    mask = (1 << _WORD_BITS) - 1
    return [number >> _WORD_BITS * i & mask for i in range(_WORDS)]
