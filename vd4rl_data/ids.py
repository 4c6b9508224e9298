"""The one grammar of names: dataset ids, benchmark names, and the words of a variant.

    <Suite>/<task>-<behavior>[-<variant>]-<size>px-v<version>      a dataset
    <Suite>/<task>-<behavior>[-<variant>]-v<version>               a benchmark

Each ``parse_…`` is the inverse of ``format_…`` (or ``str()``). A variant says what differs from the
suite's main dataset, in this order and joined by ``_``: a look with its level, media, motion and
the percentage of the data that has it; a body; an amount of transitions; or ``sample``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vd4rl_data.errors import InvalidIdError

BEHAVIORS: Final = (
    "random",
    "medium_replay",
    "medium",
    "medium_expert",
    "expert",
    "random_expert",
    "scripted",
    "demos",
)
LEVELS: Final = ("easy", "medium", "hard")
"""How much a look changes; V-D4RL's paper calls them low, moderate, high."""

MOTIONS: Final = ("static", "dynamic")
SAMPLE: Final = "sample"

_WORDS = r"[a-z0-9]+(?:_[a-z0-9]+)*"
_HEAD = (
    rf"(?P<suite>[A-Za-z][A-Za-z0-9]*)/(?P<task>{_WORDS})-(?P<behavior>{_WORDS})"
    rf"(?:-(?P<variant>{_WORDS}))?"
)
_SIZE = r"-(?P<size>[1-9][0-9]{0,8})px"
_VERSION = r"-v(?P<version>0|[1-9][0-9]{0,8})"
_DATASET: Final = re.compile(_HEAD + _SIZE + _VERSION, re.ASCII)
_UNVERSIONED: Final = re.compile(_HEAD + _SIZE, re.ASCII)
_BENCHMARK: Final = re.compile(_HEAD + _VERSION, re.ASCII)
_SIZE_WORD: Final = re.compile(r"[0-9]+px", re.ASCII)

GRAMMAR: Final = "<Suite>/<task>-<behavior>[-<variant>]-<size>px-v<version>"
EXAMPLE: Final = "VD4RL/walker_walk-medium_expert-64px-v0"
_BENCHMARK_EXAMPLE: Final = "VD4RL/walker_walk-medium-v0"
_LONGEST_ID: Final = 200  # characters of a wrong id in messages; no real one comes near
_THOUSAND: Final = 1_000
_MILLION: Final = 1_000_000


class _Vocabulary:
    """The words that a variant may contain; suites and looks add theirs."""

    def __init__(self) -> None:
        self.looks: set[str] = set()
        self.media: set[str] = set()
        self.bodies: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, looks: Iterable[str], media: Iterable[str], bodies: Iterable[str]) -> None:
        self.looks |= set(looks)
        self.media |= set(media)
        self.bodies |= set(bodies)
        self._pattern = None

    @property
    def pattern(self) -> re.Pattern[str]:
        if self._pattern is None:
            options = (LEVELS, self.media, MOTIONS)
            names = ("level", "media", "motion")
            tail = "".join(
                rf"(?:_(?P<{name}>{_any(words)}))?"
                for name, words in zip(names, options, strict=True)
            )
            look = rf"(?:_(?P<look>{_any(self.looks)}){tail}(?:_(?P<percent>0|[1-9][0-9]?|100))?)?"
            body = rf"(?:_(?P<body>{_any(self.bodies)}))?"
            amount = r"(?:_(?P<amount>[1-9][0-9]{0,8}[km]))?"
            self._pattern = re.compile(rf"(?:_(?P<sample>{SAMPLE})|{look}{body}{amount})", re.ASCII)
        return self._pattern


