"""What is pickled belongs to the data it was made of, not to whatever lies at its path later."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.storage import tiny
from vd4rl_data.dataset import Dataset, get_dataset, load_dataset
from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetChangedError
from vd4rl_data.storage import Provenance, pack

MAKERS: dict[str, Callable[[Dataset], Any]] = {
    "dataset": lambda dataset: dataset,
    "columns": lambda dataset: dataset.columns,
    "frames": lambda dataset: dataset.columns.frames,
    "transitions": lambda dataset: dataset.transitions(2, rng=0),
    "sequences": lambda dataset: dataset.sequences(2, 1, rng=0),
    "dictionary": lambda dataset: get_dataset(dataset.id),
    "dictionary, d4rl": lambda dataset: get_dataset(dataset.id, layout="d4rl"),
}


def _torch(kind: str) -> Callable[[Dataset], Any]:
    def make(dataset: Dataset) -> Any:
        pytest.importorskip("torch")
        from vd4rl_data import pytorch

        window = () if "Transitions" in kind else (1,)
        return getattr(pytorch, kind)(dataset, 2, *window, rng=0)

    return make


for _kind in ("TorchTransitions", "TorchSequences", "IterableTransitions", "IterableSequences"):
    MAKERS[_kind] = _torch(_kind)


def _changed(episodes: list[Episode]) -> list[Episode]:
    """Other pixels, the same sizes: a collection with another seed, byte for byte as long."""
    return [
        dataclasses.replace(episode, observations=255 - episode.observations)
        for episode in episodes
    ]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("spec", [tiny.SPEC, tiny.MEDIUM_EXPERT], ids=["one file", "composite"])
def test_what_was_made_of_a_file_that_was_written_anew_does_not_unpickle(
    make: Callable[[Dataset], Any], spec: Any, stored: Path, parts: tuple[Path, Path]
) -> None:
    content = pickle.dumps(make(load_dataset(spec.name)))
    pickle.loads(content)
    path = stored if spec is tiny.SPEC else parts[1]
    dataset = load_dataset(path)
    size = path.stat().st_size
    tiny.write(path, _changed(list(dataset)), spec=dataset.spec)
    assert path.stat().st_size == size
    with pytest.raises(DatasetChangedError, match=rf"{path.name}.*load the dataset again"):
        pickle.loads(content)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_file_that_is_written_anew_alike_is_the_same(
    make: Callable[[Dataset], Any], stored: Path
) -> None:
    content = pickle.dumps(make(load_dataset(tiny.SPEC.name)))
    stored.unlink()
    tiny.write(stored)
    pickle.loads(content)


@pytest.mark.parametrize("name", ["transitions", "frames", "IterableTransitions"])
def test_what_is_pickled_after_its_file_was_replaced_still_belongs_to_the_old_one(
    name: str, stored: Path
) -> None:
    """The mapping shows the old file; the path names the new one."""
    dataset = load_dataset(tiny.SPEC.name)
    made = MAKERS[name](dataset)
    tiny.write(stored, _changed(list(dataset)))
    content = pickle.dumps(made)
    with pytest.raises(DatasetChangedError):
        pickle.loads(content)


@pytest.mark.parametrize("layout", ["flat", "packed"])
def test_another_manifest_of_the_same_data_is_another_dataset(layout: str, stored: Path) -> None:
    """It may hold out other episodes."""
    paths = [stored]
    if layout == "packed":
        paths = pack(stored, shard_raw_bytes=1)
        stored.unlink()
    dataset = load_dataset(tiny.SPEC.name)
    content = pickle.dumps(dataset)
    pickle.loads(content)
    other = stored.with_name("other.h5")
    tiny.write(other, tiny.episodes_of(), provenance=Provenance("imported"))
    if layout == "packed":
        for path, new in zip(paths, pack(other, shard_raw_bytes=1), strict=True):
            new.replace(path)
    else:
        other.replace(stored)
    assert load_dataset(tiny.SPEC.name).manifest.content_sha256 == dataset.manifest.content_sha256
    with pytest.raises(DatasetChangedError, match="expected the dataset that was pickled"):
        pickle.loads(content)


@pytest.mark.torch
def test_workers_of_a_loader_do_not_mix_old_actions_with_new_frames(stored: Path) -> None:
    DataLoader = pytest.importorskip("torch").utils.data.DataLoader  # noqa: N806

    dataset = load_dataset(tiny.SPEC.name)
    items = MAKERS["IterableTransitions"](dataset)
    loader = DataLoader(items, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    batch = next(iter(loader))
    assert np.asarray(batch.observations).shape == (2, 1, 4, 4, 3)
    tiny.write(stored, _changed(list(dataset)))
    with pytest.raises(RuntimeError):  # of the loader, whose worker ended with our error
        next(iter(loader))
