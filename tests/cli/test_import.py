"""``vd4rl import`` and ``vd4rl export``: there and back, and what they say."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import ID, OFFICIAL_FORMATS, SAMPLE, Run, make_episodes, write
from vd4rl_data import load_dataset
from vd4rl_data.episode import Episode
from vd4rl_data.formats import export_dataset, find_format
from vd4rl_data.importing import parts_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import open_dataset
from vd4rl_data.storage.naming import flat_path


def _equal(left: Episode, right: Episode) -> bool:
    fields = ("observations", "actions", "rewards", "discounts")
    same = all(np.array_equal(getattr(left, name), getattr(right, name)) for name in fields)
    return same and (left.terminated, left.truncated) == (right.terminated, right.truncated)


@pytest.mark.parametrize("kind", OFFICIAL_FORMATS)
def test_an_export_comes_back_equal(run: Run, dataset: Path, tmp_path: Path, kind: str) -> None:
    exported = run("export", dataset, "--format", kind, "--out", tmp_path / "official")
    assert exported.status == 0, exported.err
    count = 4 if find_format(kind).one_per_file else 1
    assert exported.out.startswith(f"{tmp_path / 'official'}: 4 episodes in {count} files, ")
    imported = run("import", tmp_path / "official", "--id", ID, "--out", tmp_path / "again")
    assert imported.status == 0, imported.err
    before, after = open_dataset(dataset), open_dataset(flat_path(tmp_path / "again", ID))
    assert len(after) == len(before) == 4
    assert all(map(_equal, before.episodes(), after.episodes()))
    assert after.manifest.origin == "regenerated"  # what it was before
    assert run("verify", after.path).status == 0


def test_the_bundled_sample_comes_back_equal(run: Run, tmp_path: Path) -> None:
    official, again = tmp_path / "official", tmp_path / "again"
    assert run("export", SAMPLE, "--format", "vd4rl-npz", "--out", official).status == 0
    assert run("import", official, "--id", ID, "--out", again).status == 0
    pairs = zip(load_dataset(SAMPLE), load_dataset(ID, root=again, source="local"), strict=True)
    assert all(_equal(left, right) for left, right in pairs)


def test_a_folder_of_another_suite_in_the_same_format(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    """LQV-D4RL's archives lie in LQV-D4RL/hopper_hop/random, without a folder for the size."""
    name = "LQVD4RL/hopper_hop-random-64px-v0"
    episodes = make_episodes(get_dataset_spec(name))
    folder = tmp_path / "LQV-D4RL" / "hopper_hop" / "random"
    export_dataset(episodes, folder, "vd4rl-npz")
    assert "random in it hold some" in run("import", folder.parent, "--id", name).err
    imported = run("import", folder, "--id", name)
    assert imported.status == 0, imported.err
    stored = open_dataset(flat_path(data_dir, name))
    assert (stored.manifest.origin, stored.manifest.complete) == ("imported", False)
    assert all(map(_equal, stored.episodes(), episodes))


@pytest.mark.parametrize("kind", OFFICIAL_FORMATS)
def test_an_import_tells_rewards_that_the_task_cannot_pay(
    run: Run, tmp_path: Path, kind: str
) -> None:
    """A time step of the walker pays 0 to 2; the returns alone would pass."""
    first, *others = make_episodes(get_dataset_spec(ID))
    rewards = first.rewards.copy()
    rewards[0] = 7.5
    strange = [dataclasses.replace(first, rewards=rewards), *others]
    export_dataset(strange, tmp_path / "official", kind)
    imported = run("import", tmp_path / "official", "--id", ID)
    assert imported.status == 0, imported.err
    assert re.search(
        r"IMPOSSIBLE: 1 of 18 rewards, 0\.\d+ to 7\.5, but a time step of walker_walk", imported.out
    )


def test_what_an_import_says(run: Run, either: Path, data_dir: Path) -> None:
    finished = run("import", either, "--id", ID)
    assert finished.err == ""
    path = flat_path(data_dir, ID)
    files = len(list(either.iterdir()))
    for text in (
        "published",
        "42.3",
        "the means DIFFER",
        f"file      {path}\n",
        f"sources   {files} files, 0 known as official by their SHA-256: origin 'imported'\n",
        'episodes  4 of 200: INCOMPLETE; the id is not loaded from this file unless source="local"',
        f"open it   vd4rl_data.load_dataset('{ID}', source=\"local\")\n",
    ):
        assert text in finished.out, text
    assert "repaired" not in finished.out
    assert not parts_folder(path).exists()
    again = run("import", either, "--id", ID)
    assert again.status == 0
    assert f"file      {path} (was there already)\n" in again.out


def test_a_complete_import_says_so(run: Run, tmp_path: Path) -> None:
    episodes = make_episodes(get_dataset_spec(ID), [1, 2])
    export_dataset(episodes, tmp_path / "official", "vd4rl-hdf5")
    finished = run("import", tmp_path / "official", "--id", SAMPLE, "--out", tmp_path)
    assert "episodes  2 of 2: complete\n" in finished.out
    assert f"load_dataset('{SAMPLE}', root='{tmp_path}')" in finished.out
    assert "no published returns to compare with" in finished.out


