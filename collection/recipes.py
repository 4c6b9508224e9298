"""What can be collected: every stored dataset whose behavior this pipeline knows."""

from __future__ import annotations

from dataclasses import dataclass

from collection.behaviors import BEHAVIORS
from collection.errors import NotCollectableError
from vd4rl_data.registry import DATASETS
from vd4rl_data.spec import DatasetSpec


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a dataset is made.

    Attributes:
        behavior: a name in :data:`collection.behaviors.BEHAVIORS`.
        origin: the origin that the manifest records.
    """

    behavior: str
    origin: str


def find_recipe(spec: DatasetSpec) -> Recipe:
    """The recipe that makes a dataset.

    Raises:
        NotCollectableError: there is none; the message lists the ids that have one.
    """
    recipe = _match(spec)
    if recipe is not None:
        return recipe
    if spec.parts:
        why = f"is {' followed by '.join(spec.parts)} and is never stored itself; collect the parts"
    else:
        why = "needs a behavior policy that this pipeline does not have"
    known = [other.name for other in DATASETS.values() if _match(other) is not None]
    raise NotCollectableError(
        f"{spec.name} cannot be collected: it {why}. These can: {', '.join(known)}."
    )


def _match(spec: DatasetSpec) -> Recipe | None:
    behavior = spec.behavior
    if spec.parts or behavior not in BEHAVIORS:
        return None
    variant = spec.id.variant
    is_sample = variant is not None and variant.sample
    return Recipe(behavior, "sample" if is_sample else "regenerated")