def _any(words: Iterable[str]) -> str:
    """A pattern of alternatives, longest first; without any, one that never matches."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True)) or r"(?!)"


_VOCABULARY: Final = _Vocabulary()


def register_words(
    *, looks: Iterable[str] = (), media: Iterable[str] = (), bodies: Iterable[str] = ()
) -> None:
    """Add names of looks, media and bodies to the grammar. Repeated calls change nothing.

    Raises:
        InvalidIdError: a name is not made of lower-case letters and digits, joined by ``_``.
    """
    for word in (*looks, *media, *bodies):
        if re.fullmatch(_WORDS, word, re.ASCII) is None:
            raise InvalidIdError(
                f"{word!r} cannot be part of an id; expected lower-case letters and digits, joined"
                " by _"
            )
    _VOCABULARY.add(looks, media, bodies)


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs from the suite's main dataset; every field but ``sample`` may be absent.

    Attributes:
        look: name of the look, e.g. ``distracting``.
        level: one of :data:`LEVELS`.
        media: name of the images that the look shows.
        motion: one of :data:`MOTIONS`.
        percent: how much of the data has the look, 0 to 100.
        body: name of a changed body, or of a mixture of them, e.g. ``multitask``.
        amount: number of transitions, a multiple of 1000, if it differs from the main dataset's; of
            a dataset of two parts, such as ``medium_expert``, those of each.
        sample: whether it is the few episodes that come with the package.
    """

    look: str | None = None
    level: str | None = None
    media: str | None = None
    motion: str | None = None
    percent: int | None = None
    body: str | None = None
    amount: int | None = None
    sample: bool = False

    def __str__(self) -> str:
        words = [self.look, self.level, self.media, self.motion]
        words += [None if self.percent is None else str(self.percent), self.body]
        words += [_amount_word(self.amount), SAMPLE if self.sample else None]
        return "_".join(word for word in words if word is not None)


def parse_variant(text: str) -> Variant:
    """Parse the variant of an id; ``str()`` is the inverse.

    Raises:
        InvalidIdError: it holds a word that is neither a registered look, its level, media or
            motion, nor a body, nor an amount; or they stand in another order.
    """
    match = _VOCABULARY.pattern.fullmatch(f"_{text}")
    if match is not None:
        found = match.groupdict()
        percent, amount = found["percent"], found["amount"]
        variant = Variant(
            look=found["look"],
            level=found["level"],
            media=found["media"],
            motion=found["motion"],
            percent=None if percent is None else int(percent),
            body=found["body"],
            amount=None if amount is None else _amount(amount),
            sample=found["sample"] is not None,
        )
        if str(variant) == text:
            return variant
    raise InvalidIdError(
        f"variant {_short(text)!r}: expected <look>[_<level>][_<media>][_<motion>][_<percent>]"
        f"[_<body>][_<amount>k] or {SAMPLE!r}, with a look of {_listed(_VOCABULARY.looks)}, a"
        f" level of {', '.join(LEVELS)}, a body of {_listed(_VOCABULARY.bodies)}, e.g."
        f" 'distracting_easy_50' or '500k'.{_did_you_mean_variant(text)}"
    )


@dataclass(frozen=True, slots=True)
class DatasetId:
    """The parsed form of a dataset id. ``variant`` is ``None`` for the suite's main datasets."""

    suite: str
    task: str
    behavior: str
    variant: Variant | None
    size: int
    version: int

    def __str__(self) -> str:
        return format_id(self)

    @property
    def benchmark(self) -> BenchmarkId:
        """The benchmark on which results of this dataset are compared, the same at any size."""
        return BenchmarkId(self.suite, self.task, self.behavior, self.variant, self.version)


@dataclass(frozen=True, slots=True)
class BenchmarkId:
    """The name of a benchmark, on which results are compared; it covers all image sizes."""

    suite: str
    task: str
    behavior: str
    variant: Variant | None
    version: int

    def at(self, size: int) -> DatasetId:
        """The dataset of this benchmark at an image size."""
        return DatasetId(
            self.suite, self.task, self.behavior, self.variant, size, version=self.version
        )

    @property
    def dataset(self) -> str:
        """The name without its suite: a folder of the store of results."""
        return str(self).partition("/")[2]

    def __str__(self) -> str:
        return f"{_head(self)}-v{self.version}"


