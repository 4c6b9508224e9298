"""What can be collected: one row per kind of dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collection.errors import NotCollectableError
from vd4rl_data.registry import DATASETS, DatasetSpec


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the datasets of one behavior and variant are made.

    Attributes:
        behavior, variant: the parts of the dataset id that select this row; the behavior is a
            name in :data:`collection.behaviors.BEHAVIORS`.
        origin: what the manifest calls the result.
    """

    behavior: str
    variant: str | None
    origin: str


RECIPES: Final = (
    Recipe("random", None, origin="regenerated"),
    Recipe("random", "sample", origin="sample"),
    Recipe("medium_replay", None, origin="regenerated"),
    Recipe("medium", None, origin="regenerated"),
    Recipe("expert", None, origin="regenerated"),
)
SIMULATORS: Final = ("dmc",)


def find_recipe(spec: DatasetSpec) -> Recipe:
    """The recipe that makes a dataset.

    Raises:
        NotCollectableError: there is none; the message lists the ids that have one.
    """
    recipe = _match(spec)
    if recipe is not None:
        return recipe
    if spec.parts:
        why = f"is {' followed by '.join(spec.parts)} and is never stored; collect these"
    else:
        why = "needs a behavior policy that this pipeline does not have"
    known = [other.name for other in DATASETS.values() if _match(other) is not None]
    raise NotCollectableError(
        f"{spec.name} cannot be collected: it {why}. These can: {', '.join(known)}."
    )


def _match(spec: DatasetSpec) -> Recipe | None:
    if spec.parts or spec.task.simulator not in SIMULATORS:
        return None
    for recipe in RECIPES:
        if (recipe.behavior, recipe.variant) == (spec.id.behavior, spec.id.variant):
            return recipe
    return None
