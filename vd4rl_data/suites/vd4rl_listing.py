"""Where V-D4RL's files lie in the public repository: folders and names, as they were listed.

``vd4rl_listing.tsv`` was made from the table of folders and names that a public loader recorded in
October 2023: its folders sorted, one line each, followed by a line for each file, sorted and
indented by a tab; without the folders whose files :mod:`vd4rl_data.suites.vd4rl_files` knows by
hash, and without those of the main ``medium_expert``, which hold copies of ``medium`` and
``expert`` at 84 px and of ``expert`` alone at 64 px.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Final

from vd4rl_data.ids import DatasetId, Variant
from vd4rl_data.look_words import DISTRACTING
from vd4rl_data.suites.dmc_bodies import MULTITASK

_SUITE: Final = "VD4RL"
_TABLE: Final = "vd4rl_listing.tsv"
_BODIES: Final = Variant(body=MULTITASK)
_DISTRACTED: Final[dict[tuple[str, str, int | None], str]] = {
    ("walker_walk", "random", None): "walker_walk_random",
    ("cheetah_run", "medium", 500_000): "cheetah_medium_expert",
    ("cheetah_run", "expert", 500_000): "cheetah_medium_expert",
}
"""Task, behavior and amount → the folder of the data that are distracted throughout."""

_BETWEEN: Final = 700
"""Names of distracted shards end in their mean return: 521 to 523 of medium, 890 and 891 of
expert."""


def public_folder(dataset_id: DatasetId) -> str | None:
    """The folder that holds a dataset's files; ``None`` if it was never published."""
    task, behavior, size = dataset_id.task, dataset_id.behavior, dataset_id.size
    if dataset_id.suite != _SUITE:
        return None
    if dataset_id.variant is None:
        return f"main/{task}/{behavior}/{size}px"
    if dataset_id.variant == _BODIES:
        halves = behavior in ("medium", "expert")
        return f"multitask/{task}_{'medium_expert' if halves else behavior}/{size}px"
    return _distracted_folder(dataset_id, dataset_id.variant)


def _distracted_folder(dataset_id: DatasetId, variant: Variant) -> str | None:
    """Only data that are distracted throughout were published; their users mix them with others."""
    key = dataset_id.task, dataset_id.behavior, variant.amount
    throughout = Variant(look=DISTRACTING, level=variant.level, percent=100, amount=variant.amount)
    if variant != throughout or key not in _DISTRACTED:
        return None
    return f"distracting/{_DISTRACTED[key]}/{dataset_id.size}px/{variant.level}"


def listed_names(dataset_id: DatasetId) -> tuple[str, ...]:
    """The names of a dataset's files in its public folder, sorted; empty if none were listed.

    The two halves of a dataset of several bodies share a folder, ``walker_medium_2.hdf5`` beside
    ``walker_expert_2.hdf5``: the numbers are MTEnv's levels of the bodies. So do those of a
    distracted one, ``shard_1_reward_523.hdf5`` beside ``shard_1_reward_891.hdf5``.
    """
    names = _listing().get(public_folder(dataset_id) or "", ())
    if dataset_id.variant is None or dataset_id.behavior == "random":
        return names
    return tuple(name for name in names if _half(name) == dataset_id.behavior)


def _half(name: str) -> str:
    words = name.removesuffix(".hdf5").split("_")
    if words[0] != "shard":
        return words[1]
    return "medium" if int(words[-1]) < _BETWEEN else "expert"


@functools.cache
def _listing() -> dict[str, tuple[str, ...]]:
    """Names by folder; read on first use."""
    text = resources.files("vd4rl_data.suites").joinpath(_TABLE).read_text(encoding="utf-8")
    names: dict[str, list[str]] = {}
    folder = ""
    for line in text.splitlines():
        if line.startswith("\t"):
            names[folder].append(line[1:])
        else:
            folder = line
            names[folder] = []
    return {folder: tuple(listed) for folder, listed in names.items()}
