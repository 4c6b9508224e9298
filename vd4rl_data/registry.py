"""The registry: suites, tasks and datasets by name, and their lookup.

Registering is idempotent; a different record under a known name is refused. Importing the package
registers its own suites (:mod:`vd4rl_data.suites`) and those of plugins, from entry points or
``$VD4RL_PLUGINS`` (:mod:`vd4rl_data.plugins`).
"""

from __future__ import annotations

import dataclasses
import difflib
import operator
from collections.abc import Iterable, Mapping
from typing import Any, Final

from vd4rl_data.amounts import with_amount, without_amount
from vd4rl_data.errors import InvalidIdError, UnknownDatasetError, UnknownTaskError
from vd4rl_data.ids import (
    DatasetId,
    Variant,
    checked_text,
    format_id,
    parse_id,
    register_words,
    without_version,
)
from vd4rl_data.look_words import look_words, with_look, without_look
from vd4rl_data.spec import DatasetSpec, EnvironmentSpec, TaskSpec
from vd4rl_data.suite import Benchmark, Suite

SUITES: Final[dict[str, Suite]] = {}
TASKS: Final[dict[str, TaskSpec]] = {}
"""Tasks by name; a task that belongs to one suite alone is also found as ``Suite/name``."""

DATASETS: Final[dict[str, DatasetSpec]] = {}
BENCHMARKS: Final[dict[str, Benchmark]] = {}
_BUT_SIZE: Final = operator.attrgetter("suite", "task", "behavior", "variant", "version")
"""Of a dataset id."""


def register_suite(suite: Suite) -> Suite:
    """Add a suite with its tasks, datasets and benchmarks, and return it.

    Raises:
        ValueError: another suite, task or dataset already has one of the names.
        InvalidIdError: a row's id cannot be parsed back, or is of another suite.
    """
    known = SUITES.get(suite.name, suite)
    if known != suite:
        raise ValueError(f"suite {suite.name!r} is already registered with other settings")
    ids = [row.id for row in (*suite.datasets, *suite.benchmarks)]
    for row_id in ids:
        if row_id.suite != suite.name:
            raise InvalidIdError(f"suite {suite.name!r} holds a row of another suite: {row_id}")
    _register_variants(row_id.variant for row_id in ids)
    for task in suite.tasks:
        register_task(task, suite.name)
    for spec in suite.datasets:
        register_dataset(spec)
    SUITES[suite.name] = suite
    BENCHMARKS.update({str(row.id): row for row in suite.benchmarks})
    return suite


def register_task(spec: TaskSpec, suite: str | None = None) -> TaskSpec:
    """Add a task to the registry and return it.

    Args:
        spec: the task.
        suite: the suite that the task belongs to, if it belongs to one alone. Two suites may then
            have tasks of the same name: both are found as ``Suite/name``, and the first one
            registered also by its bare name.

    Raises:
        ValueError: another task already has this name.
    """
    name = spec.name if suite is None else f"{suite}/{spec.name}"
    if TASKS.get(name, spec) != spec:
        raise ValueError(f"task {name!r} is already registered with other settings")
    TASKS[name] = spec
    if suite is not None:
        TASKS.setdefault(spec.name, spec)
    return spec


