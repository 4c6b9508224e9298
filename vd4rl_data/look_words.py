"""Datasets in another look than the catalog's row: what ``…-distracting_easy_leaves_50-…`` means.

Two kinds of looks have words of their own; a plugin's own looks stand in rows of its own.

``distracting_<level>[_<media>][_dynamic]_<percent>`` is the Distracting Control Suite as V-D4RL's
paper uses it: colors, camera and background, one and the same distraction in that percentage of the
episodes. Without a media word it shows DAVIS, as the paper does.

``video[_<media>][_static][_<percent>]`` is LQV-D4RL's technique: a gray scene behind the robot,
another one in each episode. Without a media word it shows Kinetics, without a percentage all
episodes have it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vd4rl_data.errors import InvalidIdError
from vd4rl_data.ids import (
    LEVELS,
    MOTIONS,
    DatasetId,
    Variant,
    format_id,
    parse_id,
    parse_variant,
    register_words,
)
from vd4rl_data.spec import ORIGINAL, DatasetSpec, EnvironmentSpec, Look, Share

DISTRACTING: Final = "distracting"
VIDEO: Final = "video"
EXAMPLE: Final = "distracting_easy_leaves_50"
Environments = tuple[EnvironmentSpec, ...]
DISTRACTED_TRAIN: Final = "distracted_train"
"""The evaluation in the look of the data."""

DISTRACTED_TEST: Final = "distracted_test"
"""The evaluation in looks that the data do not have."""

DISTRACTIONS: Final = ("colors", "camera", "background")
MEDIA_WORDS: Final = ("street", "leaves", "davis", "kinetics", "clips")
"""The sets of :mod:`vd4rl_data.media`, which are words of the grammar."""

PUBLISHED_SEEDS: Final[Mapping[str, int]] = dict(
    zip(LEVELS, (2037604709, 1768187245, 1685217640), strict=True)
)
"""Level → the seed of the looks in V-D4RL's data; its evaluations with seen looks have it, too."""

TEST_SEEDS_VERSION: Final = 1
TEST_SEEDS: Final = (
    820392542, 2307039361, 1603842184, 275017975, 3168628138, 1711221297,
    4121503282, 2722794477, 88157412, 1199721987, 1302983090, 4186311124,
    1968967137, 698435179, 3099810683, 2604090500, 1801793201, 1502330984,
    3814279188, 2236689291, 1143414240, 248137790, 2997368862, 1055376311,
    623339891, 1351250342, 1291102399, 3773193823, 1061811921, 2376780561,
)  # fmt: skip
"""The seeds of ``distracted_test``, where the paper drew new looks without a seed. Number n is the
first word of :data:`vd4rl_data.seeding.Purpose.TEST_LOOK` for this version and n."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind is written.

    Attributes:
        levels: whether it has levels, and then also a percentage.
        media: the papers' media, which have no word.
        dynamic: the papers' motion, which has no word.
    """

    levels: bool
    media: str
    dynamic: bool


_KINDS: Final = {
    DISTRACTING: _Kind(levels=True, media="davis", dynamic=False),
    VIDEO: _Kind(levels=False, media="kinetics", dynamic=True),
}


def with_look(spec: DatasetSpec, words: Variant) -> DatasetSpec:
    """The same dataset in another look: the same states, actions and rewards.

    Its evaluations are those of the row, and ``distracted_train`` and ``distracted_test``. A row
    whose own look is a video gets other media or another motion.

    Args:
        spec: a row of the catalog, without look words in its id.
        words: the look words alone.

    Raises:
        InvalidIdError: the words are not complete, or say what holds without them; or the row is
            bundled, or has another look of its own.
    """
    wanted = _with(spec.id, words)
    _check(words, format_id(wanted))
    if spec.bundled or (spec.id.variant is not None and spec.id.variant.look is not None):
        raise InvalidIdError(f"{spec.name}: expected a dataset that is not bundled, without a look")
    if spec.environment.look is not None:
        return _with_other_video(spec, words, wanted)
    share = 1.0 if words.percent is None else words.percent / 100
    look = _look(words)
    return dataclasses.replace(
        spec,
        id=wanted,
        mixture=_mixed(spec.mixture, look, share),
        evaluations={
            **spec.evaluations,
            DISTRACTED_TRAIN: _seen_in(spec.evaluations[ORIGINAL], [look]),
            DISTRACTED_TEST: _seen_in(spec.evaluations[ORIGINAL], _unseen(look)),
        },
        published_returns=None,
        parts=_parts(spec, words) if share else (spec.parts or (spec.name,)),
    )


def id_with_look(dataset_id: str, text: str) -> str:
    """The id of a dataset in a look.

    Args:
        dataset_id: the id of a dataset without a look.
        text: look words, e.g. ``distracting_easy_leaves_50``.

    Raises:
        InvalidIdError: the text holds other words, or the id has look words itself.
    """
    parsed, words = parse_id(dataset_id), parse_words("look", text)
    if words.look is None or words != dataclasses.replace(words, body=None, amount=None):
        raise InvalidIdError(f"look: expected look words, e.g. {EXAMPLE!r}, got {text!r}")
    if parsed.variant is not None and (parsed.variant.look is not None or parsed.variant.sample):
        raise InvalidIdError(f"look: {dataset_id!r} cannot be in another look")
    return format_id(_with(parsed, words))


