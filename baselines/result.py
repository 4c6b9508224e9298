"""From finished runs to a submission: one result file per algorithm and dataset."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from baselines.algorithms import get_algorithm
from baselines.errors import InvalidSettingError
from baselines.run_folder import RunFolder, flat
from baselines.settings import RunSettings
from vd4rl_data.results import Algorithm, Data, Protocol, Submission, make_submission

_ORIGINS: Final = ("official", "imported", "regenerated")


def make_result(folders: Sequence[RunFolder]) -> Submission:
    """The submission of some runs that differ in nothing but their seeds.

    Raises:
        InvalidSettingError: they differ in more, or one of them is not finished.
    """
    settings = [folder.settings() for folder in folders]
    first = settings[0]
    for other in settings[1:]:
        if dataclasses.replace(other, seed=first.seed) != first:
            raise InvalidSettingError(
                f"{folders[0].path} and others: runs of one result may differ in their seeds alone"
            )
    runs: dict[int, Any] = {}
    for folder, setting in zip(folders, settings, strict=True):
        evaluation = folder.load_evaluation()
        if evaluation is None:
            raise InvalidSettingError(f"{folder.path}: the run is not finished")
        runs[setting.seed] = evaluation
    facts = [folder.facts() for folder in folders]
    curves = {s.seed: _points(f) for s, f in zip(settings, folders, strict=True)}
    algorithm = get_algorithm(first.algorithm)
    return make_submission(
        Algorithm(
            name=algorithm.name,
            label=_label(first),
            paper=algorithm.paper,
            commit=facts[0]["commit"],
        ),
        first.dataset,
        runs,
        _protocol(first, facts),
        curves=curves,
        kind="reproduced",
        data=_data(facts[0]["data"]),
        hardware=facts[0]["device"],
        wall_clock_seconds=sum(folder.curve()[-1]["seconds"] for folder in folders),
        hyperparameters=_hyperparameters(first),
    )


def _points(folder: RunFolder) -> list[tuple[int, float]]:
    return [(record["step"], record["mean_return"]) for record in folder.curve()]


def _label(settings: RunSettings) -> str:
    return "this project" if settings.preset == "paper" else f"this project, {settings.preset}"


def _protocol(settings: RunSettings, facts: Sequence[Mapping[str, Any]]) -> Protocol:
    return Protocol(
        checkpoint="last",
        online_evaluations=0,
        hyperparameters_shared=get_algorithm(settings.algorithm).shared,
        train_steps=settings.hyperparameters.steps,
        frame_stack=settings.hyperparameters.frame_stack,
        not_comparable=_not_comparable(settings, facts),
    )


def _not_comparable(settings: RunSettings, facts: Sequence[Mapping[str, Any]]) -> str | None:
    if settings.preset == "smoke":
        return "A smoke run: it shows that everything works, not how well."
    data = facts[0]["data"]
    if not data["complete"]:
        return f"Trained on {data['episodes']} episodes, which is not the whole dataset."
    return None


def _data(data: Mapping[str, Any]) -> Data:
    """A composite has a hash per part and none of its own."""
    hashes = data["content_sha256"]
    return Data(
        origin=data["origin"] if data["origin"] in _ORIGINS else "other",
        content_sha256=hashes[0] if len(hashes) == 1 else None,
        transitions=data["transitions"],
    )


def _hyperparameters(settings: RunSettings) -> dict[str, Any]:
    values = flat(dataclasses.asdict(settings.hyperparameters))
    return cast("dict[str, Any]", {"preset": settings.preset, **values})
