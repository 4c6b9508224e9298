"""``vd4rl preview``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import ID, SAMPLE, Run, make_episodes, write
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import pack

_STEM = "walker_walk-random-64px-v0"


def _median_episode() -> int:
    returns = [episode.episode_return for episode in make_episodes(get_dataset_spec(ID))]
    return sorted(range(4), key=returns.__getitem__)[2]


@pytest.mark.parametrize("target", ["id", "file", "shard"])
def test_pictures(run: Run, dataset: Path, tmp_path: Path, target: str) -> None:
    shard = pack(dataset, tmp_path, shard_raw_bytes=130_000)[1]
    named = {"id": ID, "file": dataset, "shard": shard}[target]
    finished = run("preview", named, "--out", tmp_path / "new" / "pictures")
    assert finished.status == 0, finished.err
    paths = [Path(line) for line in finished.out.splitlines()]
    animation = f"{_STEM}-episode-{_median_episode()}.gif"
    assert [path.name for path in paths] == [
        f"{_STEM}-sheet.png",
        f"{_STEM}-returns.png",
        animation,
    ]
    for path in paths:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 5


def test_choices(run: Run, dataset: Path, tmp_path: Path) -> None:
    arguments = ("preview", dataset, "--out", tmp_path, "--episode", 2, "--rows", 2, "--fps", 10)
    run(*arguments)
    with Image.open(tmp_path / f"{_STEM}-episode-2.gif") as animation:
        assert animation.n_frames == 7
        assert animation.info["duration"] == 100
    with Image.open(tmp_path / f"{_STEM}-sheet.png") as two_rows:
        height = two_rows.height
    run(*arguments, "--rows", 4, "--format", "none", "--replace")
    with Image.open(tmp_path / f"{_STEM}-sheet.png") as four_rows:
        assert four_rows.height == height + 2 * (128 + 14)


def test_no_animation(run: Run, dataset: Path, tmp_path: Path) -> None:
    finished = run("preview", ID, "--out", tmp_path, "--format", "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{_STEM}-returns.png",
        f"{_STEM}-sheet.png",
    ]
    assert len(finished.out.splitlines()) == 2


def test_mp4_without_ffmpeg_names_the_extra(
    run: Run, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    finished = run("preview", ID, "--out", tmp_path, "--format", "mp4")
    assert finished.status == 2
    assert 'pip install "vd4rl-data[video]"' in finished.err
    assert not list(tmp_path.glob("*mp4*"))


def test_auto_takes_complete_files_only(run: Run, dataset: Path, tmp_path: Path) -> None:
    finished = run("preview", ID, "--out", tmp_path, "--source", "auto")
    assert finished.status == 2
    assert "holds 4 of 200 episodes" in finished.err
    assert (
        run("preview", SAMPLE, "--out", tmp_path, "--source", "auto", "--format", "none").status
        == 0
    )


@pytest.mark.parametrize("number", ["4", "-1", "two", "9" * 30])
def test_an_episode_that_does_not_exist(
    run: Run, dataset: Path, tmp_path: Path, number: str
) -> None:
    finished = run("preview", ID, "--out", tmp_path, f"--episode={number}")
    assert finished.status == 2
    assert "--episode: " in finished.err
    assert not list(tmp_path.iterdir())


def test_a_composite(run: Run, data_dir: Path, tmp_path: Path) -> None:
    for half in ("medium", "expert"):
        write(data_dir, f"VD4RL/walker_walk-{half}-64px-v0")
    name = "VD4RL/walker_walk-medium_expert-64px-v0"
    finished = run("preview", name, "--out", tmp_path, "--episode", 7)
    assert finished.status == 0, finished.err
    assert (tmp_path / "walker_walk-medium_expert-64px-v0-episode-7.gif").is_file()


@pytest.mark.render
def test_looks_side_by_side(run: Run, tmp_path: Path) -> None:
    arguments = ("preview", SAMPLE, "--out", tmp_path, "--columns", "2", "--looks", "none")
    finished = run(*arguments, "video_leaves", "--bodies", "foot_h")
    (name,) = finished.out.splitlines()
    assert name.endswith("walker_walk-random-sample-64px-v0-looks.jpg")
    with Image.open(name) as picture:
        assert picture.height > 3 * 128


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--bodies", "foot_z"), "foot_a, foot_b"),
        (("--looks", "500k"), "vd4rl: --looks: expected look words"),
    ],
)
def test_unknown_looks_and_bodies(
    run: Run, tmp_path: Path, options: tuple[str, str], told: str
) -> None:
    finished = run("preview", SAMPLE, "--out", tmp_path, *options)
    assert finished.status != 0
    assert told in finished.err
    assert not list(tmp_path.iterdir())
