"""States are published as the file that they are, alone or beside their pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.publish.conftest import REPO_ID
from tests.publish.fake_hub import FakeHub
from tests.storage import tiny
from vd4rl_data.errors import OutputExistsError, PublishError
from vd4rl_data.publish import prepare, publish
from vd4rl_data.publish.croissant import check_croissant
from vd4rl_data.storage import Provenance, verify_dataset, write_dataset
from vd4rl_data.storage.naming import states_path

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

Tree = Callable[[Path], dict[str, bytes]]
NAME = f"{tiny.SPEC.name}.states"


def write_states(root: Path, lengths: tuple[int, ...] = tiny.LENGTHS) -> Path:
    episodes = [
        dataclasses.replace(each, observations=np.empty((len(each) + 1, 0, 0, 3), np.uint8))
        for each in tiny.episodes_of(lengths)
    ]
    path = states_path(root, tiny.SPEC.name)
    provenance = Provenance(origin="regenerated", renderer="none", recipe={"kind": "states"})
    write_dataset(path, tiny.SPEC, episodes, lengths, provenance, layout="states")
    return path


@pytest.fixture
def states(tmp_path: Path) -> Path:
    """The three tiny episodes without pixels."""
    return write_states(tmp_path / "data")


def test_the_file_is_published_as_it_is(states: Path, tmp_path: Path, tree: Tree) -> None:
    prepared = prepare([states], tmp_path / "upload", REPO_ID)
    found = tree(prepared.folder)
    assert sorted(found) == [
        "README.md",
        f"{NAME}.h5",
        f"{NAME}.manifest.json",
        "croissant.json",
        f"pictures/{NAME}.returns.png",
    ]
    assert found[f"{NAME}.h5"] == states.read_bytes()
    assert verify_dataset(prepared.folder / f"{NAME}.h5").has_sidecar
    assert "load_dataset" not in prepared.card
    assert "\nviewer: false\n" in prepared.card
    assert f"python -m collection render {NAME}.h5" in prepared.card
    assert "valid" in check_croissant(prepared.folder / "croissant.json")
    assert tree(prepare([prepared.folder / f"{NAME}.h5"], tmp_path / "b", REPO_ID).folder) == found


def test_beside_their_pixels(states: Path, flat: Path, tmp_path: Path, hub: FakeHub) -> None:
    done = publish([flat.parent], REPO_ID, folder=tmp_path / "upload")
    assert done.commit is not None
    assert {each.name for each in done.prepared.datasets} == {NAME, tiny.SPEC.name}
    held = set(hub.content(REPO_ID))
    assert {f"{NAME}.h5", f"{tiny.SPEC.name}.packed.manifest.json"} <= held
    again = publish([tmp_path / "upload"], REPO_ID)
    assert again.commit is not None
    assert (again.commit.uploaded, again.commit.replaced) == (0, ())
    with pytest.raises(PublishError, match=rf"also holds {NAME}"):
        publish([flat], REPO_ID, folder=tmp_path / "alone")


def test_other_states_are_not_put_in_their_place(states: Path, tmp_path: Path) -> None:
    prepare([states], tmp_path / "upload", REPO_ID)
    other = write_states(tmp_path / "other", (1, 2))
    with pytest.raises(OutputExistsError, match=rf"other content of {NAME}"):
        prepare([other], tmp_path / "upload", REPO_ID)
