"""What makes runs comparable: settings, data and code. Only runs that agree in all are merged."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from baselines.bench.presets import describe
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import RunSettings
from baselines.errors import InvalidSettingError

_DECIDING: Final = ("torch", "mujoco", "dm_control")
"""Packages whose versions count as code: what learns, and what simulates. Builds (``+cpu``) do not.
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that decides a run's numbers but its seed.

    Attributes:
        settings: with seed 0.
        data: hashes and sizes of the dataset, as JSON.
        code: hash of the sources and versions of the packages that decide numbers, of every session
            of the run, as JSON.
    """

    settings: RunSettings
    data: str
    code: str

    @property
    def data_hash(self) -> str:
        """Eight digits that tell data apart."""
        return _short_hash(self.data)

    @property
    def code_hash(self) -> str:
        """Eight digits that tell code apart."""
        return _short_hash(self.code)


def identity_of(run: RunFolder) -> Identity:
    """The identity of a run that has begun.

    Raises:
        CheckpointError: there is none, or its files are damaged.
    """
    facts = run.facts()
    sessions = [_code(session) for session in (facts, *facts.get("later", ()))]
    distinct = list(dict.fromkeys(json.dumps(session, sort_keys=True) for session in sessions))
    return Identity(
        settings=dataclasses.replace(run.settings(), seed=0),
        data=json.dumps(facts["data"], sort_keys=True),
        code=json.dumps([json.loads(session) for session in distinct], sort_keys=True),
    )


def check_mergeable(runs: Sequence[RunFolder]) -> Identity:
    """The identity that all runs share; their seeds differ.

    Raises:
        InvalidSettingError: they differ in settings, data or code, or two have the same seed; the
            message says which and in what.
    """
    identities = [identity_of(run) for run in runs]
    for run, identity in zip(runs[1:], identities[1:], strict=True):
        if different := differences(identities[0], identity):
            raise InvalidSettingError(
                f"runs of one result may differ in their seeds alone; {runs[0].path} and "
                f"{run.path} differ: {'; '.join(different)}"
            )
    by_seed: dict[int, RunFolder] = {}
    for run in runs:
        other = by_seed.setdefault(run.settings().seed, run)
        if other is not run:
            raise InvalidSettingError(
                f"{other.path} and {run.path} have the same seed, {run.settings().seed}: one run "
                "counts once"
            )
    return identities[0]


def differences(first: Identity, second: Identity) -> list[str]:
    """What two identities differ in, in words."""
    found: list[str] = []
    for name in ("algorithm", "dataset"):
        ours, theirs = (getattr(each.settings, name) for each in (first, second))
        if ours != theirs:
            found.append(f"{name}: {ours}, {theirs}")
    if not found and first.settings != second.settings:
        found.append(f"settings: {describe(first.settings)}, {describe(second.settings)}")
    for name in ("data", "code"):
        ours, theirs = getattr(first, name), getattr(second, name)
        if ours != theirs:
            found.append(f"{name}: {ours}, {theirs}")
    return found


def is_copy(first: RunFolder, second: RunFolder) -> bool:
    """Whether two finished runs hold the very same numbers: returns, actions, curve."""
    ours, theirs = first.load_evaluation(), second.load_evaluation()
    if ours is None or theirs is None:
        return False
    traces = zip(ours.traces, theirs.traces, strict=False)
    return (
        np.array_equal(ours.returns, theirs.returns)
        and np.array_equal(ours.lengths, theirs.lengths)
        and all(a.seed == b.seed and np.array_equal(a.actions, b.actions) for a, b in traces)
        and _returns(first) == _returns(second)
    )


def _returns(run: RunFolder) -> list[tuple[int, list[float]]]:
    return [(point["step"], point["returns"]) for point in run.curve()]


def _code(session: Mapping[str, Any]) -> dict[str, Any]:
    """Older facts know no hash of the sources, but the commit."""
    versions = {
        name: str(session["versions"][name]).partition("+")[0]
        for name in _DECIDING
        if name in session["versions"]
    }
    return {"sources": session.get("code_sha256", session["commit"]), **versions}


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
