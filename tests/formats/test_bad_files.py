"""A bad file of any format is a typed error that names it, and what was read is kept until it is
mended. Every format that is written, and the one that the documentation adds, is held against this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats import damages
from tests.formats.documented import documented_format
from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetFormatError, InvalidEpisodeError
from vd4rl_data.formats import Expected, Format, ReadEpisode, Sandbox, find_format, writable_formats
from vd4rl_data.formats.join import joined
from vd4rl_data.formats.table import FORMATS
from vd4rl_data.importing import import_folder
from vd4rl_data.registry import DATASETS
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import verify_dataset

Outcome = Callable[[Path], str | list[ReadEpisode]]
DOCUMENTED = "documented"
FLIPS = 10
FIELDS = ("observations", "actions", "rewards", "discounts")


@pytest.fixture(scope="module", params=[*writable_formats(), DOCUMENTED])
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Format:
    """Each format."""
    if request.param == DOCUMENTED:
        return documented_format(tmp_path_factory.mktemp("documented"))
    return find_format(request.param)


@pytest.fixture(scope="module")
def reading(kind: Format) -> Iterator[Sandbox]:
    """Its reading process."""
    with Sandbox(kind) as sandbox:
        yield sandbox


@pytest.fixture
def outcome(kind: Format, reading: Sandbox, spec: DatasetSpec) -> Outcome:
    """Read a file: its episodes, or the error that it is refused with."""
    expected = Expected.of(spec)

    def read(path: Path) -> str | list[ReadEpisode]:
        try:
            items = ((path.name, item) for item in reading.read(path, expected))
            return list(joined(kind, items, expected))
        except (DatasetFormatError, InvalidEpisodeError) as error:
            return names_file_and_fault(path, str(error))

    return read


def names_file_and_fault(path: Path, message: str) -> str:
    """The message, which says in which file what is wrong."""
    assert path.name in message
    faults = "expected .*, (got|needed|gave up)|the header declares|exited with 1 .*|was killed by"
    assert re.search(faults, message), message
    return message


def make_episode(seed: int, steps: int) -> Episode:
    rng = np.random.default_rng(seed)
    return Episode(
        observations=rng.integers(0, 256, (steps + 1, 8, 8, 3), dtype=np.uint8),
        actions=rng.uniform(-1, 1, (steps, 6)).astype(np.float32),
        rewards=rng.normal(size=steps).astype(np.float32),
        discounts=np.ones(steps, np.float32),
        terminated=False,
        truncated=True,
    )


@pytest.fixture
def sound(kind: Format, tmp_path: Path) -> Path:
    """A sound file of one episode."""
    (path,) = damages.write_files(kind, [make_episode(0, 10)], tmp_path / "files")
    return path


def same(found: str | list[ReadEpisode], sound: Episode) -> bool:
    (item,) = found
    assert isinstance(item, ReadEpisode)
    return all(np.array_equal(getattr(item.episode, f), getattr(sound, f)) for f in FIELDS)


def test_a_sound_file_is_read_as_it_was_written(outcome: Outcome, sound: Path) -> None:
    assert same(outcome(sound), make_episode(0, 10))


@pytest.mark.parametrize("damage", damages.BYTES)
def test_other_bytes(damage: str, outcome: Outcome, sound: Path) -> None:
    sound.write_bytes(damages.BYTES[damage](sound.read_bytes()))
    assert isinstance(outcome(sound), str)


def test_flipped_bits_are_refused_or_valid_episodes_come_out(outcome: Outcome, sound: Path) -> None:
    """Some formats have no checksum everywhere; what they then hold is checked like anything."""
    content = sound.read_bytes()
    for seed in range(FLIPS):
        sound.write_bytes(damages.flipped(content, seed))
        outcome(sound)
    sound.write_bytes(content)
    assert same(outcome(sound), make_episode(0, 10))


def test_missing_and_unfit_arrays(outcome: Outcome, sound: Path) -> None:
    """What is needed must be there and fit; without other arrays the same episode comes out."""
    arrays = damages.arrays_of(sound)

    def is_refused(changed: damages.Arrays) -> bool:
        damages.write_arrays(sound, changed)
        found = outcome(sound)
        return isinstance(found, str) or not same(found, make_episode(0, 10))

    needed = [
        key
        for key in arrays
        if is_refused({name: values for name, values in arrays.items() if name != key})
    ]
    assert len(needed) >= 3  # frames, actions, rewards
    for key in needed:
        values = arrays[key]
        if values.ndim == 0:
            continue
        fitting = damages.ARRAYS | (damages.FLOATS if values.dtype.kind == "f" else {})
        for name, damage in fitting.items():
            damages.write_arrays(sound, {**arrays, key: damage(values)})
            assert isinstance(outcome(sound), str), (key, name)


@pytest.mark.parametrize("damage", damages.EPISODES)
def test_what_no_dataset_may_hold(
    damage: str, kind: Format, outcome: Outcome, tmp_path: Path
) -> None:
    episode = damages.EPISODES[damage](make_episode(0, 10))
    (path,) = damages.write_files(kind, [episode], tmp_path)
    assert isinstance(outcome(path), str)


def test_an_import_goes_on_when_its_bad_files_are_mended(
    kind: Format,
    spec: DatasetSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shared_readers: Any,
) -> None:
    monkeypatch.setitem(FORMATS, kind.name, kind)
    monkeypatch.setitem(DATASETS, spec.name, spec)
    episodes = [make_episode(seed, 10 - seed) for seed in range(4)]
    paths = damages.write_files(kind, episodes, tmp_path / "files")
    whole = {path: path.read_bytes() for path in paths[:3]}
    paths[0].write_bytes(whole[paths[0]][:-60])
    arrays = damages.arrays_of(paths[1])
    arrays.pop(next(key for key in arrays if key.startswith("action")))
    damages.write_arrays(paths[1], arrays)
    (bad,) = damages.write_files(
        kind, [damages.EPISODES["reward is nan"](episodes[2])], tmp_path / "bad"
    )
    bad.replace(paths[2])
    with pytest.raises(DatasetFormatError, match="3 of 4 files cannot be read") as refused:
        import_folder(paths[0].parent, spec, tmp_path / "data")
    assert all(f"    {path.name}: " in str(refused.value) for path in whole)
    for path, content in whole.items():
        path.write_bytes(content)
    read: list[str] = []
    original = Sandbox.read
    with monkeypatch.context() as patch:
        patch.setattr(
            Sandbox,
            "read",
            lambda self, path, *rest: (read.append(path.name), original(self, path, *rest))[1],
        )
        imported = import_folder(paths[0].parent, spec, tmp_path / "data")
    assert read == [path.name for path in whole]
    straight = import_folder(paths[0].parent, spec, tmp_path / "straight")
    assert imported.path.read_bytes() == straight.path.read_bytes()
    assert verify_dataset(imported.path).ok
