"""What a preset sets, and in which settings a run departs from its own: a label must say both."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Final

from baselines.bench.registry import get_algorithm
from baselines.bench.settings import SMOKE_PROTOCOL, Preset, Protocol, RunSettings
from vd4rl_data.registry import get_dataset_spec

_LONGEST: Final = 140
"""Characters of a description; a result's label has room for 200."""


def preset_settings(algorithm: str, dataset: str, preset: Preset) -> tuple[Any, Protocol]:
    """Hyperparameters and protocol of a preset.

    Raises:
        UnknownAlgorithmError, UnknownDatasetError, InvalidIdError: with the nearest known name.
    """
    hyperparameters = get_algorithm(algorithm).preset(preset, get_dataset_spec(dataset))
    return hyperparameters, SMOKE_PROTOCOL if preset == "smoke" else Protocol()


def departures(settings: RunSettings) -> dict[str, Any]:
    """Every hyperparameter and every setting of the protocol that is not the preset's own."""
    hyperparameters, protocol = preset_settings(
        settings.algorithm, settings.dataset, settings.preset
    )
    return {
        **_changed(settings.hyperparameters, hyperparameters),
        **_changed(settings.protocol, protocol),
    }


def describe(settings: RunSettings) -> str:
    """The preset and all that departs from it, as ``paper, steps=10, learning_rate=0.5``.

    Two settings have the same description only if they differ in nothing but their seeds. A list
    too long for a label is cut, and ends in a hash of the whole.
    """
    changes = [f"{name}={value}" for name, value in departures(settings).items()]
    whole = ", ".join([settings.preset, *changes])
    if len(whole) <= _LONGEST:
        return whole
    ending = f"more changes ({hashlib.sha256(whole.encode()).hexdigest()[:8]})"
    kept: list[str] = [settings.preset]
    for number, change in enumerate(changes):
        following = [*kept, change, f"{len(changes)} {ending}"]
        if len(", ".join(following)) > _LONGEST:
            return ", ".join([*kept, f"{len(changes) - number} {ending}"])
        kept.append(change)
    raise AssertionError("the whole was too long")


def is_plain(settings: RunSettings) -> bool:
    """Whether these are the paper's settings and nothing else."""
    return settings.preset == "paper" and not departures(settings)


def _changed(given: Any, preset: Any) -> dict[str, Any]:
    return {
        field.name: getattr(given, field.name)
        for field in dataclasses.fields(given)
        if getattr(given, field.name) != getattr(preset, field.name)
    }