def register_dataset(spec: DatasetSpec) -> DatasetSpec:
    """Add a dataset to the catalog and return it; its id must round-trip through the grammar.

    Raises:
        ValueError: another dataset already has this id.
        InvalidIdError: the id cannot be parsed back.
    """
    _register_variants([spec.id.variant])
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
        UnknownTaskError: there is no such task; the message has the nearest known name.
    """
    if isinstance(name, str) and name in TASKS:  # pyright: ignore[reportUnnecessaryIsInstance]
        return TASKS[name]
    raise UnknownTaskError(
        f"no task is called {name!r}.{_did_you_mean(name, TASKS)} "
        f"Known: {', '.join(sorted(TASKS))}."
    )


def get_dataset_spec(name: str) -> DatasetSpec:
    """Look a dataset up by its id, at any size, amount and look, if the catalog has it at some.

    Raises:
        InvalidIdError: the id does not follow the grammar, its amount is not whole episodes, or its
            look words are not complete.
        UnknownDatasetError: the id is well formed but not in the catalog at any size.
    """
    known = DATASETS.get(name) if type(name) is str else None
    if known is not None:
        return known
    dataset_id = _parsed(checked_text(name))
    wanted = _BUT_SIZE(dataset_id)
    for spec in DATASETS.values():
        if _BUT_SIZE(spec.id) == wanted and not spec.bundled:
            return at_size(spec, dataset_id.size)
    variant = dataset_id.variant
    if variant is not None and variant.amount is not None:
        known = get_dataset_spec(format_id(without_amount(dataset_id)))
        return with_amount(known, variant.amount)
    words = look_words(variant)
    if words is not None:
        return with_look(get_dataset_spec(format_id(without_look(dataset_id))), words)
    suite = SUITES.get(dataset_id.suite)
    refused = {} if suite is None else dict(suite.refused)
    if dataset_id.task in refused:
        why = refused[dataset_id.task]
        raise UnknownDatasetError(f"{name!r}: {dataset_id.task} is no task's name here: {why}.")
    raise UnknownDatasetError(
        f"no dataset is called {name!r}.{_did_you_mean(name, DATASETS)}"
        " `vd4rl list` shows all of them."
    )


def at_size(spec: DatasetSpec, size: int) -> DatasetSpec:
    """The same dataset with frames of another size, in pixels, whether published or not."""

    def resized(environment: EnvironmentSpec) -> EnvironmentSpec:
        return dataclasses.replace(environment, size=size)

    return dataclasses.replace(
        spec.with_environments(resized),
        id=dataclasses.replace(spec.id, size=size),
        parts=tuple(
            format_id(dataclasses.replace(parse_id(part), size=size)) for part in spec.parts
        ),
    )


def list_datasets(
    suite: str | None = None,
    task: str | None = None,
    behavior: str | None = None,
    size: int | None = None,
) -> list[DatasetSpec]:
    """All catalog rows that match every given filter, in the order of registration."""
    return [
        spec
        for spec in DATASETS.values()
        if (suite is None or spec.id.suite == suite)
        and (task is None or spec.id.task == task)
        and (behavior is None or spec.id.behavior == behavior)
        and (size is None or spec.id.size == size)
    ]


def _register_variants(variants: Iterable[Variant | None]) -> None:
    """Add the words of rows to the grammar of ids."""
    found = [variant for variant in variants if variant is not None]
    register_words(
        looks={variant.look for variant in found if variant.look is not None},
        media={variant.media for variant in found if variant.media is not None},
        bodies={variant.body for variant in found if variant.body is not None},
    )


def _parsed(name: str) -> DatasetId:
    """Parse an id; errors suggest the most similar id of the catalog."""
    try:
        return parse_id(name)
    except InvalidIdError as error:
        if without_version(name):
            versions = [
                spec.id.version
                for known, spec in DATASETS.items()
                if known.rpartition("-v")[0] == name
            ]
            if not versions:
                raise
            newest = f"{name}-v{max(versions)}"
            raise InvalidIdError(f"{name!r} has no version; the newest is {newest}.") from None
        raise InvalidIdError(f"{error}{_did_you_mean(name[:200], DATASETS)}") from None


def _did_you_mean(name: object, known: Mapping[str, Any]) -> str:
    if not isinstance(name, str):
        return " Names are strings."
    close = difflib.get_close_matches(name, known, n=1)
    if not close:
        lowered = {key.lower(): key for key in known}
        close = [
            lowered[key]
            for key in difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
        ]
    return f" Did you mean {close[0]!r}?" if close else ""
