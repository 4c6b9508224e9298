"""What is true of a dataset is true in whatever files it lies: properties over small composites."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage import tiny
from vd4rl_data.dataset import Dataset, find_fingerprint, get_dataset, load_dataset
from vd4rl_data.storage import Manifest, StoredDataset, open_dataset, pack, unpack, verify_dataset
from vd4rl_data.storage.naming import flat_path

PARTS = (tiny.MEDIUM, tiny.EXPERT)
NAME = tiny.MEDIUM_EXPERT.name
FACTS: dict[str, Any] = {
    "numbers": lambda d: d.episode_numbers().tolist(),
    "train": lambda d: d.episode_numbers("train").tolist(),
    "held out": lambda d: [n for n in d.episode_numbers() if n not in d.episode_numbers("train")],
    "lengths": lambda d: d.lengths.tolist(),
    "returns": lambda d: d.returns.tobytes(),
    "transitions": lambda d: d.num_transitions,
    "complete": lambda d: d.complete,
    "starts": lambda d: d.columns.starts.tolist(),
    "origins": lambda d: {manifest.origin for manifest in d.manifests},
    "license": lambda d: {manifest.license for manifest in d.manifests},
    "renderers": lambda d: {manifest.provenance.renderer for manifest in d.manifests},
    "versions": lambda d: next(dict(m.provenance.versions) for m in d.manifests),
}


@contextmanager
def _folder(counts: tuple[int, int]) -> Generator[Path]:
    """Both parts of the composite, with so many episodes."""
    folder = Path(tempfile.mkdtemp())
    try:
        for spec, count, start in zip(PARTS, counts, (0, 7), strict=True):
            lengths = [1 + number % 3 for number in range(count)]
            episodes = tiny.episodes_of(lengths, start=start)
            tiny.write(flat_path(folder, spec.name), episodes, spec=spec)
        yield folder
    finally:
        shutil.rmtree(folder)


def _containers(folder: Path, **options: Any) -> dict[str, Dataset]:
    """The composite as a view of its parts, as one file, packed, and unpacked again."""
    settings: dict[str, Any] = {"source": "local", "root": folder, **options}
    datasets = {"view": load_dataset(NAME, **settings)}
    datasets["file"] = load_dataset(NAME, materialize=True, **settings)
    flat = flat_path(folder, NAME)
    shards = pack(flat, folder / "packed", shard_raw_bytes=1)
    again = unpack(shards[0], folder / "again.h5")
    subset = {name: options.get(name) for name in ("max_episodes", "fraction")}
    for title, path in (("packed", shards[0]), ("unpacked", again)):
        datasets[title] = load_dataset(path, **subset)
    return datasets


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    counts=st.tuples(st.integers(1, 25), st.integers(1, 25)),
    options=st.one_of(
        st.just({}),
        st.fixed_dictionaries({"max_episodes": st.integers(1, 55)}),
        st.fixed_dictionaries({"fraction": st.floats(0.01, 1.0)}),
    ),
)
def test_every_fact_of_a_composite_is_that_of_its_parts(
    counts: tuple[int, int], options: dict[str, Any]
) -> None:
    with _folder(counts) as folder:
        datasets = _containers(folder, **options)
        for fact, of in FACTS.items():
            found = {title: of(dataset) for title, dataset in datasets.items()}
            assert all(value == found["view"] for value in found.values()), (fact, found)
        assert verify_dataset(flat_path(folder, NAME)).problems == ()


def test_the_split_of_a_composite_survives_its_file() -> None:
    """The numbers that were once reported wrong: views held out others than the file."""
    with _folder((20, 40)) as folder:
        view, file, *_ = _containers(folder).values()
        expected = view.episode_numbers("validation").tolist()
        parts = [open_dataset(path).manifest.validation_episodes for path in view.paths]
        assert expected == [*parts[0], *(20 + number for number in parts[1])]
        assert file.episode_numbers("validation").tolist() == expected
        assert file.manifest.validation_episodes == tuple(expected)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    chosen=st.lists(st.integers(1, 420), min_size=2, max_size=2).map(sorted),
)
def test_subsets_of_composites_are_nested_and_fair(
    counts: tuple[int, int], chosen: list[int]
) -> None:
    from vd4rl_data.dataset.subset import Part, choose_episodes

    first = np.arange(counts[0])
    second = np.arange(counts[0], sum(counts))
    parts = [Part(part[len(part) // 20 :], part[: len(part) // 20]) for part in (first, second)]
    small, large = (set(choose_episodes(parts, n, None).tolist()) for n in chosen)
    assert small <= large
    for numbers, asked in zip((small, large), chosen, strict=True):
        total = min(asked, sum(counts))
        assert len(numbers) == total
        for part in parts:
            quota = total * len(part) / sum(counts)
            got = len(numbers & set(np.concatenate([part.train, part.validation]).tolist()))
            assert abs(got - quota) <= 1
            held_out = len(numbers & set(part.validation.tolist()))
            if len(part.validation) and got >= 2:
                fair = got * len(part.validation) / len(part)
                assert 1 <= held_out <= max(1, fair + 0.5)
                assert held_out >= fair - 0.5
            assert got == 0 or held_out < got


@pytest.mark.parametrize("count", [10, 20, 57])
def test_a_subset_is_drawn_apart_from_the_split(count: int) -> None:
    """Once, ten episodes of two hundred were ten of the ten that are held out."""
    from vd4rl_data.dataset.subset import Part, choose_episodes
    from vd4rl_data.storage.manifest import validation_split

    held_out = np.array(validation_split([200]))
    train = np.setdiff1d(np.arange(200), held_out)
    chosen = choose_episodes([Part(train, held_out)], count, None)
    assert np.isin(chosen, held_out).sum() == max(1, (count + 10) // 20)


def test_a_short_part_makes_no_complete_composite_however_long_the_other_is() -> None:
    """Five episodes are as many as the catalog's, but they are not those."""
    with _folder((4, 1)) as folder:
        datasets = _containers(folder)
        assert [dataset.complete for dataset in datasets.values()] == [False] * 4
        assert datasets["file"].manifest.complete is False
        assert verify_dataset(flat_path(folder, NAME)).problems == ()


