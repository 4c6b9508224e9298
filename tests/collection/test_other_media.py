"""Pictures of the user's own: missing, broken or other ones are refused, and nothing is written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from PIL import Image

from collection.collect import collect
from collection.rerender import Wanted, rerender
from tests.collection.conftest import RANDOM
from vd4rl_data.envs import find_environments, register_environment
from vd4rl_data.errors import (
    InvalidIdError,
    InvalidMediaError,
    MediaNotFoundError,
    OtherMediaError,
)
from vd4rl_data.evaluation import evaluate
from vd4rl_data.look_words import id_with_look
from vd4rl_data.media.davis import DAVIS_TRAIN
from vd4rl_data.registry import get_dataset_spec

pytestmark = pytest.mark.render
NAME = id_with_look(RANDOM, "distracting_easy_100")


@pytest.fixture
def davis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in DAVIS' layout: two small images of each of the first four scenes."""
    monkeypatch.setenv("VD4RL_MEDIA_DIR", str(tmp_path / "media"))
    scenes = tmp_path / "media" / "davis" / "JPEGImages" / "480p"
    for shade, name in enumerate(DAVIS_TRAIN[:4]):
        (scenes / name).mkdir(parents=True)
        for number in range(2):
            image = Image.new("RGB", (32, 20), (60 * shade, 90 * number, 200))
            image.save(scenes / name / f"{number:05d}.jpg")
    return scenes


def no_frames(scenes: Path) -> None:
    for path in scenes.glob("*/*.jpg"):
        path.unlink()


def undecodable(scenes: Path) -> None:
    (scenes / "bear" / "00000.jpg").write_bytes(b"no image")


BROKEN: dict[str, tuple[Callable[[Path], None], type[Exception], str]] = {
    "no frames": (no_frames, MediaNotFoundError, r"JPEGImages/480p/bear/00000\.jpg"),
    "undecodable": (undecodable, InvalidMediaError, r"00000\.jpg: cannot be decoded"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_media_are_refused_and_nothing_is_written(
    case: str, davis: Path, tmp_path: Path
) -> None:
    spoil, error, message = BROKEN[case]
    spoil(davis)
    with pytest.raises(error, match=message):
        collect(NAME, tmp_path / "data", episodes=1, show_progress=False)
    assert not list((tmp_path / "data").rglob("*.h5"))


@pytest.mark.parametrize("words", ["distracting_esy_50", "stripes", "distracting_easy_stripes_50"])
def test_unknown_looks_are_refused(words: str) -> None:
    with pytest.raises(InvalidIdError, match="with a look of distracting"):
        id_with_look(RANDOM, words)


def test_other_media_than_the_datas_are_refused(
    davis: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By environments, evaluations and rendering; the message names both sets."""
    monkeypatch.setenv("VD4RL_DATA_DIR", str(tmp_path))
    made = collect(NAME, tmp_path, episodes=1, show_progress=False)
    (known,) = made.manifest.media.items()
    assert known[0] == "davis"
    register_environment(get_dataset_spec(NAME))
    try:
        (environment,) = find_environments(NAME, "distracted_train")
        assert environment.look is not None
        Image.new("RGB", (32, 20), (1, 2, 3)).save(davis / "bear" / "00001.jpg")
        message = f"media 'davis': .* sha256 {known[1]}, those of this machine have [0-9a-f]+"
        with (
            contextlib.closing(gymnasium.make(NAME, evaluation="distracted_train")) as env,
            pytest.raises(OtherMediaError, match=message),
        ):
            env.reset(seed=0)
        with pytest.raises(OtherMediaError, match=message):
            evaluate(_still, NAME, 1, 0, evaluation="distracted_train", inference_batch=1)
        with contextlib.closing(gymnasium.make(NAME)) as env:
            env.reset(seed=0)  # shows none of them
    finally:
        gymnasium.registry.pop(NAME)
    with pytest.raises(OtherMediaError, match=message):
        rerender(made.path, tmp_path / "again", Wanted(24), show_progress=False)
    assert not list((tmp_path / "again").rglob("*"))


def test_evaluations_and_results_name_the_media(tmp_path: Path) -> None:
    name = id_with_look(RANDOM, "distracting_easy_leaves_100")
    try:
        found = evaluate(_still, name, 2, 0, evaluation="distracted_test", inference_batch=2)
        assert found.media.keys() == {"leaves"}
        assert [trace.member for trace in found.traces] == [0, 1]
        assert not evaluate(_still, name, 1, 0, inference_batch=1).media
    finally:
        gymnasium.registry.pop(name)


def _still(observations: np.ndarray) -> np.ndarray:
    return np.zeros((len(observations), 6))
