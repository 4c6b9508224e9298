"""From finished runs to a submission: one result file per algorithm and dataset."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from baselines.bench.identity import check_mergeable
from baselines.bench.online import environment_steps, offline_curve, online_curve
from baselines.bench.presets import describe, is_plain
from baselines.bench.registry import get_algorithm
from baselines.bench.run_folder import RunFolder, flat
from baselines.bench.settings import RunSettings
from baselines.errors import InvalidSettingError
from vd4rl_data.results import (
    Algorithm,
    Compute,
    Data,
    Protocol,
    Submission,
    add_evaluation,
    make_submission,
)
from vd4rl_data.spec import ORIGINAL

_LINE: Final = 200
"""Characters of a line in a result file."""

_ORIGINS: Final = ("official", "imported", "regenerated")


def make_result(folders: Sequence[RunFolder]) -> Submission:
    """The submission of some runs that differ in nothing but their seeds.

    Raises:
        InvalidSettingError: they differ in more (settings, data, code), two have the same seed, or
            one of them is not finished.
        CheckpointError: files of one are damaged.
    """
    first = check_mergeable(folders).settings
    settings = [folder.settings() for folder in folders]
    runs: dict[int, Any] = {}
    for folder, setting in zip(folders, settings, strict=True):
        evaluation = folder.load_evaluation()
        if evaluation is None:
            raise InvalidSettingError(f"{folder.path}: the run is not finished")
        runs[setting.seed] = evaluation
    facts = [folder.facts() for folder in folders]
    sessions = [session for each in facts for session in (each, *each.get("later", ()))]
    curves = {s.seed: _points(f) for s, f in zip(settings, folders, strict=True)}
    algorithm = get_algorithm(first.algorithm)
    made = make_submission(
        Algorithm(
            name=algorithm.name,
            label=_label(first),
            paper=algorithm.paper,
            commit=_commit(sessions),
        ),
        first.dataset,
        runs,
        _protocol(first, facts, folders[0].curve()),
        curves=curves,
        data=_data(facts[0]["data"]),
        hardware=_hardware(sessions),
        wall_clock_seconds=sum(folder.curve()[-1]["seconds"] for folder in folders),
        hyperparameters=_hyperparameters(first),
    )
    for name, evaluations in _others(folders).items():
        made = add_evaluation(made, name, evaluations)
    # What the runs had, which need not be what this process has.
    compute = made.result.compute or Compute()
    compute = dataclasses.replace(compute, versions=dict(sessions[-1]["versions"]))
    return dataclasses.replace(made, result=dataclasses.replace(made.result, compute=compute))


def _others(folders: Sequence[RunFolder]) -> dict[Any, dict[int, Any]]:
    """Further evaluations that every run was played in."""
    names = set(folders[0].evaluations()).intersection(*(f.evaluations() for f in folders))
    return {
        name: {folder.settings().seed: folder.load_evaluation(name) for folder in folders}
        for name in sorted(names - {ORIGINAL})
    }


def _commit(sessions: Sequence[Mapping[str, Any]]) -> str | None:
    """That of the clone, if all of it ran from one commit and from nothing that differs from it."""
    commits = {session["commit"] for session in sessions}
    modified = any(session.get("modified") for session in sessions)
    return commits.pop() if len(commits) == 1 and not modified else None


def _hardware(sessions: Sequence[Mapping[str, Any]]) -> str:
    """Every device once, cut to what the field holds."""
    names = ", ".join(dict.fromkeys(session["device"] for session in sessions))
    return names if len(names) <= _LINE else f"{names[: _LINE - 3]}..."


def _points(folder: RunFolder) -> list[Any]:
    """Evaluations by gradient step; then, of a run that plays for its data, by what it played."""
    curve = folder.curve()
    offline = [(point["step"], point["mean_return"]) for point in offline_curve(curve)]
    return [*offline, *online_curve(curve)]


def _label(settings: RunSettings) -> str:
    return "this project" if is_plain(settings) else f"this project, {describe(settings)}"


def _protocol(
    settings: RunSettings, facts: Sequence[Mapping[str, Any]], curve: Sequence[Mapping[str, Any]]
) -> Protocol:
    """Runs that differ in their seeds alone have curves of the same steps."""
    played = environment_steps(curve)
    offline_steps = offline_curve(curve)[-1]["step"]
    return Protocol(
        track="offline_to_online" if played else "offline",
        environment_steps=played or None,
        checkpoint="last",
        online_evaluations=0,
        hyperparameters_shared=get_algorithm(settings.algorithm).shared,
        train_steps=offline_steps or None,  # none, if all of it was online
        frame_stack=settings.hyperparameters.frame_stack,
        not_comparable=_not_comparable(settings, facts),
    )


def _not_comparable(settings: RunSettings, facts: Sequence[Mapping[str, Any]]) -> str | None:
    if settings.preset == "smoke":
        return "A smoke run: it shows that everything works, not how well."
    caveat = get_algorithm(settings.algorithm).caveat
    told = None if caveat is None else caveat(settings.hyperparameters)
    if told is not None:
        return told
    data = facts[0]["data"]
    if not data["complete"]:
        return f"Trained on {data['episodes']} episodes, which is not the whole dataset."
    return None


def _data(data: Mapping[str, Any]) -> Data:
    """A composite has a hash per part and none of its own."""
    hashes = tuple(data["content_sha256"])
    return Data(
        origin=data["origin"] if data["origin"] in _ORIGINS else "other",
        content_sha256=hashes[0] if len(hashes) == 1 else None,
        part_sha256s=hashes if len(hashes) > 1 else (),
        transitions=data["transitions"],
        media=data.get("media", {}),  # told of data that have a look
    )


def _hyperparameters(settings: RunSettings) -> dict[str, Any]:
    values = flat(dataclasses.asdict(settings.hyperparameters))
    return cast("dict[str, Any]", {"preset": settings.preset, **values})
