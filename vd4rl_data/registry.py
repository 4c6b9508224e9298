"""Dataset ids, task and dataset specifications, and their lookup.

The id grammar stands here and nowhere else; :func:`parse_id` and :func:`format_id` are inverses.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Final

from vd4rl_data.errors import InvalidIdError, UnknownDatasetError, UnknownTaskError

BEHAVIORS: Final = (
    "random",
    "medium_replay",
    "medium",
    "medium_expert",
    "expert",
    "scripted",
    "demos",
)

_WORDS = r"[a-z0-9]+(?:_[a-z0-9]+)*"
_UNVERSIONED = (
    rf"(?P<suite>[A-Za-z][A-Za-z0-9]*)/(?P<task>{_WORDS})-(?P<behavior>{_WORDS})"
    rf"(?:-(?P<variant>{_WORDS}))?-(?P<size>[1-9][0-9]{{0,8}})px"
)
_ID_PATTERN = re.compile(rf"{_UNVERSIONED}-v(?P<version>0|[1-9][0-9]{{0,8}})", re.ASCII)
_UNVERSIONED_PATTERN = re.compile(_UNVERSIONED, re.ASCII)
_GRAMMAR = "<Suite>/<task>-<behavior>[-<variant>]-<size>px-v<version>"
_EXAMPLE = "VD4RL/walker_walk-medium_expert-64px-v0"
_LONGEST_ID = 200  # characters of a wrong id in messages; no real one comes near


@dataclass(frozen=True, slots=True)
class DatasetId:
    """The parsed form of a dataset id. ``variant`` is ``None`` for the suite's main datasets."""

    suite: str
    task: str
    behavior: str
    variant: str | None
    size: int
    version: int

    def __str__(self) -> str:
        return format_id(self)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One control task: everything the environment, the collection and the scores must agree on.

    Attributes:
        name: domain and goal, e.g. ``walker_walk``.
        simulator: ``dmc`` (dm_control suite).
        domain, goal: the simulator's own two names, e.g. ``walker`` and ``walk``.
        camera_id: the camera that observes.
        action_repeat: environment steps per time step; rewards are summed over them.
        horizon: environment steps per episode.
        action_size: dimensions of the action, each in [-1, 1].
    """

    name: str
    simulator: str
    domain: str
    goal: str
    camera_id: int
    action_repeat: int
    horizon: int
    action_size: int

    @property
    def time_steps(self) -> int:
        """Time steps (decisions) per full episode: ``horizon / action_repeat``, rounded up."""
        return -(-self.horizon // self.action_repeat)


@dataclass(frozen=True, slots=True)
class ReturnStatistics:
    """Statistics of the undiscounted episode return over a dataset's episodes.

    ``std`` is the population standard deviation; percentiles interpolate linearly.
    """

    mean: float
    std: float
    min: float
    p25: float
    median: float
    p75: float
    max: float


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """One catalog row.

    Attributes:
        id: the parsed id.
        task: the task the data were collected in and are evaluated in.
        num_transitions, num_episodes: size of the complete dataset.
        score_min, score_max: episode returns that map to normalized scores 0 and 1.
        published_returns: the paper's statistics, ``None`` where there are none.
        parts: ids whose concatenation this dataset is; empty if it is stored itself.
        license, citation: SPDX name and BibTeX entry of the data.
        source: where the figures of this row come from.
        bundled: shipped inside the wheel.
    """

    id: DatasetId
    task: TaskSpec
    num_transitions: int
    num_episodes: int
    score_min: float
    score_max: float
    published_returns: ReturnStatistics | None
    parts: tuple[str, ...]
    license: str
    citation: str
    source: str
    bundled: bool = False

    @property
    def name(self) -> str:
        """The id as text."""
        return format_id(self.id)

    @property
    def size(self) -> int:
        """Height and width of an observation, in pixels."""
        return self.id.size

    @property
    def observation_shape(self) -> tuple[int, int, int]:
        """(H, W, 3)."""
        return (self.size, self.size, 3)


TASKS: Final[dict[str, TaskSpec]] = {}
DATASETS: Final[dict[str, DatasetSpec]] = {}


def parse_id(text: str) -> DatasetId:
    """Parse a dataset id; the inverse of :func:`format_id`.

    Raises:
        InvalidIdError: the text does not follow the grammar, the behavior is not one of
            :data:`BEHAVIORS`, or the version is missing (the message names the newest).
    """
    match = _ID_PATTERN.fullmatch(text)
    if match is None:
        raise InvalidIdError(_why_not_an_id(text))
    behavior = match["behavior"]
    if behavior not in BEHAVIORS:
        guess = difflib.get_close_matches(behavior, BEHAVIORS, n=1)
        hint = f" Did you mean {guess[0]!r}?" if guess else ""
        raise InvalidIdError(
            f"{text!r}: unknown behavior {behavior!r}; expected one of "
            f"{', '.join(BEHAVIORS)}.{hint}"
        )
    return DatasetId(
        suite=match["suite"],
        task=match["task"],
        behavior=behavior,
        variant=match["variant"],
        size=int(match["size"]),
        version=int(match["version"]),
    )


def format_id(dataset_id: DatasetId) -> str:
    """Write a dataset id as text; the inverse of :func:`parse_id`."""
    parts = [dataset_id.task, dataset_id.behavior]
    if dataset_id.variant is not None:
        parts.append(dataset_id.variant)
    parts += [f"{dataset_id.size}px", f"v{dataset_id.version}"]
    return f"{dataset_id.suite}/{'-'.join(parts)}"


def register_task(spec: TaskSpec) -> TaskSpec:
    """Add a task to the registry and return it.

    Raises:
        ValueError: another task already has this name.
    """
    if TASKS.get(spec.name, spec) != spec:
        raise ValueError(f"task {spec.name!r} is already registered with other settings")
    TASKS[spec.name] = spec
    return spec


def register_dataset(spec: DatasetSpec) -> DatasetSpec:
    """Add a dataset to the catalog and return it; its id must round-trip through the grammar.

    Raises:
        ValueError: another dataset already has this id.
        InvalidIdError: the id cannot be parsed back.
    """
    name = spec.name
    if parse_id(name) != spec.id:
        raise InvalidIdError(f"{spec.id!r} does not survive the round trip through {name!r}")
    if DATASETS.get(name, spec) != spec:
        raise ValueError(f"dataset {name!r} is already registered with other settings")
    DATASETS[name] = spec
    return spec


def get_task_spec(name: str) -> TaskSpec:
    """Look a task up.

    Raises:
        UnknownTaskError: with the nearest known name.
    """
    if name in TASKS:
        return TASKS[name]
    raise UnknownTaskError(
        f"no task is called {name!r}.{_did_you_mean(name, TASKS)} "
        f"Known: {', '.join(sorted(TASKS))}."
    )


def get_dataset_spec(name: str) -> DatasetSpec:
    """Look a dataset up by its id.

    Raises:
        InvalidIdError: the id does not follow the grammar.
        UnknownDatasetError: the id is well formed but not in the catalog.
    """
    if name in DATASETS:
        return DATASETS[name]
    parse_id(name)
    raise UnknownDatasetError(
        f"no dataset is called {name!r}.{_did_you_mean(name, DATASETS)}"
        " `vd4rl list` shows all of them."
    )


def list_datasets(
    suite: str | None = None,
    task: str | None = None,
    behavior: str | None = None,
    size: int | None = None,
) -> list[DatasetSpec]:
    """All catalog rows that match every given filter, sorted as registered."""
    return [
        spec
        for spec in DATASETS.values()
        if (suite is None or spec.id.suite == suite)
        and (task is None or spec.id.task == task)
        and (behavior is None or spec.id.behavior == behavior)
        and (size is None or spec.id.size == size)
    ]


def _did_you_mean(name: str, known: dict[str, TaskSpec] | dict[str, DatasetSpec]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if not close:
        lowered = {key.lower(): key for key in known}
        close = [
            lowered[key]
            for key in difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
        ]
    return f" Did you mean {close[0]!r}?" if close else ""


def _why_not_an_id(text: str) -> str:
    shown = text if len(text) <= _LONGEST_ID else f"{text[:_LONGEST_ID]}..."
    if _UNVERSIONED_PATTERN.fullmatch(text):
        versions = [
            spec.id.version for name, spec in DATASETS.items() if name.rpartition("-v")[0] == text
        ]
        if versions:
            return f"{text!r} names no version; the newest is {text}-v{max(versions)!s}."
        return f"{shown!r} names no version; expected {_GRAMMAR}, e.g. {_EXAMPLE!r}."
    return (
        f"{shown!r} is not a dataset id; expected {_GRAMMAR}, e.g. {_EXAMPLE!r}."
        f"{_did_you_mean(shown, DATASETS)}"
    )
