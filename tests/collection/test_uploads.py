"""Episodes through an object store: the file of one machine, whatever fails on the way."""

from __future__ import annotations

import itertools
from pathlib import Path

import fsspec
import pytest

from collection.collect import collect
from collection.errors import InvalidSettingError, ObjectStoreError
from collection.pipeline import Made
from collection.plan import parts_folder
from collection.uploads import PartsUrl, Uploads
from tests.collection.conftest import RANDOM, Start
from tests.storage import tiny
from vd4rl_data.storage import PartStore
from vd4rl_data.storage.naming import flat_path

RECIPE = {"seed": 0, "renderer": "none"}
_NAMES = itertools.count()


@pytest.fixture
def url() -> str:
    """A folder in the memory of this process, which has no folders until something is in them."""
    return f"memory://bucket{next(_NAMES)}/here"


@pytest.fixture
def uploaded(url: str, tmp_path: Path) -> Uploads:
    """Three parts of one recipe, uploaded."""
    made = Uploads(PartsUrl.of(url, Path("Suite/name.h5.parts")), RECIPE)
    store = PartStore(tmp_path / "worker", RECIPE)
    for number in range(3):
        store.write(number, tiny.episode_of(2 + number))
        made.put(store.path(number))
    return made


@pytest.mark.render
def test_the_file_is_that_of_one_machine_and_nothing_stays_in_the_store(
    start: Start, baseline: Made, tmp_path: Path
) -> None:
    store, out = tmp_path / "store", tmp_path / "out"
    command = ["collect", RANDOM, "--out", str(out), "--no-progress", "--workers", "2"]
    command += ["--parts-url", store.as_uri()]
    killed = start(*command, kill_after="collection.uploads:Uploads:fetch", calls=2)
    assert killed.wait(120) == -9, killed.communicate()
    path = flat_path(out, RANDOM)
    assert not path.exists()
    for part in parts_folder(path).glob("*.h5"):
        part.unlink()  # another machine goes on: only the store remembers
    last = start(*command)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    assert path.read_bytes() == baseline.path.read_bytes()
    assert not [each for each in store.rglob("*") if each.is_file()]


def test_parts_arrive_as_they_were_uploaded(uploaded: Uploads, tmp_path: Path) -> None:
    here = PartStore(tmp_path / "driver", RECIPE)
    uploaded.fetch_all(here)
    assert here.missing(range(4)) == [3]
    assert tiny.same(here.read(1), tiny.episode_of(3))
    uploaded.remove()
    assert uploaded.numbers() == []
    uploaded.remove()


def test_parts_of_other_recipes_are_not_seen(uploaded: Uploads, url: str) -> None:
    place = PartsUrl.of(url, Path("Suite/name.h5.parts"))
    assert Uploads(place, {**RECIPE, "seed": 1}).numbers() == []
    assert uploaded.numbers() == [0, 1, 2]


@pytest.mark.parametrize("damage", [b"", b"half of it"])
def test_damaged_parts_are_missing(
    damage: bytes, uploaded: Uploads, url: str, tmp_path: Path
) -> None:
    files, root = fsspec.core.url_to_fs(url)
    (name,) = [each for each in files.find(root) if each.endswith("episode-000001.h5")]
    whole = files.cat_file(name)
    files.pipe_file(name, whole[: len(whole) // 2] if damage else damage)
    here = PartStore(tmp_path / "driver", RECIPE)
    uploaded.fetch_all(here)
    assert here.missing(range(3)) == [1]
    assert not list(here.folder.glob("*.incomplete"))


def test_a_store_that_fails_is_named(
    uploaded: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = PartStore(tmp_path / "driver", RECIPE)
    with pytest.raises(ObjectStoreError, match=r"memory://bucket.*FileNotFoundError"):
        uploaded.fetch(7, here)
    monkeypatch.setattr(
        fsspec.get_filesystem_class("memory"), "put_file", lambda *_: 1 / 0, raising=True
    )
    with pytest.raises(ObjectStoreError, match="run the same command again"):
        uploaded.put(tmp_path / "episode-000000.h5")


@pytest.mark.parametrize("bad", ["nonsense://bucket/folder", "s3:/bucket", "folder"])
def test_urls_that_nothing_reaches_change_nothing(bad: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="parts_url: expected a folder"):
        collect(RANDOM, tmp_path, parts_url=bad, show_progress=False)
    assert not list(tmp_path.iterdir())
