"""Verifying reads everything; a sidecar, where there is one, must agree."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.storage import damage, tiny
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import open_dataset, unpack, verify_dataset
from vd4rl_data.storage.naming import sidecar_path


@pytest.fixture(params=["flat", "packed"])
def path(request: pytest.FixtureRequest) -> Path:
    """A sound dataset of either layout, with its sidecar; packed it has two shards."""
    return request.getfixturevalue(request.param)


def test_a_sound_dataset_has_no_problem(path: Path) -> None:
    seen: list[int] = []
    report = verify_dataset(path, progress=seen.append)
    assert report.ok
    assert (report.path, report.problems, report.has_sidecar) == (path, (), True)
    assert (report.num_episodes, report.num_frames) == (3, 9)
    assert seen == [1, 2, 3]


def test_a_missing_sidecar_is_fine_and_said(path: Path) -> None:
    sidecar_path(path).unlink()
    report = verify_dataset(path)
    assert (report.ok, report.has_sidecar) == (True, False)


def test_the_sidecar_repeats_the_manifest_and_names_every_file(path: Path) -> None:
    content = json.loads(sidecar_path(path).read_text(encoding="utf-8"))
    files = sorted(path.parent.glob("*.h5"))
    assert [record["name"] for record in content["files"]] == [file.name for file in files]
    assert [record["num_bytes"] for record in content["files"]] == [
        file.stat().st_size for file in files
    ]
    assert json.dumps(content["manifest"], sort_keys=True, separators=(",", ":")) == (
        open_dataset(path).manifest.to_json()
    )


def _set(*keys: str | int, to: Any) -> Callable[[Any], Any]:
    def change(content: Any) -> Any:
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to
        return content

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("files", 0, "sha256", to="0" * 64), "bytes with SHA-256 0000"),
        (_set("files", 0, "num_bytes", to=1), "expected 1 bytes with SHA-256"),
        (_set("files", 0, "name", to="z.h5"), "not listed in tiny"),
        (_set("files", to=[]), "not listed in tiny"),
        (_set("manifest", "license", to="WTFPL"), "manifest: differs from the file's own"),
        (_set("manifest", "content_sha256", to="0" * 64), "manifest: differs from the file's own"),
        (_set("files", to={"a": 1}), "expected JSON with the manifest and the files"),
        (_set("files", 0, to={"name": "x"}), "expected JSON with the manifest and the files"),
        (_set("files", 0, "color", to="red"), "expected JSON with the manifest and the files"),
        (lambda _: [], "expected JSON with the manifest and the files"),
        (lambda _: {}, "expected JSON with the manifest and the files"),
        (lambda content: {"files": content["files"]}, "expected JSON with the manifest"),
    ],
)
def test_a_sidecar_that_disagrees_is_a_problem(
    change: Callable[[Any], Any], message: str, path: Path
) -> None:
    sidecar = sidecar_path(path)
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    sidecar.write_text(json.dumps(change(content)), encoding="utf-8")
    report = verify_dataset(path)
    assert any(message in problem for problem in report.problems), report.problems
    open_dataset(path).close()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[" * 100_000])
def test_a_sidecar_that_is_no_json_is_a_problem(content: bytes, path: Path) -> None:
    sidecar_path(path).write_bytes(content)
    (problem,) = verify_dataset(path).problems
    assert "expected JSON with the manifest and the files" in problem


def test_a_sidecar_that_names_more_files_is_a_problem(path: Path) -> None:
    sidecar = sidecar_path(path)
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    content["files"].append({"name": "more.h5", "num_bytes": 1, "sha256": "0" * 64})
    sidecar.write_text(json.dumps(content), encoding="utf-8")
    (problem,) = verify_dataset(path).problems
    assert "lists more.h5, which is not a file of this dataset" in problem


def test_every_problem_is_listed_not_only_the_first(flat: Path) -> None:
    stored = open_dataset(flat)
    frames = stored.array("observations")
    for episode in range(3):
        place = frames.ctypes.data - _base(frames)
        damage.flip(flat, place + int(stored.starts[episode]) * 48)
    problems = verify_dataset(flat).problems
    assert [f"episode {n}: expected CRC-32" in p for n, p in enumerate(problems[1:4])] == [True] * 3
    assert "expected" in problems[0]
    assert "SHA-256" in problems[0]
    assert "content: expected SHA-256" in problems[4]
    assert len(problems) == 5


def _base(array: Any) -> int:
    while isinstance(array.base, type(array)) or hasattr(array.base, "ctypes"):
        array = array.base
    return int(array.ctypes.data)


def test_a_damaged_shard_does_not_hide_the_others(packed: Path) -> None:
    damage.flip(packed, packed.stat().st_size - 1)
    report = verify_dataset(packed)
    assert len(report.problems) == 2
    assert packed.name in report.problems[0]
    assert "structure: expected SHA-256" in report.problems[1]


def test_a_dataset_that_is_not_in_the_catalog_is_a_problem(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(DATASETS, tiny.SPEC.name)
    (problem,) = verify_dataset(flat).problems
    assert "'Tiny/dot_move-random-4px-v0' is not in the catalog" in problem


def test_a_renamed_copy_is_sound_without_its_sidecar(path: Path, tmp_path: Path) -> None:
    if path.parent.name == "packed":
        copy = unpack(path, tmp_path / "renamed.h5")
        sidecar_path(copy).unlink()
    else:
        copy = tmp_path / "renamed.h5"
        shutil.copy(path, copy)
    assert verify_dataset(copy).problems == ()


def test_completeness_counts_the_episodes_of_the_catalog(tmp_path: Path) -> None:
    short = tmp_path / "short.h5"
    assert not tiny.write(short, tiny.episodes_of((3, 2))).complete
    assert tiny.write(tmp_path / "full.h5").complete
    assert verify_dataset(short).problems == ()
