"""The sound files that the fuzzer damages, and what they hold."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from PIL import Image

from tests.storage import tiny
from vd4rl_data.dataset import load_dataset
from vd4rl_data.episode import Episode
from vd4rl_data.exporting import export
from vd4rl_data.formats import export_dataset, find_format, writable_formats
from vd4rl_data.registry import DATASETS, get_task_spec
from vd4rl_data.spec import TaskSpec
from vd4rl_data.storage import PartStore, pack
from vd4rl_data.storage.format import read_header
from vd4rl_data.storage.naming import sidecar_path

Extents = tuple[tuple[int, int], ...]

FOREIGN: Final = "foreign"
"""The reader of other people's files, in whichever registered format."""

LENGTHS: Final = (12, 7, 9, 1)
FOREIGN_TASK: Final[TaskSpec] = dataclasses.replace(
    tiny.TASK,
    name="walker_dot",
    horizon=max(LENGTHS),
    state_layout=get_task_spec("walker_walk").state_layout,
)
SPEC: Final = tiny.spec_of(num_episodes=len(LENGTHS)).with_environments(
    lambda environment: dataclasses.replace(environment, task=FOREIGN_TASK)
)
"""Tiny frames, but a task whose proprioception is known, as one official variant has it."""


@dataclass(frozen=True)
class Case:
    """A sound file and how it is read.

    Attributes:
        name: e.g. ``flat``.
        reader: a name of :data:`tests.fuzz.worker.READERS`.
        files: path → content; all lie in one folder, or below it.
        target: the name of the file that is damaged.
        digest: of what the reader finds in the sound file.
        main: what the reader is given, if that is not the target.
        guarded: the target has a user block, whose hash guards its structure.
        extents: (first byte, number of bytes) of the bulk arrays of a flat file, which that hash
            leaves out.
    """

    name: str
    reader: str
    files: dict[str, bytes]
    target: str
    digest: str
    main: str = ""
    guarded: bool = False
    extents: Extents = ()

    def write(self, folder: Path) -> None:
        """Write all files, sound ones, into a folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    def breaks_structure(self, damaged: bytes) -> bool:
        """Whether the target with these bytes differs outside of its bulk arrays."""
        sound = self.files[self.target]
        if len(damaged) != len(sound):
            return True
        edges = [0, *(edge for start, size in self.extents for edge in (start, start + size))]
        gaps = zip(edges[::2], [*edges[1::2], len(sound)], strict=True)
        return any(damaged[start:stop] != sound[start:stop] for start, stop in gaps)


def register() -> None:
    """Put the fuzzer's dataset into the catalog of this process."""
    DATASETS[SPEC.name] = SPEC


def digest_of(episodes: Iterable[Episode]) -> str:
    """A hash of everything that the episodes hold."""
    total = hashlib.sha256()
    for episode in episodes:
        arrays = {
            "observations": episode.observations,
            "actions": episode.actions,
            "rewards": episode.rewards,
            "discounts": episode.discounts,
            **{f"infos/{name}": episode.infos[name] for name in sorted(episode.infos)},
        }
        total.update(f"{episode.terminated} {episode.truncated}".encode())
        for name, values in arrays.items():
            total.update(f"{name} {values.dtype.str} {values.shape}".encode())
            total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()


def episodes() -> list[Episode]:
    """Four episodes with noise in their pixels, so that chunks do not deflate to nothing."""
    rng = np.random.default_rng(0)
    found: list[Episode] = []
    for plain in tiny.episodes_of(LENGTHS):
        noise = rng.integers(0, 256, plain.observations.shape, dtype=np.uint8)
        found.append(dataclasses.replace(plain, observations=noise))
    return found


def build(folder: Path) -> list[Case]:
    """Write every sound file below ``folder`` and read it back."""
    register()
    cases = [*_own_cases(folder), *_foreign_cases(folder), *_toolbox_cases(folder)]
    return sorted(cases, key=lambda case: case.name)