def test_the_fingerprint_of_a_composite_is_the_same_from_its_file(
    parts: tuple[Path, Path],
) -> None:
    lazy = find_fingerprint(NAME)
    load_dataset(NAME, materialize=True)
    for path in parts:
        path.unlink()
    stored = find_fingerprint(NAME)
    assert lazy is not None
    assert stored is not None
    assert lazy.renderer == stored.renderer
    np.testing.assert_array_equal(lazy.frames, stored.frames)
    np.testing.assert_array_equal(lazy.physics_states, stored.physics_states)


def test_parts_that_were_drawn_differently_have_no_fingerprint_together(data_dir: Path) -> None:
    for spec, renderer in zip(PARTS, ("one", "another"), strict=True):
        provenance = dataclasses.replace(tiny.PROVENANCE, renderer=renderer)
        tiny.write(flat_path(data_dir, spec.name), spec=spec, provenance=provenance)
    file = load_dataset(NAME, source="local", materialize=True)
    assert file.manifest.provenance.renderer == "unknown"
    assert file.manifest.fingerprint_rows == ()


def test_the_arrays_of_a_composite_are_the_same_from_its_file(parts: tuple[Path, Path]) -> None:
    lazy = get_dataset(NAME)
    stored = get_dataset(NAME, materialize=True)
    assert lazy.keys() == stored.keys()
    for key, values in lazy.items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(stored[key]))


def test_what_is_drawn_again_keeps_the_split_of_its_source(data_dir: Path) -> None:
    for spec in PARTS:
        episodes = tiny.episodes_of([1] * 30)
        tiny.write(flat_path(data_dir, spec.name), episodes, spec=spec)
    source = load_dataset(NAME, source="local", materialize=True)
    recipe = {"kind": "render", "source": {"recipe": dict(source.manifest.provenance.recipe)}}
    path = data_dir / "again.h5"
    manifest = tiny.write(
        path,
        list(source),
        spec=tiny.MEDIUM_EXPERT,
        provenance=dataclasses.replace(source.manifest.provenance, recipe=recipe),
    )
    assert manifest.validation_episodes == source.manifest.validation_episodes
    assert manifest.fingerprint_rows == source.manifest.fingerprint_rows
    assert verify_dataset(path).problems == ()


def test_a_file_composed_before_its_parts_were_counted_gives_way_to_them(
    parts: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its split is not theirs; it can still be read where they are gone."""
    from vd4rl_data.dataset import composite

    def old(part: StoredDataset) -> dict[str, Any]:
        return {
            "dataset_id": part.manifest.dataset_id,
            "content_sha256": part.manifest.content_sha256,
        }

    with monkeypatch.context() as patch:
        patch.setattr(composite, "_part", old)
        own = load_dataset(NAME, materialize=True).paths
    assert verify_dataset(own[0]).problems == ()
    assert load_dataset(NAME).paths == parts
    parts[0].unlink()
    assert load_dataset(NAME).paths == own
    assert len(load_dataset(NAME).episode_numbers("validation")) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("validation_episodes", [5]),
        ("validation_episodes", [-1]),
        ("validation_episodes", [1, 1]),
        ("composed_of", [{"num_episodes": 1}]),
        ("composed_of", [{"num_episodes": "5"}]),
        ("composed_of", 7),
    ],
)
def test_a_manifest_whose_numbers_do_not_fit_is_refused(
    field: str, value: Any, parts: tuple[Path, Path]
) -> None:
    from vd4rl_data.errors import DatasetFormatError

    manifest = load_dataset(NAME, materialize=True).manifest
    values = json.loads(manifest.to_json())
    place = values if field in values else values["provenance"]["recipe"]
    assert Manifest.from_json(json.dumps(values), "here") == manifest
    place[field] = value
    with pytest.raises(DatasetFormatError, match="here: manifest"):
        Manifest.from_json(json.dumps(values), "here")
