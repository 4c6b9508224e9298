"""A miniature of the authors' repository: its layout, both npz variants, shards, the broken file.

Frames have 8 pixels where the real ones have 64, and 12 where they have 84; a full episode has ten
time steps. Everything is made by the package's own exporter from the episodes of
:func:`originals`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from vd4rl_data.download.public_files import PublicFile, PublicSource
from vd4rl_data.episode import Episode
from vd4rl_data.formats import export_dataset
from vd4rl_data.ids import parse_id
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.suites import register_all

REPO_ID: Final = "conglu/vd4rl"
REVISION: Final = "0123456789abcdef0123456789abcdef01234567"
STEPS: Final = 10
EPISODES: Final = 4
"""Episodes of the complete dataset; the repository holds half of the small frames' only."""

RANDOM: Final = "VD4RL/walker_walk-random-8px-v0"
MEDIUM: Final = "VD4RL/walker_walk-medium-8px-v0"
EXPERT: Final = "VD4RL/walker_walk-expert-8px-v0"
MEDIUM_EXPERT: Final = "VD4RL/walker_walk-medium_expert-8px-v0"
BROKEN: Final = "VD4RL/humanoid_walk-medium_replay-8px-v0"
SHARDS: Final = "VD4RL/cheetah_run-medium-12px-v0"
STORED: Final = (RANDOM, MEDIUM, EXPERT, BROKEN, SHARDS)


@dataclass(frozen=True)
class Miniature:
    """What the repository serves, and the table that says so.

    Attributes:
        files: content by path in the repository.
        sources: the public source of each stored id.
        episodes: what each id's files hold.
    """

    files: dict[str, bytes]
    sources: dict[str, PublicSource]
    episodes: dict[str, list[Episode]]


def register() -> None:
    """Put the miniature ids into the catalog of this process."""
    register_all()
    for name in (*STORED, MEDIUM_EXPERT):
        DATASETS[name] = spec_of(name)


def spec_of(name: str) -> DatasetSpec:
    """The catalog row of a miniature id."""
    parsed = parse_id(name)
    row = get_dataset_spec(str(dataclasses.replace(parsed, size=64 if parsed.size == 8 else 84)))
    parts = (MEDIUM, EXPERT) if name == MEDIUM_EXPERT else ()
    count = EPISODES * max(1, len(parts))
    short = dataclasses.replace(row.task, horizon=STEPS * row.task.action_repeat)
    return dataclasses.replace(
        row.with_environments(lambda one: dataclasses.replace(one, task=short, size=parsed.size)),
        id=parsed,
        num_episodes=count,
        num_transitions=count * STEPS,
        published_returns=None,
        parts=parts,
    )


def originals(name: str, count: int, *, state: bool = False, seed: int = 0) -> list[Episode]:
    """Noise, and rewards that float32 holds exactly."""
    spec = spec_of(name)
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    rng = np.random.default_rng([key, seed])
    infos = {"state": rng.normal(size=(STEPS + 1, 24)).astype(np.float32)} if state else {}
    return [
        Episode(
            observations=rng.integers(0, 256, (STEPS + 1, *spec.observation_shape), np.uint8),
            actions=rng.uniform(-1, 1, (STEPS, spec.task.action_size)).astype(np.float32),
            rewards=rng.integers(0, 8, STEPS).astype(np.float32) / 4,
            discounts=np.ones(STEPS, np.float32),
            terminated=False,
            truncated=True,
            infos=infos,
        )
        for _ in range(count)
    ]


def build(folder: Path, *, catalog: tuple[str, ...] = (SHARDS,), small: int = 2) -> Miniature:
    """Make all files.

    Args:
        folder: where to put them meanwhile.
        catalog: ids whose sizes and hashes the table knows, as of the 84 px shards.
        small: episodes of each id of small frames that the repository holds.
    """
    files: dict[str, bytes] = {}
    sources: dict[str, PublicSource] = {}
    episodes: dict[str, list[Episode]] = {}
    for name in STORED:
        spec = spec_of(name)
        count = EPISODES if name == SHARDS else small
        episodes[name] = originals(name, count, state=name == RANDOM)
        paths = _export(name, episodes[name], folder / "export")
        if name == BROKEN:
            episodes[name][-1] = break_file(paths[-1], episodes[name][-1])
        size = 64 if spec.size == 8 else 84  # as the real tree
        where = f"vd4rl/main/{spec.id.task}/{spec.id.behavior}/{size}px"
        mine = {f"{where}/{path.name}": path.read_bytes() for path in paths}
        files |= mine
        shutil.rmtree(folder / "export")
        sources[name] = table(mine, count, known=name in catalog)
    files["README.md"] = b"# not data\n"
    return Miniature(files, sources, episodes)


def table(files: dict[str, bytes], episodes: int, *, known: bool) -> PublicSource:
    """The source of files; ``known``: with sizes and hashes."""
    listed = tuple(
        PublicFile(
            path,
            len(data) if known else None,
            hashlib.sha256(data).hexdigest() if known else None,
        )
        for path, data in files.items()
    )
    complete = episodes == EPISODES
    note = f"The public files hold {episodes} of {EPISODES} episodes."
    return PublicSource(REPO_ID, REVISION, listed, episodes, complete, note)


def _export(name: str, episodes: list[Episode], folder: Path) -> list[Path]:
    if name == SHARDS:
        paths = export_dataset(episodes, folder, "vd4rl-hdf5", episodes_per_shard=1)
        return [
            path.rename(path.with_name(f"{number}_cheetah_run_medium.hdf5"))
            for number, path in enumerate(paths)
        ]
    task = spec_of(name).task if name == RANDOM else None
    return export_dataset(episodes, folder, "vd4rl-npz", proprioception_of=task)


def break_file(path: Path, episode: Episode) -> Episode:
    """Make the file like the one of humanoid: data a row short of its flags; what it then holds."""
    with np.load(path) as archive:
        arrays = dict(archive)
    for key in ("image", "action", "reward", "discount"):
        arrays[key] = arrays[key][:-1]
    np.savez_compressed(path, **arrays)
    return dataclasses.replace(
        episode,
        observations=episode.observations[:-1],
        actions=episode.actions[:-1],
        rewards=episode.rewards[:-1],
        discounts=episode.discounts[:-1],
    )


def same(left: Episode, right: Episode) -> bool:
    """Equal in every field."""
    fields = ("observations", "actions", "rewards", "discounts", "terminated", "truncated")
    equal = all(np.array_equal(getattr(left, name), getattr(right, name)) for name in fields)
    return (
        equal
        and left.infos.keys() == right.infos.keys()
        and all(np.array_equal(values, right.infos[key]) for key, values in left.infos.items())
    )