def look_of(text: str, name: str = "look") -> Look:
    """The look that words describe.

    Args:
        text: look words; a percentage does not matter, e.g. ``distracting_easy_leaves``.
        name: what the caller calls the words, for messages.

    Raises:
        InvalidIdError: the text holds other words, or lacks a level or has one too many.
    """
    words = parse_words(name, text)
    kind = None if words.look is None else _KINDS.get(words.look)
    alone = words == dataclasses.replace(words, body=None, amount=None, sample=False)
    if kind is None or not alone or (words.level is not None) != kind.levels:
        raise InvalidIdError(f"{name}: expected look words, e.g. {EXAMPLE!r}, got {text!r}")
    return _look(words)


def parse_words(name: str, text: str) -> Variant:
    """Parse words that are given by themselves, as a setting of this name.

    Raises:
        InvalidIdError: as :func:`vd4rl_data.ids.parse_variant`; the message begins with the name.
    """
    try:
        return parse_variant(text)
    except InvalidIdError as error:
        raise InvalidIdError(f"{name}: {error}") from None


def look_words(variant: Variant | None) -> Variant | None:
    """The look words of a variant alone, if they are of one of the kinds that have words here."""
    if variant is None or variant.look not in _KINDS:
        return None
    return dataclasses.replace(variant, body=None, amount=None)


def without_look(dataset_id: DatasetId) -> DatasetId:
    """The id of the dataset that has the catalog's own look."""
    return _with(dataset_id, Variant())


def _with(dataset_id: DatasetId, words: Variant) -> DatasetId:
    own = dataset_id.variant or Variant()
    variant = dataclasses.replace(words, body=own.body, amount=own.amount, sample=own.sample)
    return dataclasses.replace(dataset_id, variant=None if variant == Variant() else variant)


def _check(words: Variant, name: str) -> None:
    """Every look is written in one way."""
    kind = _KINDS[str(words.look)]
    if (words.level is not None) != kind.levels or (kind.levels and words.percent is None):
        expected = f"e.g. {EXAMPLE!r}" if kind.levels else f"no level, e.g. {VIDEO}_street"
        raise InvalidIdError(f"{name!r}: {words.look}: expected {expected}, got {str(words)!r}")
    unsaid: dict[str, str | int] = {"media": kind.media, "motion": MOTIONS[kind.dynamic]}
    if not kind.levels:
        unsaid["percent"] = 100
    for field, value in unsaid.items():
        if getattr(words, field) == value:
            raise InvalidIdError(f"{name!r}: {words.look} means {value!r} by itself; leave it out")


def _look(words: Variant) -> Look:
    kind = _KINDS[str(words.look)]
    media = words.media or kind.media
    dynamic = kind.dynamic if words.motion is None else words.motion == MOTIONS[True]
    if words.look == VIDEO:
        return Look(VIDEO, media=media, dynamic=dynamic)
    level = str(words.level)
    seed = PUBLISHED_SEEDS[level]
    return Look(DISTRACTING, level, DISTRACTIONS, media=media, dynamic=dynamic, seed=seed)


def _unseen(look: Look) -> list[Look]:
    """Looks that the data do not have: other scenes; of distractions, also other seeds.

    DAVIS is shown as in the paper, whose unseen looks draw anew from the same videos.
    """
    if look.kind == DISTRACTING and look.media == _KINDS[DISTRACTING].media:
        held_out = look
    else:
        settings = {**look.settings, "split": "held_out"}
        held_out = dataclasses.replace(look, settings=settings)
    if look.seed is None:
        return [held_out]
    return [dataclasses.replace(held_out, seed=seed) for seed in TEST_SEEDS]


def _seen_in(environments: Sequence[EnvironmentSpec], looks: Sequence[Look]) -> Environments:
    return tuple(
        dataclasses.replace(environment, look=look)
        for look in looks
        for environment in environments
    )


def _mixed(mixture: Sequence[Share], look: Look, share: float) -> tuple[Share, ...]:
    """A share of each environment's episodes in the look."""
    plain = [Share(item.environment, item.share * (1 - share)) for item in mixture]
    looked = [
        Share(dataclasses.replace(item.environment, look=look), item.share * share)
        for item in mixture
    ]
    return tuple(item for item in (*plain, *looked) if item.share)


def _with_other_video(spec: DatasetSpec, words: Variant, wanted: DatasetId) -> DatasetSpec:
    if words.look != VIDEO or words.percent is not None:
        raise InvalidIdError(
            f"{format_id(wanted)!r}: all data of {spec.name} show a video; expected {VIDEO} without"
            f" a percentage, e.g. {VIDEO}_street, got {str(words)!r}"
        )
    shown = _look(words)

    def changed(environment: EnvironmentSpec) -> EnvironmentSpec:
        own = environment.look or shown
        look = dataclasses.replace(own, media=shown.media, dynamic=shown.dynamic)
        return dataclasses.replace(environment, look=look)

    made = dataclasses.replace(spec.with_environments(changed), id=wanted, published_returns=None)
    unseen = tuple(
        dataclasses.replace(environment, look=look)
        for environment in made.evaluations[ORIGINAL]
        if environment.look is not None
        for look in _unseen(environment.look)
    )
    evaluations = {**made.evaluations, DISTRACTED_TEST: unseen}
    return dataclasses.replace(made, evaluations=evaluations, parts=_parts(spec, words))


def _parts(spec: DatasetSpec, words: Variant) -> tuple[str, ...]:
    return tuple(format_id(_with(parse_id(part), words)) for part in spec.parts)


register_words(looks=_KINDS, media=MEDIA_WORDS)
