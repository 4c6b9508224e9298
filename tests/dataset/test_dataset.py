"""An opened dataset: episodes, subsets, splits, pickling, and the layouts that D4RL knows."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage import processes, tiny
from vd4rl_data.dataset import (
    Dataset,
    load_dataset,
    qlearning_dataset,
    sequence_dataset,
)
from vd4rl_data.dataset.layouts import dataset_arrays
from vd4rl_data.frames import FrameArray
from vd4rl_data.storage import open_dataset

_MANY = 41


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty-one episodes of different lengths."""
    path = tmp_path_factory.mktemp("many") / "many.h5"
    tiny.write(path, tiny.episodes_of([1 + number % 4 for number in range(_MANY)]))
    return path


def _dataset(path: Path, **options: Any) -> Dataset:
    return Dataset(tiny.SPEC, [open_dataset(path)], **options)


def test_a_dataset_counts_indexes_and_iterates_episodes(stored: Path) -> None:
    dataset = load_dataset(tiny.SPEC.name)
    expected = tiny.episodes_of()
    assert len(dataset) == 3
    for number in range(-3, 3):
        assert tiny.same(dataset[number], expected[number])
    for number in (-4, 3):
        with pytest.raises(IndexError, match=f"no episode {number}, there are 3"):
            dataset[number]
    assert tiny.same(dataset[np.int64(1)], expected[1])
    assert all(tiny.same(a, b) for a, b in zip(dataset, expected, strict=True))
    assert all(tiny.same(a, b) for a, b in zip(dataset.episodes(), expected, strict=True))
    assert dataset.lengths.tolist() == [3, 2, 1]
    assert dataset.num_transitions == 6
    assert dataset.returns.tolist() == [episode.episode_return for episode in expected]
    assert repr(dataset) == (
        f"Dataset('{tiny.SPEC.name}', 3 of 3 episodes, 6 transitions, regenerated)"
    )


@pytest.mark.parametrize("options", [{}, {"max_episodes": 7}], ids=["all", "subset"])
@pytest.mark.parametrize(
    "chosen", [slice(1, 3), slice(None), slice(-2, None), slice(5, 0, -2), slice(90, 99)], ids=str
)
def test_a_slice_is_a_list_of_episodes(many: Path, options: dict[str, int], chosen: slice) -> None:
    dataset = _dataset(many, **options)
    expected = list(dataset)[chosen]
    found = dataset[chosen]
    assert isinstance(found, list)
    assert all(tiny.same(a, b) for a, b in zip(found, expected, strict=True))


def test_what_is_no_episode_number_is_told(many: Path, no_type_checks: None) -> None:
    dataset = _dataset(many)
    for number in (1.0, "1", None, [0, 1], (0, 1), np.array([0, 1])):
        with pytest.raises(TypeError, match="expected an episode number or a slice, got "):
            dataset[number]  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_scores_use_the_constants_of_the_catalog(stored: Path) -> None:
    dataset = load_dataset(tiny.SPEC.name)
    np.testing.assert_allclose(dataset.normalized_score(dataset.returns), [0.625, 1.625, 1.5])


def test_pixels_of_an_episode_are_views_of_the_file(stored: Path) -> None:
    dataset = load_dataset(tiny.SPEC.name)
    frames = dataset.stored[0].array("observations")
    assert np.shares_memory(dataset[1].observations, frames)
    assert not dataset[1].observations.flags.writeable
    assert np.shares_memory(np.asarray(dataset_arrays(dataset)["observations"]), frames)


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, _MANY + 5), min_size=2, max_size=2).map(sorted),
    shares=st.lists(st.floats(1e-6, 1), min_size=2, max_size=2).map(sorted),
)
def test_subsets_are_nested_and_of_the_size_asked_for(
    many: Path, counts: list[int], shares: list[float]
) -> None:
    stored = [open_dataset(many)]

    def chosen(**options: Any) -> set[int]:
        return set(Dataset(tiny.SPEC, stored, **options).episode_numbers().tolist())

    by_count = [chosen(max_episodes=count) for count in counts]
    by_share = [chosen(fraction=share) for share in shares]
    assert [len(numbers) for numbers in by_count] == [min(count, _MANY) for count in counts]
    assert [len(numbers) for numbers in by_share] == [max(1, round(_MANY * s)) for s in shares]
    assert by_count[0] <= by_count[1] <= set(range(_MANY))
    assert by_share[0] <= by_share[1] <= set(range(_MANY))
    assert min(by_count + by_share, key=len) <= max(by_count + by_share, key=len)
    both = chosen(max_episodes=counts[0], fraction=shares[1])
    assert len(both) == min(len(by_count[0]), len(by_share[1]))


def test_subsets_are_random_fixed_and_in_stored_order(many: Path) -> None:
    chosen = _dataset(many, max_episodes=10).episode_numbers().tolist()
    assert chosen == sorted(chosen)
    assert chosen != list(range(10))
    code = (
        "from vd4rl_data.dataset import Dataset; import sys;"
        "d = Dataset(tiny.SPEC, [open_dataset(folder)], max_episodes=10);"
        "print(d.episode_numbers().tolist())"
    )
    assert processes.run(code, many).strip() == str(chosen)


