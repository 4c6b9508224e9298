"""Writing: the same bytes every time, one episode in memory, and what is refused."""

from __future__ import annotations

import dataclasses
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.storage import tiny
from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetFormatError, InvalidEpisodeError
from vd4rl_data.storage import Provenance, open_dataset, pack, unpack, verify_dataset, write_dataset


@pytest.mark.parametrize("layout", ["flat", "packed"])
def test_the_same_input_gives_the_same_bytes_in_another_process(
    layout: str, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.storage import tiny; tiny.register();"
        "tiny.write(Path(sys.argv[1]), layout=sys.argv[2])"
    )
    path = tmp_path / "elsewhere" / "other_name.h5"
    subprocess.run(
        [sys.executable, "-c", code, str(path), layout],
        check=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    tiny.write(tmp_path / "here.h5", layout=layout)
    assert (tmp_path / "here.h5").read_bytes() == path.read_bytes()
    tiny.write(path, tiny.episodes_of(start=1), layout=layout)
    assert (tmp_path / "here.h5").read_bytes() != path.read_bytes()


def test_episodes_are_read_once_and_one_at_a_time(tmp_path: Path) -> None:
    alive: list[weakref.ref[Any]] = []
    most = 0
    reported: list[int] = []

    def stream() -> Iterator[Episode]:
        nonlocal most
        for number in range(8):
            gc.collect()
            most = max(most, sum(frames() is not None for frames in alive))
            assert len(reported) == number, "an episode is asked for before the last is written"
            episode = tiny.episode_of(5, start=number)
            alive.append(weakref.ref(episode.observations))
            yield episode
            del episode

    provenance = Provenance("regenerated")
    path = tmp_path / "x.h5"
    write_dataset(path, tiny.SPEC, stream(), [5] * 8, provenance, progress=reported.append)
    assert reported == list(range(1, 9))
    assert len(alive) == 8
    assert most <= 1


@pytest.mark.parametrize("layout", ["flat", "packed"])
def test_memory_is_bounded_by_an_episode(layout: str, tmp_path: Path) -> None:
    """Sixty episodes of 1.5 MB: the writing process grows by far less than the total."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from tests.storage import tiny
from vd4rl_data.episode import Episode
from vd4rl_data.storage import Provenance, write_dataset
tiny.register()
length = 30_000
frames = np.random.default_rng(0).integers(0, 256, (length + 1, 4, 4, 3), dtype=np.uint8)
def stream(count):
    for number in range(count):
        yield Episode(frames + np.uint8(number), np.zeros((length, 2), np.float32),
            np.zeros(length, np.float32), np.ones(length, np.float32), False, True)
peaks = []
for count in (5, 60):
    path = Path(sys.argv[1]) / f"{count}.h5"
    write_dataset(path, tiny.SPEC, stream(count), [length] * count, Provenance("sample"),
        layout=sys.argv[2])
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
print(peaks[1] - peaks[0])
"""
    finished = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), layout],
        check=True,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert int(finished.stdout) < 20e6
    assert (tmp_path / "60.h5").stat().st_size > 60e6


def test_a_long_manifest_fits(tmp_path: Path) -> None:
    sources = [{"name": f"{number}.npz", "sha256": f"{number:064x}"} for number in range(5000)]
    provenance = Provenance("imported", sources=sources)
    manifest = tiny.write(tmp_path / "x.h5", provenance=provenance)
    assert len(manifest.to_json()) > 400_000
    stored = open_dataset(tmp_path / "x.h5")
    assert list(stored.manifest.provenance.sources) == sources
    assert verify_dataset(tmp_path / "x.h5").problems == ()
    (shard,) = pack(tmp_path / "x.h5")
    assert unpack(shard, tmp_path / "y.h5").read_bytes() == (tmp_path / "x.h5").read_bytes()


def test_episodes_that_differ_in_their_arrays_are_refused(tmp_path: Path) -> None:
    first = tiny.episode_of(2)
    for infos, message in (
        ({}, "infos/physics_state: expected Column"),
        ({**first.infos, "extra": np.zeros(2)}, "got also .*infos/extra"),
        ({**first.infos, "success": np.zeros(2, np.int8)}, "infos/success: expected"),
        ({**first.infos, "success": np.zeros(3, np.bool_)}, "infos/success: expected"),
    ):
        other = dataclasses.replace(first, infos=infos)
        with pytest.raises(InvalidEpisodeError, match=f"episode 1: .*{message}"):
            tiny.write(tmp_path / "x.h5", [first, other])
    assert not (tmp_path / "x.h5").exists()


@pytest.mark.parametrize("layout", ["flat", "packed"])
@pytest.mark.parametrize("dtype_shape", [("f8", (3, 0)), ("g", (3,))], ids=["empty", "longdouble"])
def test_infos_that_no_file_holds_portably_are_refused(
    layout: str, dtype_shape: tuple[str, tuple[int, ...]], tmp_path: Path
) -> None:
    dtype, shape = dtype_shape
    if np.dtype(dtype).itemsize == 8 and shape == (3,):
        pytest.skip("a long double has 64 bits here")
    episode = dataclasses.replace(tiny.episode_of(2), infos={"x": np.zeros(shape, dtype)})
    with pytest.raises(InvalidEpisodeError, match="infos/x: expected rows of at least one number"):
        tiny.write(tmp_path / "x.h5", [episode], layout=layout)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([3, 2, 2], "episode 2: expected 2 transitions, got 1 transitions"),
        ([3, 2], "episode 2: expected no such episode, got 1 transitions"),
        ([3, 2, 1, 1], "expected 4 episodes \\(at least one\\), got 3"),
    ],
)
def test_announced_lengths_are_kept(lengths: list[int], message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with pytest.raises(DatasetFormatError, match=message):
        write_dataset(path, tiny.SPEC, iter(tiny.episodes_of()), lengths, tiny.PROVENANCE)
    with pytest.raises(DatasetFormatError, match="expected 0 episodes"):
        write_dataset(path, tiny.SPEC, iter([]), [], tiny.PROVENANCE)
    assert not path.exists()


def test_what_cannot_be_written_is_refused(tmp_path: Path, flat: Path) -> None:
    path = tmp_path / "x.h5"
    with pytest.raises(DatasetFormatError, match="layout: expected one of flat, packed"):
        tiny.write(path, layout="zarr")
    with pytest.raises(DatasetFormatError, match="origin: expected one of official"):
        tiny.write(path, provenance=Provenance("stolen"))
    with pytest.raises(InvalidEpisodeError, match="frames of 64 x 64 pixels"):
        tiny.write(
            path, spec=dataclasses.replace(tiny.SPEC, id=dataclasses.replace(tiny.SPEC.id, size=64))
        )
    crowded = {f"x{number}": np.zeros(2) for number in range(400)}
    with pytest.raises(DatasetFormatError, match="too many arrays: the header takes"):
        tiny.write(path, [dataclasses.replace(tiny.episode_of(2), infos=crowded)])
    crowded = {f"x{number}": np.zeros(2) for number in range(1001)}
    with pytest.raises(InvalidEpisodeError, match="infos: expected at most 1000 arrays, got 1001"):
        tiny.write(path, [dataclasses.replace(tiny.episode_of(2), infos=crowded)], layout="packed")
    assert not path.exists()
    with pytest.raises(DatasetFormatError, match="expected a target other than the source"):
        unpack(flat, flat)
    assert verify_dataset(flat).problems == ()
