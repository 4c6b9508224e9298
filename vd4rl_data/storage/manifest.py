"""The manifest: what a dataset is, where it came from, and how to check it. Stored as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

import numpy as np

from vd4rl_data import seeding
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import DatasetSpec, ReturnStatistics
from vd4rl_data.storage.format import canonical_json

ORIGINS: Final = ("official", "imported", "regenerated", "sample")
"""Ordered from the authors' own files to what is furthest from them."""

VALIDATION_FRACTION: Final = 0.05
SKIPPED: Final = "skip_broken"
"""Field in the recipe of an import: the broken files that it was told to leave out."""

UNKNOWN_RENDERER: Final = "unknown"
NO_RENDERER: Final = "none"
"""The renderer of data without pixels."""

_FINGERPRINT_FRAMES: Final = 4
_JSON_TYPES: Final = {
    "dataset_id": str,
    "complete": bool,
    "num_episodes": int,
    "num_transitions": int,
    "content_sha256": str,
    "license": str,
    "citation": str,
}


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the episodes were made; all fields are JSON values.

    The recipe of a composite that was written into one file lists its parts under ``composed_of``,
    in order, each with ``dataset_id``, ``content_sha256``, ``num_episodes`` and ``complete``.

    Attributes:
        origin: ``official`` (the authors' own files, their hashes known), ``imported`` (converted
            from files that the user had), ``regenerated`` (collected with this package) or
            ``sample``.
        versions: package name → version, for everything that can change a byte.
        renderer: OpenGL renderer string; ``unknown`` if the files do not record it, ``none`` if
            there are no pixels.
        recipe: what to run, and with which settings, to get these episodes again.
        behavior_policy: its name, and for a trained policy its checkpoint hash and return.
        sources: for imported data, each file with its SHA-256 and whether that was known before.
        repairs: one line for each deviation of a source that was repaired while reading.
    """

    origin: str
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    renderer: str = UNKNOWN_RENDERER
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    behavior_policy: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sources: Sequence[Mapping[str, Any]] = ()
    repairs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a dataset file says about itself.

    Attributes:
        dataset_id: the catalog id.
        complete: whether all episodes of the catalog row are present; for a composite, all of each
            part's row.
        num_episodes, num_transitions: how many the file holds.
        returns: statistics of the undiscounted episode returns.
        validation_episodes: numbers of the 5 % of episodes held out by ``split="train"``; of a
            composite, those of its parts.
        fingerprint_rows: rows whose frames and physics states are the render fingerprint; none if
            some of the data have a look.
        content_sha256: hash of all arrays, the same in both layouts.
        license, citation: license and citation of the data.
        provenance: see :class:`Provenance`.
    """

    dataset_id: str
    complete: bool
    num_episodes: int
    num_transitions: int
    returns: ReturnStatistics
    validation_episodes: tuple[int, ...]
    fingerprint_rows: tuple[int, ...]
    content_sha256: str
    license: str
    citation: str
    provenance: Provenance

    @property
    def origin(self) -> str:
        """Where the data came from: one of :data:`ORIGINS`."""
        return self.provenance.origin

    @property
    def part_episodes(self) -> tuple[int, ...]:
        """Episodes of each part of a composite, in order; else of the whole dataset."""
        return part_episodes(self.provenance.recipe, self.num_episodes)

    @property
    def media(self) -> dict[str, str]:
        """Name → SHA-256 of the media that the data show; empty if they have no look, or if nobody
        recorded it (the authors' own files).
        """
        return recorded_media(self.provenance.recipe)

    def to_json(self) -> str:
        """Canonical JSON text; the inverse of :meth:`from_json`."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, text: str, where: str) -> Manifest:
        """Parse a manifest.

        Raises:
            DatasetFormatError: the text is not JSON, or a field is missing or unknown.
        """
        try:
            values = json.loads(text)
            values["returns"] = ReturnStatistics(**values["returns"])
            values["provenance"] = Provenance(**values["provenance"])
            for name in ("validation_episodes", "fingerprint_rows"):
                values[name] = tuple(int(number) for number in values[name])
            for name, kind in _JSON_TYPES.items():
                if type(values[name]) is not kind:
                    raise TypeError(f"{name}: expected {kind.__name__}, got {values[name]!r}")
            manifest = cls(**values)
            _check_episodes(manifest)
            return manifest
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            names = ", ".join(item.name for item in fields(cls))
            raise DatasetFormatError(
                f"{where}: manifest: expected JSON with the fields {names}; {error}"
            ) from error


def make_manifest(
    spec: DatasetSpec,
    returns: Sequence[float],
    lengths: Sequence[int],
    provenance: Provenance,
    content_sha256: str,
    *,
    tells_frames: bool,
) -> Manifest:
    """Derive a manifest from the catalog row and what was written.

    Args:
        spec: the catalog row.
        returns: undiscounted return of each episode.
        lengths: transitions of each episode.
        provenance: how the episodes were made.
        content_sha256: hash of all arrays.
        tells_frames: whether there are frames, and the physics states that they show.

    Raises:
        DatasetFormatError: the origin is not one of :data:`ORIGINS`.
    """
    if provenance.origin not in ORIGINS:
        raise DatasetFormatError(
            f"{spec.name}: origin: expected one of {', '.join(ORIGINS)}, got {provenance.origin!r}"
        )
    plain = all(item.environment.look is None for item in spec.mixture)  # states tell the frames
    known = plain and tells_frames and provenance.renderer != UNKNOWN_RENDERER
    episodes_of_parts = part_episodes(provenance.recipe, len(lengths))
    # Frames of one environment: the first part's only one, or that of a mixture's first episode.
    compared = lengths[: episodes_of_parts[0] if len(spec.mixture) == 1 else 1]
    return Manifest(
        dataset_id=spec.name,
        complete=is_complete(provenance.recipe, len(lengths), spec.num_episodes),
        num_episodes=len(lengths),
        num_transitions=sum(lengths),
        returns=return_statistics(returns),
        validation_episodes=validation_split(episodes_of_parts),
        fingerprint_rows=_spread_rows(sum(compared) + len(compared)) if known else (),
        content_sha256=content_sha256,
        license=spec.license,
        citation=spec.citation,
        provenance=provenance,
    )


def least_origin(origins: Sequence[str]) -> str:
    """The origin of data of several origins: the one furthest from the authors' own files."""
    return max(origins, key=ORIGINS.index)