def _own_cases(folder: Path) -> list[Case]:
    digest = digest_of(episodes())
    flat = folder / "own" / "x.h5"
    tiny.write(flat, episodes(), spec=SPEC)
    shards = pack(flat, folder / "packed", shard_raw_bytes=2000)
    assert len(shards) > 1, "the packed case needs several shards"
    store = PartStore(folder / "parts", {})
    store.write(0, episodes()[0])
    flat_bytes = flat.read_bytes()
    beside = sidecar_path(flat)
    return [
        Case(
            "flat",
            "dataset",
            {flat.name: flat_bytes},
            flat.name,
            digest,
            guarded=True,
            extents=read_header(flat).extents,
        ),
        Case(
            "packed",
            "dataset",
            {path.name: path.read_bytes() for path in shards},
            shards[0].name,
            digest,
            guarded=True,
        ),
        Case(
            "part",
            "part",
            {"episode-000000.h5": store.path(0).read_bytes(), "recipe.json": b"{}"},
            "episode-000000.h5",
            digest_of(episodes()[:1]),
            guarded=True,
        ),
        Case(
            "sidecar",
            "dataset",
            {flat.name: flat_bytes, beside.name: beside.read_bytes()},
            beside.name,
            digest,
        ),
    ]


def _foreign_cases(folder: Path) -> list[Case]:
    plain = [dataclasses.replace(episode, infos={}) for episode in episodes()]
    walker = get_task_spec("walker_walk")
    states = [
        dataclasses.replace(
            episode,
            infos={
                "state": np.linspace(0, 1, (len(episode) + 1) * 24, dtype=np.float32).reshape(
                    -1, 24
                )
            },
        )
        for episode in plain
    ]
    held: dict[str, list[Episode]] = {}
    written: dict[str, list[Path]] = {}
    for name in writable_formats():
        held[name] = plain[:1] if find_format(name).one_per_file else plain
        written[name] = export_dataset(held[name], folder / name, name)
        if "proprioception_of" in find_format(name).options:
            recorded = f"{name}-recorded"
            held[recorded] = states[:1]
            written[recorded] = export_dataset(
                states[:1], folder / recorded, name, proprioception_of=walker
            )
    return [
        Case(name, FOREIGN, {path.name: path.read_bytes()}, path.name, digest_of(held[name]))
        for name, (path,) in written.items()
    ]


def _toolbox_cases(folder: Path) -> list[Case]:
    """What other toolboxes keep, as we export it, and Minari's frames as JPEG."""
    dataset = load_dataset(folder / "own" / "x.h5")
    digest = digest_of(episodes())
    torchrl = _files(export(dataset, "torchrl", folder / "torchrl").folder)
    targets = ("next/meta.json", "next/done.memmap", "pixels.memmap")
    cases = [
        Case(f"torchrl {Path(target).name}", FOREIGN, torchrl, target, digest, main="pixels.memmap")
        for target in targets
    ]
    if importlib.util.find_spec("minari") is not None:
        minari = export(dataset, "minari", folder / "minari").folder / "data/main_data.hdf5"
        cases.append(
            Case("minari", FOREIGN, {minari.name: minari.read_bytes()}, minari.name, digest)
        )
    return [*cases, _jpeg_case(folder / "main_data.hdf5")]


def _jpeg_case(path: Path) -> Case:
    """An episode of Minari whose frames are files; black, so that they come back as they were."""
    episode = dataclasses.replace(episodes()[0], infos={})
    episode = dataclasses.replace(episode, observations=np.zeros_like(episode.observations))
    jpeg = io.BytesIO()
    Image.fromarray(episode.observations[0]).save(jpeg, format="JPEG")
    frame = np.frombuffer(jpeg.getvalue(), np.uint8)
    last = np.arange(len(episode)) == len(episode) - 1
    with h5py.File(path, "w") as file:
        group = file.create_group("episode_0")
        group["observations"] = np.stack([frame] * (len(episode) + 1))
        group["actions"], group["rewards"] = episode.actions, episode.rewards
        group["terminations"], group["truncations"] = last & episode.terminated, last
        group["truncations"][-1] = episode.truncated
        group["infos/discounts"] = episode.discounts
    return Case(
        "minari jpeg", FOREIGN, {path.name: path.read_bytes()}, path.name, digest_of([episode])
    )


def _files(folder: Path) -> dict[str, bytes]:
    """Path → content of all files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
