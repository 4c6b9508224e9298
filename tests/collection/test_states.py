"""States are the first half of collecting: rendered, they give the very same files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from collection.cli import main
from collection.collect import collect
from collection.errors import InvalidSettingError, NoPhysicsStateError, OtherStatesError
from collection.pipeline import Made
from collection.plan import parts_folder
from collection.rerender import Wanted, rerender
from tests.baselines import blob
from tests.evaluation.test_environments import Negative
from vd4rl_data import load_dataset
from vd4rl_data.errors import DatasetFormatError, InvalidIdError
from vd4rl_data.ids import Variant
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.spec import DatasetSpec, Look, Share
from vd4rl_data.storage import open_dataset, pack, unpack, verify_dataset, write_dataset
from vd4rl_data.storage.naming import sidecar_path
from vd4rl_data.suites.dmc_bodies import BODY_TASKS

pytestmark = pytest.mark.render

RANDOM = "Test/walker_walk_short-random-16px-v0"


@pytest.fixture(scope="module")
def states(rows: list[DatasetSpec], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The short dataset without its pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, rows[0].name, rows[0])
        folder = tmp_path_factory.mktemp("states")
        return collect(RANDOM, folder, states=True, show_progress=False)


def same_bytes(first: Path, second: Path) -> None:
    assert first.read_bytes() == second.read_bytes()
    assert sidecar_path(first).read_bytes() == sidecar_path(second).read_bytes()


def test_a_file_of_states_has_everything_but_pixels(states: Made, baseline: Made) -> None:
    assert states.path.name == "walker_walk_short-random-16px-v0.states.h5"
    assert verify_dataset(states.path).problems == ()
    kept, full = open_dataset(states.path), open_dataset(baseline.path)
    assert set(full.keys) - set(kept.keys) == {"observations"}
    for key in kept.keys:
        np.testing.assert_array_equal(kept.array(key), full.array(key), err_msg=key)
    assert not kept.has_pixels
    assert kept.episode(0).observations.shape == (11, 0, 0, 3)
    assert states.manifest.provenance.renderer == "none"
    assert states.manifest.fingerprint_rows == ()
    assert states.path.stat().st_size < baseline.path.stat().st_size


def test_rendered_states_are_the_collected_file(
    states: Made, baseline: Made, tmp_path: Path
) -> None:
    made = rerender(states.path, tmp_path, workers=2, show_progress=False)
    same_bytes(made.path, baseline.path)
    assert collect(RANDOM, tmp_path, show_progress=False).found


def test_another_size_and_a_look_are_those_of_collecting(
    states: Made, looked: DatasetSpec, tmp_path: Path
) -> None:
    made = rerender(states.path, tmp_path / "a", Wanted(24, "negative_50"), show_progress=False)
    name = looked.name.replace("16px", "24px")
    same_bytes(made.path, collect(name, tmp_path / "b", show_progress=False).path)


@pytest.fixture
def looked(rows: list[DatasetSpec], monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    """Half of the short dataset in a look."""
    spec = rows[0]
    look = Look(f"{Negative.__module__}:Negative")
    monkeypatch.setattr("vd4rl_data.ids._VOCABULARY.looks", {"negative"})
    monkeypatch.setattr("vd4rl_data.ids._VOCABULARY._pattern", None)
    row = dataclasses.replace(
        spec,
        id=dataclasses.replace(spec.id, variant=Variant(look="negative", percent=50)),
        mixture=(
            Share(spec.environment, 0.5),
            Share(dataclasses.replace(spec.environment, look=look), 0.5),
        ),
    )
    monkeypatch.setitem(DATASETS, row.name, row)
    return row


def test_parts_of_either_are_taken_up_by_the_other(
    states: Made, baseline: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while rendering, then collected: the same bytes, and no frame is drawn twice."""
    killed = RuntimeError("killed")

    def die(*_: object, **__: object) -> None:
        raise killed

    with monkeypatch.context() as patch:
        patch.setattr("collection.pipeline.write_dataset", die)
        with pytest.raises(RuntimeError, match="killed"):
            rerender(states.path, tmp_path, show_progress=False)
    path = tmp_path / f"{RANDOM}.h5"
    assert not path.exists()
    parts = sorted(parts_folder(path).glob("*.h5"))
    assert len(parts) == len(open_dataset(baseline.path))
    parts[-1].unlink()
    made = collect(RANDOM, tmp_path, show_progress=False)
    same_bytes(made.path, baseline.path)
    assert made.frames == 11


def test_states_grow(states: Made, tmp_path: Path) -> None:
    collect(RANDOM, tmp_path, episodes=2, states=True, show_progress=False)
    grown = collect(RANDOM, tmp_path, states=True, workers=2, show_progress=False)
    same_bytes(grown.path, states.path)
    assert collect(RANDOM, tmp_path, states=True, show_progress=False).found


