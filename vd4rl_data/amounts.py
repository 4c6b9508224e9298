"""Datasets with another number of transitions than the catalog's row: ``…-25k-…``, ``…-1m-…``."""

from __future__ import annotations

import dataclasses

from vd4rl_data.errors import InvalidIdError
from vd4rl_data.ids import DatasetId, Variant, format_id, parse_id
from vd4rl_data.spec import DatasetSpec


def with_amount(spec: DatasetSpec, amount: int) -> DatasetSpec:
    """The same dataset with another number of transitions; of a composite, in each of its parts.

    Episodes depend on their number alone, so the smaller of two amounts is the beginning of the
    larger one. Nothing is said of its returns: published statistics are of the published amount.

    Args:
        spec: a row of the catalog.
        amount: number of transitions.

    Raises:
        InvalidIdError: these are no whole episodes, or the row is bundled, has an amount in its id,
            or holds this amount anyway.
    """
    parts = max(1, len(spec.parts))
    wanted = _with(spec.id, amount)
    length = spec.task.time_steps
    variant = spec.id.variant
    if spec.bundled or (variant is not None and variant.amount is not None):
        raise InvalidIdError(f"{spec.name}: expected a dataset without an amount of its own")
    if amount * parts == spec.num_transitions:
        raise InvalidIdError(
            f"{format_id(wanted)!r} is {spec.name}, which has this amount; leave it out"
        )
    if amount < 1 or amount % length:
        raise InvalidIdError(
            f"{format_id(wanted)!r}: amount: expected whole episodes of {length} time steps of"
            f" {spec.task.name}, got {amount:,} transitions"
        )
    return dataclasses.replace(
        spec,
        id=wanted,
        num_transitions=amount * parts,
        num_episodes=amount * parts // length,
        published_returns=None,
        parts=tuple(format_id(_with(parse_id(part), amount)) for part in spec.parts),
    )


def without_amount(dataset_id: DatasetId) -> DatasetId:
    """The id of the dataset that has the catalog's own amount."""
    return _with(dataset_id, None)


def _with(dataset_id: DatasetId, amount: int | None) -> DatasetId:
    variant = dataclasses.replace(dataset_id.variant or Variant(), amount=amount)
    return dataclasses.replace(dataset_id, variant=None if variant == Variant() else variant)