def test_a_subset_selects_the_same_episodes_everywhere(many: Path) -> None:
    whole, part = _dataset(many), _dataset(many, max_episodes=7)
    numbers = part.episode_numbers().tolist()
    assert (len(part), part.complete, whole.complete) == (7, False, True)
    assert part.lengths.tolist() == whole.lengths[numbers].tolist()
    assert part.returns.tolist() == whole.returns[numbers].tolist()
    for position, number in enumerate(numbers):
        assert tiny.same(part[position], whole[number])
    arrays = dataset_arrays(part)
    starts = part.episode_starts
    assert isinstance(arrays["observations"], FrameArray)
    for position, number in enumerate(numbers):
        rows = slice(starts[position], starts[position + 1])
        expected = whole.stored[0].episode_rows(number)
        for key, values in expected.items():
            np.testing.assert_array_equal(np.asarray(arrays[key][rows]), values)
    assert len(qlearning_dataset(part)["rewards"]) == part.num_transitions
    assert sum(1 for _ in sequence_dataset(part)) == 7


@pytest.mark.parametrize(
    "options",
    [
        {"max_episodes": 0},
        {"max_episodes": -1},
        {"max_episodes": -1, "fraction": 0.5},
        {"fraction": 0.0},
        {"fraction": 1.1},
        {"fraction": float("nan")},
    ],
    ids=str,
)
def test_impossible_subsets_are_refused(options: dict[str, Any], many: Path) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        _dataset(many, **options)


def test_splits_are_disjoint_and_cover_all(many: Path) -> None:
    dataset = _dataset(many)
    everything = dataset.episode_numbers().tolist()
    train = dataset.episode_numbers("train").tolist()
    validation = dataset.episode_numbers("validation").tolist()
    assert everything == list(range(_MANY))
    assert sorted(train + validation) == everything
    assert validation == list(dataset.manifest.validation_episodes)
    assert len(validation) == 2
    for split, numbers in (("train", train), ("validation", validation)):
        episodes = list(dataset.episodes(split))
        assert all(tiny.same(e, dataset[n]) for e, n in zip(episodes, numbers, strict=True))
    with pytest.raises(ValueError, match="split: expected one of all, train, validation"):
        dataset.episode_numbers("test")


def test_splits_of_subsets_follow_the_manifest(many: Path) -> None:
    held_out = set(_dataset(many).episode_numbers("validation").tolist())
    part = _dataset(many, fraction=0.9)
    assert set(part.episode_numbers("train").tolist()).isdisjoint(held_out)
    assert set(part.episode_numbers("validation").tolist()) <= held_out
    for count in range(2, _MANY + 1):
        part = _dataset(many, max_episodes=count)
        validation = part.episode_numbers("validation").tolist()
        assert len(validation) == max(1, round(count * len(held_out) / _MANY))
        assert len(part.episode_numbers("train")) + len(validation) == count


def test_a_single_episode_is_for_training(many: Path) -> None:
    for options in ({"max_episodes": 1}, {"fraction": 1e-6}):
        single = _dataset(many, **options)
        assert single.episode_numbers("train").tolist() == single.episode_numbers().tolist()
        with pytest.raises(ValueError, match="'validation': none of the 1 selected episodes is"):
            single.episode_numbers("validation")
        with pytest.raises(ValueError, match=r"select more episodes, at least 2 of a part"):
            list(single.episodes("validation"))


def _same_dataset(a: Dataset, b: Dataset) -> bool:
    return (a.spec, a.paths, a.manifests, a.episode_numbers().tolist()) == (
        b.spec,
        b.paths,
        b.manifests,
        b.episode_numbers().tolist(),
    ) and all(tiny.same(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("layout", ["flat", "packed"])
@pytest.mark.parametrize("options", [{}, {"fraction": 0.5}], ids=["all", "subset"])
def test_a_dataset_survives_pickling(
    layout: str, options: dict[str, float], parts: tuple[Path, Path]
) -> None:
    if layout == "packed":
        from vd4rl_data.storage import pack

        for path in parts:
            pack(path, shard_raw_bytes=1)
            path.unlink()
    dataset = load_dataset(tiny.MEDIUM_EXPERT.name, **options)
    assert dataset.columns.rewards.size
    content = pickle.dumps(dataset)
    assert len(content) < 4000
    copy = pickle.loads(content)
    assert _same_dataset(copy, dataset)


def test_pickling_keeps_only_the_place_of_the_pixels(tmp_path: Path) -> None:
    """Samplers and frame arrays of a flat file go to worker processes by path."""
    path = tmp_path / "long.h5"
    tiny.write(path, [tiny.episode_of(5000, infos=False)])
    dataset = _dataset(path)
    frames = dataset.columns.frames
    assert frames.nbytes > 200_000
    assert len(pickle.dumps(frames)) < 2000
    copy = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(copy[17], frames[17])
    for sampler in (dataset.transitions(4, rng=0), dataset.sequences(4, 8, rng=0)):
        assert frames[17].tobytes() not in pickle.dumps(sampler)
    assert frames[17].tobytes() in frames[10:20].tobytes()


def test_a_dataset_opened_by_a_relative_path_survives_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write(tmp_path / "x.h5")
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(load_dataset("x.h5"))
    monkeypatch.chdir("/")
    copy = pickle.loads(content)
    assert tiny.same(copy[0], tiny.episodes_of()[0])


@pytest.mark.parametrize("spec", [tiny.SPEC, tiny.MEDIUM_EXPERT], ids=["one file", "composite"])
def test_samplers_draw_from_the_chosen_episodes_alone(
    spec: Any, stored: Path, parts: tuple[Path, Path]
) -> None:
    dataset = load_dataset(spec.name, max_episodes=2)
    allowed = {
        episode.observations[t].tobytes() for episode in dataset for t in range(len(episode))
    }
    batches = dataset.transitions(2, rng=0, epochs=3)
    drawn = [
        frame.tobytes() for batch in batches for frame in np.asarray(batch.observations)[:, -1]
    ]
    assert len(drawn) == 3 * dataset.num_transitions
    assert set(drawn) == allowed