def test_repairs_are_reported_and_recorded(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "official"
    paths = export_dataset(make_episodes(get_dataset_spec(ID)), folder, "vd4rl-npz")
    with np.load(paths[2]) as archive:
        arrays = dict(archive)
    arrays["is_last"] = np.append(arrays["is_last"], True)
    np.savez_compressed(paths[2], **arrays, mystery=np.zeros(3))
    finished = run("import", folder, "--id", ID, "--out", tmp_path)
    assert f"repaired  {paths[2].name}: left out the unknown array 'mystery'\n" in finished.out
    assert f"repaired  {paths[2].name}: flags longer than the 7 rows of data" in finished.out
    provenance = open_dataset(flat_path(tmp_path, ID)).manifest.provenance
    assert len(provenance.repairs) == 2
    assert [file["name"] for file in provenance.sources] == [path.name for path in paths]


def test_export_takes_complete_data_unless_told(run: Run, dataset: Path, tmp_path: Path) -> None:
    arguments = ("export", ID, "--format", "vd4rl-hdf5", "--out", tmp_path / "new")
    finished = run(*arguments)
    assert finished.status == 2
    assert "holds 4 of 200 episodes" in finished.err
    assert run(*arguments, "--source", "local").status == 0


@pytest.mark.parametrize("kind", OFFICIAL_FORMATS)
@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        ("official", "imported"),
        ("imported", "imported"),
        ("regenerated", "regenerated"),
        ("sample", "sample"),
    ],
)
def test_where_data_came_from_survives_the_official_formats(
    run: Run, data_dir: Path, tmp_path: Path, kind: str, origin: str, kept: str
) -> None:
    path = write(data_dir, origin=origin)
    before = open_dataset(path).manifest
    official = tmp_path / "official"
    assert run("export", path, "--format", kind, "--out", official).status == 0
    finished = run("import", official, "--id", ID, "--out", tmp_path / "again")
    assert finished.status == 0, finished.err
    after = open_dataset(flat_path(tmp_path / "again", ID)).manifest
    assert after.origin == kept
    (part,) = after.provenance.recipe["exported_from"]
    assert part["content_sha256"] == before.content_sha256
    assert part["provenance"]["recipe"] == {"made": "by a test"}
    assert part["provenance"]["origin"] == origin
    assert f"{ID}: nothing broke" in after.provenance.repairs


_LIES = {
    "another file": lambda text: text.replace('"sha256": "', '"sha256": "0', 1),
    "another format": lambda text: text.replace("vd4rl-data export", "mine"),
    "an unknown origin": lambda text: text.replace('"origin": "sample"', '"origin": "best"'),
    "no manifest": lambda text: json.dumps({**json.loads(text), "manifests": []}),
    "no JSON": lambda text: text[:-9],
    "a list": lambda text: f"[{text}]",
    "deep": lambda text: "[" * 100_000,
}


@pytest.mark.parametrize("lie", _LIES)
def test_what_lies_beside_foreign_files_is_not_believed(
    run: Run, data_dir: Path, tmp_path: Path, lie: str
) -> None:
    path = write(data_dir, origin="sample")
    official = tmp_path / "official"
    assert run("export", path, "--format", "vd4rl-npz", "--out", official).status == 0
    note = official / "provenance.json"
    note.write_text(_LIES[lie](note.read_text("utf-8")), "utf-8")
    finished = run("import", official, "--id", ID, "--out", tmp_path / "again")
    assert finished.status == 0, finished.err
    assert "provenance.json is not used: " in finished.err
    after = open_dataset(flat_path(tmp_path / "again", ID)).manifest
    assert after.origin == "imported"
    assert "exported_from" not in after.provenance.recipe


def test_episodes_with_and_without_proprioception(run: Run, folder: Path, tmp_path: Path) -> None:
    """Two recorders in one folder: what not all episodes have is left out of all."""
    paths = sorted(folder.iterdir())
    for path in paths[:3]:
        with np.load(path) as archive:
            arrays = dict(archive)
        rows = len(arrays["action"])
        state = {"orientations": (rows, 14), "height": (rows,), "velocity": (rows, 9)}
        arrays |= {key: np.zeros(shape, np.float32) for key, shape in state.items()}
        np.savez_compressed(path, **arrays)
    finished = run("import", folder, "--id", ID, "--out", tmp_path)
    assert finished.status == 0, finished.err
    assert "repaired  left out infos/state: 1 of 4 episodes have none\n" in finished.out
    stored = open_dataset(flat_path(tmp_path, ID))
    assert all(episode.infos == {} for episode in stored.episodes())
    paths[3].unlink()
    assert run("import", folder, "--id", ID, "--out", tmp_path / "three").status == 0
    stored = open_dataset(flat_path(tmp_path / "three", ID))
    assert {episode.infos["state"].shape[1] for episode in stored.episodes()} == {24}
