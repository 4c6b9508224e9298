"""From an id to files: which are found, which are refused, what is said, what is written."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from tests.storage import damage, tiny
from vd4rl_data import ways
from vd4rl_data.dataset import (
    dataset_id_of,
    get_dataset,
    load_dataset,
    qlearning_dataset,
    sequence_dataset,
)
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    DatasetNotFoundError,
    InvalidIdError,
    UnknownDatasetError,
)
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import Provenance, pack, reader
from vd4rl_data.storage.naming import flat_path, sidecar_path


def test_an_id_finds_the_file_of_the_data_folder(stored: Path) -> None:
    dataset = load_dataset(tiny.SPEC.name)
    assert (dataset.id, dataset.paths, len(dataset)) == (tiny.SPEC.name, (stored,), 3)
    assert dataset.spec is tiny.SPEC
    assert dataset.complete
    assert dataset.manifest.provenance == tiny.PROVENANCE
    for episode, expected in zip(dataset, tiny.episodes_of(), strict=True):
        assert tiny.same(episode, expected)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_taken_as_it_is(kind: type, tmp_path: Path) -> None:
    path = tmp_path / "any name.h5"
    tiny.write(path, tiny.episodes_of((3, 2)))
    dataset = load_dataset(kind(path))
    assert (dataset.spec, dataset.paths, dataset.complete) == (tiny.SPEC, (path,), False)


def test_a_path_of_a_dataset_that_nobody_knows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write(tmp_path / "x.h5")
    monkeypatch.delitem(DATASETS, tiny.SPEC.name)
    with pytest.raises(UnknownDatasetError, match="Tiny/dot_move-random-4px-v0"):
        load_dataset(tmp_path / "x.h5")
    with pytest.raises(FileNotFoundError, match="no dataset file at"):
        load_dataset(tmp_path / "y.h5")


def test_root_is_looked_in_alone(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=f"looked in {tmp_path}\\."):
        load_dataset(tiny.SPEC.name, root=tmp_path)
    mine = flat_path(tmp_path, tiny.SPEC.name)
    tiny.write(mine)
    assert load_dataset(tiny.SPEC.name, root=tmp_path).paths == (mine,)
    assert load_dataset(tiny.SPEC.name, root=str(tmp_path)).paths == (mine,)
    assert load_dataset(tiny.SPEC.name).paths == (stored,)


def test_flat_comes_before_packed_and_packed_is_found_too(stored: Path) -> None:
    shards = pack(stored, shard_raw_bytes=1)
    assert load_dataset(tiny.SPEC.name).paths == (stored,)
    stored.unlink()
    dataset = load_dataset(tiny.SPEC.name)
    assert dataset.paths == (shards[0],)
    for episode, expected in zip(dataset, tiny.episodes_of(), strict=True):
        assert tiny.same(episode, expected)
    np.testing.assert_array_equal(
        dataset.columns.frames[2:6],
        np.concatenate([episode.observations for episode in tiny.episodes_of()])[2:6],
    )


def test_auto_refuses_an_incomplete_file_and_says_how_to_take_it(data_dir: Path) -> None:
    path = flat_path(data_dir, tiny.SPEC.name)
    tiny.write(path, tiny.episodes_of((3, 2)))
    message = f'{path} holds 2 of 3 episodes \\(source="local" takes it all the same\\)'
    with pytest.raises(DatasetNotFoundError, match=message):
        load_dataset(tiny.SPEC.name)
    dataset = load_dataset(tiny.SPEC.name, source="local")
    assert (len(dataset), dataset.complete) == (2, False)
    assert "2 of 3 episodes" in repr(dataset)


def test_auto_passes_over_an_incomplete_file_to_a_complete_one(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, full = (flat_path(folder, tiny.SPEC.name) for folder in (data_dir, tmp_path))
    tiny.write(short, tiny.episodes_of((3,)))
    tiny.write(full)
    monkeypatch.setenv("VD4RL_SHARED_DATA_DIRS", str(tmp_path))
    assert load_dataset(tiny.SPEC.name).paths == (full,)
    assert load_dataset(tiny.SPEC.name, source="local").paths == (short,)


def test_an_unknown_source_is_refused(stored: Path) -> None:
    with pytest.raises(
        ValueError, match="source: expected auto, local or hf://USER/NAME, got 'remote'"
    ):
        load_dataset(tiny.SPEC.name, source="remote")


@pytest.mark.parametrize(
    ("origin", "level", "words"),
    [
        ("regenerated", logging.WARNING, "a regenerated copy, not the authors' files"),
        ("official", logging.INFO, "official copy"),
        ("imported", logging.INFO, "imported copy"),
    ],
)
def test_one_line_says_what_is_taken(
    origin: str, level: int, words: str, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = flat_path(data_dir, tiny.SPEC.name)
    tiny.write(path, provenance=Provenance(origin))
    with caplog.at_level(logging.INFO, logger="vd4rl_data"):
        load_dataset(tiny.SPEC.name)
    ((logger, found, text),) = caplog.record_tuples
    assert (logger, found) == ("vd4rl_data", level)
    assert words in text
    assert tiny.SPEC.name in text
    assert str(path) in text
    assert "\n" not in text


def test_a_random_dataset_that_is_missing_can_be_made_or_imported(
    data_dir: Path, repository: Path
) -> None:
    name = "VD4RL/cheetah_run-random-84px-v0"
    with pytest.raises(DatasetNotFoundError) as caught:
        load_dataset(name)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{name} is not on this machine; looked in {data_dir}."
    assert lines[1].startswith(f"It could not be fetched: {name}: conglu/vd4rl cannot be asked")
    assert "HF_HUB_OFFLINE" in lines[1]
    assert lines[2:] == [
        "Fetch the authors' public files (200 of 200 episodes) again, once that is fixed:",
        f"    vd4rl download {name}",
        "Make it again from nothing:",
        f"    cd {repository}",
        '    pip install -e ".[collection]"',
        f"    python -m collection collect {name}",
        "Convert files of the authors that you have:",
        f"    vd4rl import FOLDER --id {name}",
    ]
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, FileNotFoundError)


def test_the_wheel_alone_says_that_a_clone_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "_CLONE", tmp_path / "site-packages")
    with pytest.raises(DatasetNotFoundError, match="cd CLONE   # a clone of the vd4rl-data"):
        load_dataset("VD4RL/cheetah_run-random-84px-v0")


def test_ids_are_checked_before_anything_is_looked_for() -> None:
    with pytest.raises(InvalidIdError, match="the newest is VD4RL/walker_walk-random-64px-v0"):
        load_dataset("VD4RL/walker_walk-random-64px")
    with pytest.raises(UnknownDatasetError, match="Did you mean"):
        load_dataset("VD4RL/walker_walk-medium_replay-64px-v1")


def test_a_file_of_another_dataset_under_the_id_is_refused(
    parts: tuple[Path, Path], data_dir: Path
) -> None:
    medium, expert = parts
    shutil.copy(expert, medium)
    message = f"dataset_id: expected {tiny.MEDIUM.name}, got {tiny.EXPERT.name}"
    for name in (tiny.MEDIUM.name, tiny.MEDIUM_EXPERT.name):
        with pytest.raises(DatasetFormatError, match=message):
            load_dataset(name)
    shutil.copy(expert, flat_path(data_dir, tiny.MEDIUM_EXPERT.name))
    with pytest.raises(DatasetFormatError, match=f"expected {tiny.MEDIUM_EXPERT.name}"):
        load_dataset(tiny.MEDIUM_EXPERT.name)


@pytest.mark.parametrize(
    ("key", "crop", "message"),
    [
        (
            "observations",
            np.s_[:, :3],
            r"observations: expected frames \(4, 4, 3\), got \(3, 4, 3\)",
        ),
        ("actions", np.s_[:, :1], "actions: expected 2 dimensions, got 1"),
    ],
    ids=["size", "actions"],
)
def test_a_file_that_the_catalog_contradicts_is_refused(
    key: str, crop: Any, message: str, stored: Path
) -> None:
    damage.rewrite(stored, lambda file: damage.replace(file, key, data=file[key][crop]))
    for dataset in (stored, tiny.SPEC.name):
        with pytest.raises(DatasetFormatError, match=message):
            load_dataset(dataset)


def test_a_damaged_file_is_an_error_and_not_passed_over(stored: Path) -> None:
    damage.flip(stored, stored.stat().st_size - 1)
    for source in ("auto", "local"):
        with pytest.raises(CorruptFileError, match="the bytes were altered"):
            load_dataset(tiny.SPEC.name, source=source)


def test_packed_files_too_large_to_decode_can_still_be_looked_at(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(stored, shard_raw_bytes=1)
    stored.unlink()
    monkeypatch.setattr(reader, "DECODE_LIMIT", 100)
    dataset = load_dataset(tiny.SPEC.name)
    assert "3 of 3 episodes, 6 transitions" in repr(dataset)
    assert dataset.returns.tolist() == [1.5, 5.5, 5.0]
    assert len(list(sequence_dataset(dataset))) == 3
    with pytest.raises(DatasetFormatError, match="unpack it once: vd4rl unpack"):
        dataset.transitions(2)
    with pytest.raises(DatasetFormatError, match="unpack it once: vd4rl unpack"):
        get_dataset(tiny.SPEC.name)


class _Environment:
    """What ``gymnasium.make`` returns, as far as we look at it."""

    def __init__(self, name: Any) -> None:
        self.spec = None if name is None else EnvSpec(id=name)


def test_environments_stand_for_their_id(stored: Path) -> None:
    environment = _Environment(tiny.SPEC.name)
    assert dataset_id_of(environment) == dataset_id_of(tiny.SPEC.name) == tiny.SPEC.name
    by_env, by_id = get_dataset(environment), get_dataset(tiny.SPEC.name)
    assert by_env.keys() == by_id.keys()
    for key in by_id:
        np.testing.assert_array_equal(by_env[key], by_id[key])
    assert len(qlearning_dataset(environment)["rewards"]) == 6
    assert len(list(sequence_dataset(environment))) == 3
    for nothing in (_Environment(None), 7, object()):
        with pytest.raises(UnknownDatasetError, match=r"made by gymnasium\.make, got"):
            get_dataset(nothing)


def test_a_broken_sidecar_does_not_stop_anybody_from_loading(stored: Path) -> None:
    sidecar_path(stored).write_text("{")
    assert len(load_dataset(tiny.SPEC.name)) == 3
