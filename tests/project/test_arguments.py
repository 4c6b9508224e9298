"""Bad arguments of public functions are told in our words: which one, what is expected, what came.

One table of functions and their counts, fractions, generators and ids; every wrong value is given
to every one of them, without the type checks that other tests run under.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import vd4rl_data
from vd4rl_data import evaluate, get_dataset, load_dataset, make_env, qlearning_dataset
from vd4rl_data.arguments import checked_count, checked_fraction
from vd4rl_data.envs import find_env_spec, find_environments
from vd4rl_data.errors import UnknownDatasetError, UnknownTaskError
from vd4rl_data.formats import export_dataset
from vd4rl_data.ids import parse_id
from vd4rl_data.preview import contact_sheet
from vd4rl_data.registry import get_dataset_spec, get_task_spec

pytestmark = pytest.mark.usefixtures("no_type_checks")

ID = "VD4RL/walker_walk-random-sample-64px-v0"


@pytest.fixture(scope="module")
def dataset() -> vd4rl_data.Dataset:
    return load_dataset(ID)


def _transitions(dataset: Any, name: str, value: Any) -> Any:
    return dataset.transitions(**{"batch_size": 4, name: value})


def _sequences(dataset: Any, name: str, value: Any) -> Any:
    return dataset.sequences(**{"batch_size": 4, "length": 5, name: value})


def _load(dataset: Any, name: str, value: Any) -> Any:
    return load_dataset(ID, **{name: value})


def _get(dataset: Any, name: str, value: Any) -> Any:
    return get_dataset(ID, **{name: value})


def _evaluate(dataset: Any, name: str, value: Any) -> Any:
    return evaluate(lambda frames: frames, ID, **{"episodes": 1, "seed": 0, name: value})


def _make(dataset: Any, name: str, value: Any) -> Any:
    return make_env("walker_walk", **{name: value})


def _sheet(dataset: Any, name: str, value: Any) -> Any:
    return contact_sheet([dataset[0]], **{name: value})


def _export(dataset: Any, name: str, value: Any) -> Any:
    return export_dataset(dataset, Path("nowhere"), "vd4rl-hdf5", **{name: value})


COUNTS: list[tuple[Callable[[Any, str, Any], Any], str]] = [
    *((_transitions, name) for name in ("batch_size", "frame_stack", "n_step")),
    *((_transitions, name) for name in ("epochs", "threads")),
    *((_sequences, name) for name in ("batch_size", "length", "epochs", "threads")),
    *((call, "max_episodes") for call in (_load, _get)),
    *((_evaluate, name) for name in ("episodes", "frame_stack", "workers", "inference_batch")),
    (_make, "size"),
    (_sheet, "columns"),
    (_export, "episodes_per_shard"),
]


def _names(case: Any) -> str:
    return case.__name__.strip("_") if callable(case) else str(case)


@pytest.mark.parametrize("value", [2.5, 4.0, "4", True, np.float32(4), [4]], ids=repr)
@pytest.mark.parametrize(("call", "name"), COUNTS, ids=_names)
def test_counts_are_integers(call: Any, name: str, value: Any, dataset: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name}: expected an integer, got "):
        call(dataset, name, value)


@pytest.mark.parametrize("value", [0, -3, np.int64(0)], ids=repr)
@pytest.mark.parametrize(("call", "name"), COUNTS, ids=_names)
def test_counts_are_positive(call: Any, name: str, value: Any, dataset: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}|columns"):
        call(dataset, name, value)


@pytest.mark.parametrize(
    ("call", "name"),
    [(_transitions, "discount_factor"), (_load, "fraction"), (_get, "fraction")],
    ids=_names,
)
def test_fractions_are_numbers_up_to_one(call: Any, name: str, dataset: Any) -> None:
    for value in ("0.5", b"1", [1.0], np.array([0.5, 0.5])):
        with pytest.raises(TypeError, match=f"^{name}: expected a number in .0, 1], got "):
            call(dataset, name, value)
    for value in (-0.1, 1.5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"^{name}: expected a number in .0, 1], got "):
            call(dataset, name, value)


@pytest.mark.parametrize("call", [_transitions, _sequences], ids=_names)
def test_generators_are_numpys(call: Any, dataset: Any) -> None:
    for value, kind in (("a", TypeError), (1.5, TypeError), (-1, ValueError), ({}, TypeError)):
        with pytest.raises(kind, match=r"^rng: expected a numpy\.random\.Generator, a seed of at"):
            call(dataset, "rng", value)
    for value in (None, 3, np.int64(3), np.random.default_rng(0), np.random.SeedSequence(4)):
        assert call(dataset, "rng", value).num_starts


def test_seeds_of_evaluation_are_integers(dataset: Any) -> None:
    with pytest.raises(TypeError, match=r"^seed: expected an integer, got 1\.5"):
        _evaluate(dataset, "seed", 1.5)
    with pytest.raises(ValueError, match=r"^seed: expected at least 0, got -1"):
        _evaluate(dataset, "seed", -1)


@pytest.mark.parametrize("value", [0.5, "0", None, False], ids=repr)
def test_members_of_an_evaluation_are_integers(value: Any) -> None:
    with pytest.raises(TypeError, match="member: expected an integer, got "):
        gymnasium.make(ID, member=value)


NO_IDS: list[Any] = [7, None, b"VD4RL", 1.5, ["VD4RL"], object()]


@pytest.mark.parametrize("value", NO_IDS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "call",
    [
        *(load_dataset, get_dataset, qlearning_dataset, make_env),
        *(find_env_spec, find_environments, get_dataset_spec, parse_id, get_task_spec),
    ],
)
def test_what_is_no_id_is_told(call: Any, value: Any) -> None:
    with pytest.raises((ValueError, UnknownDatasetError, UnknownTaskError)) as caught:
        call(value)
    assert repr(value)[:8] in str(caught.value)


def test_a_source_that_is_no_text_is_told() -> None:
    with pytest.raises(ValueError, match="source: expected auto, local or hf://USER/NAME, got 7"):
        load_dataset(ID, source=7)  # pyright: ignore[reportArgumentType]


def test_integers_and_numbers_of_numpy_are_taken(dataset: Any) -> None:
    assert checked_count("n", np.uint8(3)) == 3
    assert type(checked_count("n", np.int64(3))) is int
    assert checked_fraction("f", np.float32(0.5), zero=False) == 0.5
    sampler = dataset.transitions(np.int64(4), np.int32(2), np.int8(2), np.float32(0.5), rng=0)
    assert next(sampler).observations.shape == (4, 2, 64, 64, 3)
