"""Datasets of a few kilobytes: deterministic episodes of 4 x 4 pixels, and specs that allow them.

The specs are not in the catalog. Tests register them for their own duration, in their conftest;
other processes call :func:`register`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.ids import DatasetId
from vd4rl_data.registry import DATASETS
from vd4rl_data.simulators.dmc import DMCSettings
from vd4rl_data.spec import DatasetSpec, FixedCamera, ReturnScore, TaskSpec
from vd4rl_data.storage import Manifest, Provenance, write_dataset
from vd4rl_data.suites.rows import plain_dataset

SIZE: Final = 4
ACTIONS: Final = 2
LENGTHS: Final = (3, 2, 1)
TASK: Final = TaskSpec(
    name="dot_move",
    simulator="dmc",
    settings=DMCSettings("dot", "move"),
    camera=FixedCamera(0),
    action_repeat=1,
    horizon=3,
    action_size=ACTIONS,
)
PROVENANCE: Final = Provenance(
    origin="regenerated",
    versions={"vd4rl-data": "0.0.0", "numpy": "0.0.0"},
    renderer="painted by hand",
    recipe={"program": "tests", "seed": 0},
    behavior_policy={"name": "counter"},
    sources=[{"name": "a.npz", "sha256": "0" * 64, "known": False}],
    repairs=["none was needed"],
)


def spec_of(
    behavior: str = "random", num_episodes: int = len(LENGTHS), parts: tuple[str, ...] = ()
) -> DatasetSpec:
    """A catalog row for tiny episodes."""
    spec = plain_dataset(
        DatasetId("Tiny", "dot_move", behavior, None, SIZE, 0),
        TASK,
        num_episodes=num_episodes,
        score=ReturnScore(-1.0, 3.0, "painted by hand"),
        parts=parts,
        license="CC0-1.0",
        citation="nobody",
        source="painted by hand",
    )
    return dataclasses.replace(spec, num_transitions=num_episodes * 2)


SPEC: Final = spec_of()
MEDIUM: Final = spec_of("medium", num_episodes=2)
EXPERT: Final = spec_of("expert", num_episodes=3)
MEDIUM_EXPERT: Final = spec_of("medium_expert", num_episodes=5, parts=(MEDIUM.name, EXPERT.name))
SPECS: Final = (SPEC, MEDIUM, EXPERT, MEDIUM_EXPERT)


def register() -> None:
    """Put the specs into the catalog of this process."""
    DATASETS.update({spec.name: spec for spec in SPECS})


def episode_of(
    transitions: int, *, terminated: bool = False, start: int = 0, infos: bool = True
) -> Episode:
    """An episode whose every number follows from ``start`` and from where it stands."""
    rows = transitions + 1
    places = np.arange(SIZE * SIZE * 3, dtype=np.uint8).reshape(SIZE, SIZE, 3)
    frames = np.stack([places + np.uint8((start + 50 * row) % 200) for row in range(rows)])
    steps = np.arange(transitions, dtype=np.float32)
    discounts = np.ones(transitions, dtype=np.float32)
    if terminated:
        discounts[-1] = 0.0
    arrays: dict[str, NDArray[Any]] = {
        "physics_state": (start + np.arange(rows * 3).reshape(rows, 3)) / 8.0,
        "success": np.arange(transitions) % 2 == 0,
    }
    return Episode(
        observations=frames,
        actions=np.stack([(steps + start) % 5 / 4 - 0.5, -(steps % 64) / 64], axis=1).astype(
            np.float32
        ),
        rewards=(start / 4 + steps / 2).astype(np.float32),
        discounts=discounts,
        terminated=terminated,
        truncated=not terminated,
        infos=arrays if infos else {},
    )


def episodes_of(lengths: Sequence[int] = LENGTHS, *, start: int = 0) -> list[Episode]:
    """Episodes of the lengths given; every second one terminates."""
    return [
        episode_of(length, terminated=number % 2 == 1, start=start + 10 * number)
        for number, length in enumerate(lengths)
    ]


def write(
    path: Path,
    episodes: Iterable[Episode] | None = None,
    *,
    spec: DatasetSpec = SPEC,
    layout: str = "flat",
    provenance: Provenance = PROVENANCE,
) -> Manifest:
    """Write a tiny dataset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = episodes_of() if episodes is None else list(episodes)
    lengths = [len(episode) for episode in listed]
    return write_dataset(path, spec, iter(listed), lengths, provenance, layout=layout, replace=True)


def same(a: Episode, b: Episode) -> bool:
    """Equal in every byte, dtype and flag."""
    for field in dataclasses.fields(Episode):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if field.name == "infos":
            if sorted(left) != sorted(right):
                return False
            if not all(_same_array(left[name], right[name]) for name in left):
                return False
        elif isinstance(left, np.ndarray):
            if not _same_array(left, right):
                return False
        elif left is not right:
            return False
    return True


def _same_array(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def files_of(folder: Path) -> dict[str, bytes]:
    """All files but locks, which stay: who deletes a lock file lets two processes hold it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }
