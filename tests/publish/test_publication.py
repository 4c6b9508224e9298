"""``publish``: which files are taken, what is shown, and the whole way there and back."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.download.static_server import put, serving
from tests.publish.conftest import REPO_ID
from tests.publish.fake_hub import FakeHub
from tests.storage import tiny
from vd4rl_data.cli import main
from vd4rl_data.dataset import load_dataset
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetNotFoundError,
    PublishError,
    RemoteFileNotFoundError,
)
from vd4rl_data.publish import find_datasets, publish
from vd4rl_data.storage import PartStore, pack

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

Tree = Callable[[Path], dict[str, bytes]]
NAME = tiny.SPEC.name


def test_there_and_back(
    hub: FakeHub, flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published with the hub's client, put behind a file server, loaded by its commit: the same."""
    done = publish([flat], REPO_ID, folder=tmp_path / "upload")
    assert done.commit is not None
    put(tmp_path / "served", REPO_ID, done.commit.revision, hub.content(REPO_ID))
    with serving(tmp_path / "served") as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        loaded = load_dataset(NAME, source=str(done.commit.source))
        with pytest.raises(RemoteFileNotFoundError, match="revision/main"):  # it lists nothing
            load_dataset(NAME, source=f"hf://{REPO_ID}")
    assert loaded.paths[0].read_bytes() == flat.read_bytes()
    assert done.commit.revision in loaded.paths[0].parts
    assert load_dataset(NAME, source=str(done.commit.source)).paths == loaded.paths


def test_dry_run_shows_all_and_sends_nothing(hub: FakeHub, flat: Path, tmp_path: Path) -> None:
    plan = publish([flat], REPO_ID, folder=tmp_path / "upload", dry_run=True)
    text = str(plan)
    assert plan.commit is None
    for file in plan.prepared.files:
        assert f"{file.size:,}  {file.path}" in text
    assert f"{plan.prepared.num_bytes:,}  bytes in 8 files" in text
    assert plan.prepared.card in text
    assert not hub.seen


def test_default_folder(flat: Path, data_dir: Path) -> None:
    plan = publish([flat], REPO_ID, dry_run=True)
    assert plan.prepared.folder == data_dir / "publish" / REPO_ID


def test_prepared_folder_is_used_as_it_is(flat: Path, tmp_path: Path, tree: Tree) -> None:
    folder = tmp_path / "upload"
    first = publish([flat], REPO_ID, folder=folder, dry_run=True)
    before = tree(folder)
    assert publish([folder], REPO_ID, dry_run=True) == first
    assert tree(folder) == before
    moved = publish([folder], "lab/other", folder=tmp_path / "other", dry_run=True)
    assert moved.prepared.datasets == first.prepared.datasets


def test_find_in_folders(flat: Path, tmp_path: Path) -> None:
    """Flat before packed; no parts, no foreign files, nothing hidden, nothing of other people."""
    root = tmp_path / "data"
    pack(flat)
    expert = root / f"{tiny.EXPERT.name}.h5"
    tiny.write(expert, spec=tiny.EXPERT)
    packed = pack(expert, root / "Tiny")
    expert.unlink()
    foreign = ("hf/lab/pixels/0/Tiny", "public/Tiny", "publish/lab/pixels/Tiny", ".hidden/Tiny")
    for folder in foreign:
        (root / folder).mkdir(parents=True)
        shutil.copy(flat, root / folder)
    (root / "other.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert find_datasets([root]) == [packed[0], flat]
    assert find_datasets([flat, root, flat]) == [flat, packed[0]]


def test_composite_in_a_folder_is_its_parts(tmp_path: Path) -> None:
    """Beside its parts it is passed over; alone it is named, and refused with what to do."""
    for spec, count in ((tiny.MEDIUM, 2), (tiny.EXPERT, 3), (tiny.MEDIUM_EXPERT, 5)):
        episodes = tiny.episodes_of((3,) * count)
        tiny.write(tmp_path / f"data/{spec.name}.h5", episodes, spec=spec)
    found = find_datasets([tmp_path / "data"])
    assert [path.stem for path in found] == [
        spec.name.rpartition("/")[2] for spec in (tiny.EXPERT, tiny.MEDIUM)
    ]
    found[0].unlink()
    with pytest.raises(PublishError, match="publish those"):
        publish([tmp_path / "data"], REPO_ID, folder=tmp_path / "upload", dry_run=True)


def test_command_line(
    hub: FakeHub, flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of datasets under two licenses, twice, and then with other content."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main(["publish", str(flat.parent.parent), "--repo", REPO_ID, *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    expert = flat.with_name("expert.h5")
    tiny.write(expert, spec=dataclasses.replace(tiny.EXPERT, license="MIT"))
    status, _, told = run("--out", tmp_path / "upload")
    assert (status, "--mixed-licenses" in told) == (2, True)
    status, said, _ = run("--out", tmp_path / "upload", "--mixed-licenses")
    assert status == 0
    for name in (NAME, tiny.EXPERT.name):
        assert f'load_dataset("{name}", source="hf://{REPO_ID}@' in said
    again = run("--out", tmp_path / "upload", "--mixed-licenses")
    assert again[0] == 0
    assert "0 of 14 files were uploaded" in again[1]
    expert.unlink()
    status, _, told = run("--out", tmp_path / "one")
    assert (status, "--replace" in told) == (2, True)
    status, said, _ = run("--out", tmp_path / "one", "--replace")
    assert (status, f"Replaced: {tiny.EXPERT.name}" in said) == (0, True)


def test_says_what_was_replaced(hub: FakeHub, flat: Path, tmp_path: Path) -> None:
    first = publish([flat], REPO_ID, folder=tmp_path / "upload")
    assert first.commit is not None
    assert "Replaced" not in str(first)
    tiny.write(flat, tiny.episodes_of((3, 3, 3)))
    with pytest.raises(PublishError, match="with replace=True:"):
        publish([flat], REPO_ID, folder=tmp_path / "other")
    second = publish([flat], REPO_ID, folder=tmp_path / "other", replace=True)
    assert f"Replaced: {NAME}; still available from {first.commit.source}" in str(second)
    assert f"{tmp_path / 'other'} (0.1 MB) is no longer needed" in str(second)


def test_parts_of_unfinished_work_are_no_datasets(tmp_path: Path) -> None:
    PartStore(tmp_path / "parts", {"seed": 0}).write(0, tiny.episode_of(2))
    assert list(tmp_path.rglob("*.h5"))
    with pytest.raises(DatasetNotFoundError, match="got none"):
        find_datasets([tmp_path])


def test_damaged_file_in_a_folder_is_not_passed_over(flat: Path) -> None:
    flat.write_bytes(flat.read_bytes()[:-10])
    with pytest.raises(CorruptFileError):
        find_datasets([flat.parent])


@pytest.mark.parametrize("name", ["missing.h5", "empty"])
def test_nothing_to_publish(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match=name):
        find_datasets([tmp_path / name])