def test_states_of_other_versions_are_rendered_as_what_they_are(
    states: Made, baseline: Made, tmp_path: Path
) -> None:
    stored = open_dataset(states.path)
    old = dataclasses.replace(stored.manifest.provenance, versions={"mujoco": "3.0.0"})
    path = tmp_path / "old.states.h5"
    spec = get_dataset_spec(RANDOM)
    write_dataset(path, spec, stored.episodes(), stored.lengths, old, layout="states")
    made = rerender(path, tmp_path, Wanted(16), show_progress=False)
    assert made.manifest.content_sha256 == baseline.manifest.content_sha256
    recipe = made.manifest.provenance.recipe
    assert (recipe["kind"], recipe["source"]["versions"]) == ("render", {"mujoco": "3.0.0"})
    again = rerender(made.path, tmp_path / "again", Wanted(16), show_progress=False)
    assert again.manifest.content_sha256 == baseline.manifest.content_sha256


def test_states_of_another_body_are_refused(states: Made, longer: str, tmp_path: Path) -> None:
    with pytest.raises(OtherStatesError, match="walker_walk_longer"):
        rerender(states.path, tmp_path, Wanted(body="longer"))
    assert not list(tmp_path.iterdir())
    assert longer in DATASETS


def test_states_of_another_model_are_refused(states: Made, tmp_path: Path) -> None:
    stored = open_dataset(states.path)
    episodes = [
        dataclasses.replace(
            episode,
            infos={**episode.infos, "physics_state": episode.infos["physics_state"][:, :-1]},
        )
        for episode in stored.episodes()
    ]
    path = tmp_path / "other.states.h5"
    spec, provenance = get_dataset_spec(RANDOM), stored.manifest.provenance
    write_dataset(path, spec, episodes, stored.lengths, provenance, layout="states")
    with pytest.raises(OtherStatesError, match=r"expected states of walker_walk_short.*\(17,\)"):
        rerender(path, tmp_path, show_progress=False)
    assert not (tmp_path / f"{RANDOM}.h5").exists()


@pytest.fixture
def longer(rows: list[DatasetSpec], monkeypatch: pytest.MonkeyPatch) -> str:
    """The short dataset with another body."""
    spec = rows[0]
    monkeypatch.setattr("vd4rl_data.ids._VOCABULARY.bodies", {"longer"})
    monkeypatch.setattr("vd4rl_data.ids._VOCABULARY._pattern", None)
    task = dataclasses.replace(
        spec.task, name="walker_walk_longer", body=BODY_TASKS["walker_walk"]["b"].body
    )
    row = dataclasses.replace(
        spec.with_environments(lambda environment: dataclasses.replace(environment, task=task)),
        id=dataclasses.replace(spec.id, variant=Variant(body="longer")),
    )
    monkeypatch.setitem(DATASETS, row.name, row)
    return row.name


@pytest.mark.parametrize(
    ("wanted", "error", "match"),
    [
        (Wanted(look="500k"), InvalidSettingError, "look: expected the words of a look alone"),
        (Wanted(body="sample"), InvalidSettingError, "body: expected the words of a body alone"),
        (Wanted(look="unheard_of"), InvalidIdError, "look: variant 'unheard_of'"),
        (Wanted(body="foot_h"), InvalidIdError, "body: variant 'foot_h'.*a body of "),
        (Wanted(size=0), InvalidSettingError, "size: expected at least 1"),
    ],
)
def test_bad_words_are_refused(
    states: Made, tmp_path: Path, wanted: Wanted, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        rerender(states.path, tmp_path, wanted)
    assert not list(tmp_path.iterdir())


def test_what_needs_pixels_says_that_there_are_none(states: Made, tmp_path: Path) -> None:
    with pytest.raises(DatasetFormatError, match="python -m collection render"):
        load_dataset(states.path)
    for convert in (pack, unpack):
        with pytest.raises(DatasetFormatError, match="states alone"):
            convert(states.path, tmp_path)


class Unseen(blob.BlobSimulator):
    """Nothing that it tells is enough to draw a frame again."""

    @property
    def physics_state(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """There is none."""
        return


def test_a_simulator_without_physics_states_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = dataclasses.replace(blob.TASK, simulator=f"{__name__}:Unseen")
    row = dataclasses.replace(
        blob.SPEC.with_environments(lambda each: dataclasses.replace(each, task=task)),
        id=dataclasses.replace(blob.SPEC.id, behavior="random"),
    )
    monkeypatch.setitem(DATASETS, row.name, row)
    with pytest.raises(NoPhysicsStateError, match="cannot be kept as states"):
        collect(row.name, tmp_path, states=True, show_progress=False)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
    assert not list(tmp_path.rglob("*.parts"))


def test_command_lines(baseline: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path), "--workers", "1", "--no-progress"]
    assert main(["collect", RANDOM, "--states", *out]) == 0
    path = tmp_path / f"{RANDOM}.states.h5"
    assert f"render it  python -m collection render {path}" in capsys.readouterr().out
    assert main(["render", str(path), *out]) == 0
    same_bytes(tmp_path / f"{RANDOM}.h5", baseline.path)
    assert main(["render", str(path), "--look", "unheard_of", *out]) == 1
    assert "error: --look: variant 'unheard_of'" in capsys.readouterr().err
