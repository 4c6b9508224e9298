"""Publishers who err, or lie: nothing of theirs is put in place."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.download.published.conftest import (
    NAME,
    REPO_ID,
    SHARDS,
    SIDECAR,
    MakeHub,
    acquire,
    installed,
)
from tests.storage import tiny
from vd4rl_data.errors import CorruptFileError, RemoteFileNotFoundError
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import pack


def _altered(files: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
    content = json.loads(files[SIDECAR])
    change(content)
    return {**files, SIDECAR: json.dumps(content).encode()}


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["files"].pop(),
        lambda content: content["files"].reverse(),
        lambda content: content["files"].clear(),
        lambda content: content["files"][0].update(sha256="0" * 64),
        lambda content: content["files"][0].update(num_bytes=7),
        lambda content: content["files"][0].update(name="../../evil.h5"),
        lambda content: content["manifest"].update(dataset_id=tiny.EXPERT.name),
    ],
)
def test_sidecar_that_does_not_fit(
    change: Callable[[dict[str, Any]], None],
    make_hub: MakeHub,
    files: dict[str, bytes],
    tmp_path: Path,
) -> None:
    hub = make_hub(_altered(files, change), REPO_ID)
    with pytest.raises(CorruptFileError, match=r"manifest\.json|sidecar"):
        acquire(tmp_path, endpoint=hub.url)
    assert not installed(tmp_path)


def test_manifest_that_is_not_the_files_own(
    make_hub: MakeHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    def embellish(content: dict[str, Any]) -> None:
        content["manifest"]["provenance"]["origin"] = "official"

    hub = make_hub(_altered(files, embellish), REPO_ID)
    with pytest.raises(CorruptFileError, match="not the one in its sidecar"):
        acquire(tmp_path, endpoint=hub.url)
    assert not installed(tmp_path)


def test_shard_is_missing(make_hub: MakeHub, files: dict[str, bytes], tmp_path: Path) -> None:
    del files[SHARDS[1]]
    hub = make_hub(files, REPO_ID)
    with pytest.raises(RemoteFileNotFoundError, match=SHARDS[1]):
        acquire(tmp_path, endpoint=hub.url)
    assert not installed(tmp_path)


def test_files_of_another_dataset(make_hub: MakeHub, tmp_path: Path) -> None:
    """Whole and well-formed, but another dataset's, under the name and sidecar of the one asked."""
    path = tmp_path / "a" / f"{tiny.EXPERT.name}.h5"
    tiny.write(path, tiny.episodes_of((3, 3, 3)), spec=tiny.EXPERT)
    (shard,) = pack(path)
    sidecar = shard.with_name(f"{Path(tiny.EXPERT.name).name}.packed.manifest.json").read_text()
    new = Path(NAME).name
    files = {
        f"{NAME}.packed-00000-of-00001.h5": shard.read_bytes(),
        SIDECAR: sidecar.replace(Path(tiny.EXPERT.name).name, new).encode(),
    }
    hub = make_hub(files, REPO_ID)
    with pytest.raises(CorruptFileError, match="fails verification"):
        acquire(tmp_path / "root", endpoint=hub.url)
    assert not installed(tmp_path / "root")


def test_false_figures(make_hub: MakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that says it is complete, and holds three of four episodes."""
    path = tmp_path / "a" / f"{NAME}.h5"
    tiny.write(path)
    shards = pack(path)
    files = {f"Tiny/{item.name}": item.read_bytes() for item in shards[0].parent.iterdir()}
    monkeypatch.setitem(DATASETS, NAME, dataclasses.replace(tiny.SPEC, num_episodes=4))
    hub = make_hub(files, REPO_ID)
    with pytest.raises(CorruptFileError, match="complete"):
        acquire(tmp_path / "root", endpoint=hub.url)