def validation_split(episodes_of_parts: Sequence[int]) -> tuple[int, ...]:
    """Numbers of the episodes held out for validation: 5 % of each part, at least one of two."""
    first, numbers = 0, list[int]()
    for episodes in episodes_of_parts:
        numbers += [first + number for number in _held_out(episodes)]
        first += episodes
    return tuple(numbers)


def part_episodes(recipe: Mapping[str, Any], num_episodes: int) -> tuple[int, ...]:
    """Episodes of each part that a recipe composes, in order; else of the whole dataset.

    Raises:
        ValueError: the parts do not add up to ``num_episodes``.
    """
    counts: list[Any] = [part.get("num_episodes") for part in _composed_of(recipe)]
    if not counts or None in counts:  # files written before parts were counted
        return (num_episodes,)
    if sum(counts) != num_episodes:
        raise ValueError(f"composed_of: expected {num_episodes} episodes together, got {counts}")
    return tuple(int(count) for count in counts)


def recorded_media(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Name → SHA-256 of the media of the looks that a recipe describes; of a composite, of all."""
    looks = recipe.get("looks", ())
    found = {
        str(item["look"]["media"]): str(item["media_sha256"])
        for item in looks
        if "media_sha256" in item
    }
    for part in recipe.get("composed_of", ()):
        found |= recorded_media(part.get("recipe", {}))
    return found


def is_complete(recipe: Mapping[str, Any], num_episodes: int, catalog_episodes: int) -> bool:
    """Whether all episodes of a catalog row are present; for a composite, all of each part's row.

    A dataset whose import left files out is incomplete, however many episodes the others hold.
    """
    parts = [part.get("complete", True) for part in _composed_of(recipe)]
    return all(parts) and num_episodes >= catalog_episodes and not recipe.get(SKIPPED)


def _composed_of(recipe: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The parts that a recipe composes; a dataset that was rendered again has the same parts."""
    while recipe.get("kind") == "render":
        recipe = recipe["source"]["recipe"]
    return recipe.get("composed_of", ())


def _held_out(num_episodes: int) -> list[int]:
    if num_episodes < 2:
        return []
    count = max(1, round(VALIDATION_FRACTION * num_episodes))
    order = seeding.generator(seeding.Purpose.VALIDATION_SPLIT).permutation(num_episodes)
    return sorted(order[:count].tolist())


def _spread_rows(num_rows: int) -> tuple[int, ...]:
    return tuple(int(row) for row in np.linspace(0, num_rows - 1, _FINGERPRINT_FRAMES))


def _check_episodes(manifest: Manifest) -> None:
    """Raise ValueError if the numbers of episodes contradict each other."""
    held_out = manifest.validation_episodes
    if list(held_out) != sorted(set(held_out) & set(range(manifest.num_episodes))):
        raise ValueError(
            f"validation_episodes: expected ascending numbers below {manifest.num_episodes}, got "
            f"{held_out}"
        )
    part_episodes(manifest.provenance.recipe, manifest.num_episodes)
