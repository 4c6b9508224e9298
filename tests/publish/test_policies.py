"""``vd4rl publish --policies``: what ``select`` wrote, into a repository and back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import h5py
import pytest

from tests.download.static_server import put, serving
from tests.publish.conftest import REPO_ID
from tests.publish.fake_hub import FakeHub
from vd4rl_data.cli import main
from vd4rl_data.download.policies import LIST, acquire_policies
from vd4rl_data.errors import (
    DatasetNotFoundError,
    OutputExistsError,
    PublishError,
    Vd4rlError,
)
from vd4rl_data.publish import publish
from vd4rl_data.publish.policies import prepare_policies

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NAME = "walker_walk-medium"


@pytest.fixture
def tiers(tmp_path: Path) -> Path:
    """A folder with a policy and a replay, as ``select`` writes it."""
    return _tiers(tmp_path / "tiers", b"weights" * 9)


def _tiers(folder: Path, weights: bytes) -> Path:
    for inner in ("policies", "replays", "learning_curves"):
        (folder / inner).mkdir(parents=True)
    (folder / "policies" / f"{NAME}.safetensors").write_bytes(weights)
    description = {"sha256": hashlib.sha256(weights).hexdigest()}
    (folder / "policies" / f"{NAME}.json").write_text(json.dumps(description))
    (folder / "learning_curves" / "walker_walk-seed0.png").write_bytes(b"picture")
    with h5py.File(folder / "replays" / "walker_walk.h5", "w") as file:
        file.attrs["format"] = "vd4rl-data replay"
    return folder


def test_there_and_back(
    hub: FakeHub, tiers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = publish([tiers], REPO_ID, folder=tmp_path / "upload", policies=True)
    assert done.commit is not None
    assert f"python -m collection collect ID --source {done.commit.source}" in str(done)
    assert {file.path for file in done.prepared.files} == {
        "README.md",
        LIST,
        f"policies/{NAME}.json",
        f"policies/{NAME}.safetensors",
        "replays/walker_walk.h5",
    }
    put(tmp_path / "served", REPO_ID, done.commit.revision, hub.content(REPO_ID))
    with serving(tmp_path / "served") as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        names = [NAME, "walker_walk"]
        folder = acquire_policies(done.commit.source, names, tmp_path / "data", progress=False)
    for path in (f"policies/{NAME}.safetensors", "replays/walker_walk.h5"):
        assert (folder / path).read_bytes() == (tiers / path).read_bytes()


def test_commands(
    tiers: Path, tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["publish", str(tiers), "--repo", REPO_ID, "--policies", "--dry-run"]
    assert main(arguments) == 0
    assert f"policies/{NAME}.safetensors" in capsys.readouterr().out
    here = data_dir / "hf" / REPO_ID / ("0" * 40) / "policies" / f"{NAME}.safetensors"
    here.parent.mkdir(parents=True)
    here.write_bytes(b"weights")
    assert main(["cache", "ls"]) == 0
    assert f"policies/{NAME}" in capsys.readouterr().out
    assert main(["cache", "rm", str(here), "--yes"]) == 0
    assert not here.exists()


def test_the_same_files_give_the_same_bytes(tiers: Path, tmp_path: Path) -> None:
    first, second = (prepare_policies([tiers], tmp_path / name, REPO_ID) for name in "ab")
    assert first.files == second.files
    assert prepare_policies([tiers], tmp_path / "a", REPO_ID).files == first.files
    with pytest.raises(OutputExistsError, match="is another file"):
        prepare_policies([_tiers(tmp_path / "other", b"w")], tmp_path / "a", REPO_ID)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda path: path.with_suffix(".json").unlink(), PublishError, "to be a policy or replay"),
        (lambda path: path.write_bytes(b"other"), PublishError, "names the SHA-256"),
        (lambda path: path.unlink(), PublishError, "names the SHA-256"),
    ],
)
def test_what_is_no_policy(
    damage: object, error: type[Vd4rlError], message: str, tiers: Path, tmp_path: Path
) -> None:
    damage(tiers / "policies" / f"{NAME}.safetensors")  # type: ignore[operator]
    with pytest.raises(error, match=message):
        prepare_policies([tiers], tmp_path / "upload", REPO_ID)
    assert not (tmp_path / "upload").exists()


def test_folders_that_do_not_fit(tiers: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="select --out"):
        prepare_policies([tmp_path], tmp_path / "upload", REPO_ID)
    with pytest.raises(DatasetNotFoundError, match=f"give the folder above: {tiers}"):
        prepare_policies([tiers / "policies"], tmp_path / "upload", REPO_ID)
    with pytest.raises(PublishError, match="have the same name"):
        prepare_policies([tiers, _tiers(tmp_path / "b", b"w")], tmp_path / "upload", REPO_ID)