def parse_id(text: str) -> DatasetId:
    """Parse a dataset id; the inverse of :func:`format_id`.

    Raises:
        InvalidIdError: the text does not follow the grammar, its behavior is not one of
            :data:`BEHAVIORS`, its variant holds an unknown word, or the version is missing.
    """
    match = _DATASET.fullmatch(checked_text(text))
    if match is None:
        raise InvalidIdError(_why_not_an_id(text))
    return DatasetId(
        suite=match["suite"],
        task=match["task"],
        behavior=_checked_behavior(match["behavior"], text),
        variant=_variant_of(match["variant"]),
        size=int(match["size"]),
        version=int(match["version"]),
    )


def format_id(dataset_id: DatasetId) -> str:
    """Write a dataset id as text; the inverse of :func:`parse_id`."""
    return f"{_head(dataset_id)}-{dataset_id.size}px-v{dataset_id.version}"


def parse_benchmark(text: str) -> BenchmarkId:
    """Parse a benchmark's name; ``str()`` is the inverse.

    Raises:
        InvalidIdError: the text does not follow the grammar, or names a size.
    """
    expected = f"expected a dataset id without its size, e.g. {_BENCHMARK_EXAMPLE!r}"
    match = _BENCHMARK.fullmatch(checked_text(text))
    if match is None:
        what = "is not a benchmark" if "-v" in text else "has no version"
        raise InvalidIdError(f"{_short(text)!r} {what}; {expected}")
    if _SIZE_WORD.fullmatch(match["variant"] or ""):
        raise InvalidIdError(f"{_short(text)!r} names a size; {expected}")
    return BenchmarkId(
        suite=match["suite"],
        task=match["task"],
        behavior=_checked_behavior(match["behavior"], text),
        variant=_variant_of(match["variant"]),
        version=int(match["version"]),
    )


def benchmark_of(dataset: DatasetId | str) -> BenchmarkId:
    """The benchmark of a dataset.

    Raises:
        InvalidIdError: the text is not a dataset id.
    """
    return (dataset if isinstance(dataset, DatasetId) else parse_id(dataset)).benchmark


def without_version(text: str) -> bool:
    """Whether a text is a dataset id without its version."""
    return _UNVERSIONED.fullmatch(text) is not None


def checked_text(name: object) -> str:
    """Return a name unchanged if it is a string.

    Raises:
        InvalidIdError: it is not a string.
    """
    if not isinstance(name, str):
        raise InvalidIdError(
            f"expected an id as a string, e.g. {EXAMPLE!r}, got {name!r} (a {type(name).__name__})"
        )
    return name


def _head(name: DatasetId | BenchmarkId) -> str:
    parts = [name.task, name.behavior]
    if name.variant is not None:
        parts.append(str(name.variant))
    return f"{name.suite}/{'-'.join(parts)}"


def _variant_of(text: str | None) -> Variant | None:
    return None if text is None else parse_variant(text)


def _checked_behavior(behavior: str, text: str) -> str:
    if behavior in BEHAVIORS:
        return behavior
    guess = difflib.get_close_matches(behavior, BEHAVIORS, n=1)
    hint = f" Did you mean {guess[0]!r}?" if guess else ""
    raise InvalidIdError(
        f"{_short(text)!r}: unknown behavior {_short(behavior)!r}; expected one of"
        f" {', '.join(BEHAVIORS)}.{hint}"
    )


def _amount(word: str) -> int:
    return int(word[:-1]) * (_MILLION if word[-1] == "m" else _THOUSAND)


def _amount_word(amount: int | None) -> str | None:
    if amount is None:
        return None
    if amount % _MILLION == 0:
        return f"{amount // _MILLION}m"
    return f"{amount // _THOUSAND}k"


def _why_not_an_id(text: str) -> str:
    problem = "has no version" if without_version(text) else "is not a dataset id"
    return f"{_short(text)!r} {problem}; expected {GRAMMAR}, e.g. {EXAMPLE!r}."


def _did_you_mean_variant(text: str) -> str:
    known = (*_VOCABULARY.looks, *_VOCABULARY.bodies, SAMPLE)
    close = difflib.get_close_matches(text, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "none (no suite has registered any)"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_ID else f"{text[:_LONGEST_ID]}..."
