"""The id grammar: parse and format are inverses, and errors name what was probably meant."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vd4rl_data.errors import InvalidIdError, UnknownDatasetError, UnknownTaskError
from vd4rl_data.ids import (
    BEHAVIORS,
    LEVELS,
    MOTIONS,
    DatasetId,
    Variant,
    benchmark_of,
    format_id,
    parse_benchmark,
    parse_id,
)
from vd4rl_data.registry import BENCHMARKS, DATASETS, get_dataset_spec, get_task_spec

_WORDS = st.from_regex(r"[a-z0-9]{1,6}(_[a-z0-9]{1,6}){0,3}", fullmatch=True)
_MULTITASK = st.builds(
    Variant, body=st.just("multitask"), amount=st.none() | st.just(500_000) | st.just(2_000_000)
)
_VARIANTS = (
    _MULTITASK
    | st.just(Variant(sample=True))
    | st.builds(
        Variant,
        look=st.just("distracting"),
        level=st.sampled_from((None, *LEVELS)),
        motion=st.sampled_from((None, *MOTIONS)),
        percent=st.none() | st.integers(0, 100),
        body=st.sampled_from((None, "multitask")),
        amount=st.none() | st.integers(1, 5_000).map(lambda thousands: thousands * 1000),
    )
)
_IDS = st.builds(
    DatasetId,
    suite=st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,9}", fullmatch=True),
    task=_WORDS,
    behavior=st.sampled_from(BEHAVIORS),
    variant=st.none() | _VARIANTS,
    size=st.integers(1, 10_000),
    version=st.integers(0, 1_000),
)


@given(_IDS)
def test_format_then_parse_gives_the_same_id(dataset_id: DatasetId) -> None:
    text = format_id(dataset_id)
    assert str(dataset_id) == text
    assert parse_id(text) == dataset_id


@st.composite
def _near_ids(draw: st.DrawFn) -> str:
    """An id with one to three characters replaced, inserted or deleted."""
    text = draw(_IDS.map(format_id))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        new = draw(st.text("-_/vpx019 aZ\n٣é", max_size=2))
        text = text[:place] + new + text[place + draw(st.integers(0, 1)) :]
    return text


@given(st.text() | _near_ids())
@example("VD4RL/walker_walk-random-64px-v0\n")
@example("VD4RL/walker_walk-random-064px-v0")
@example("VD4RL/walker_walk-random-64px-v00")
@example("VD4RL/walker_walk-random-64px-v+1")
@example("VD4RL/walker_walk-random-٦٤px-v0")
@example("VD4RL/walker__walk-random-64px-v0")
def test_parse_rejects_whatever_it_would_not_write_itself(text: str) -> None:
    try:
        parsed = parse_id(text)
    except InvalidIdError:
        return
    assert format_id(parsed) == text


@pytest.mark.parametrize(
    "text",
    [
        f"VD4RL/walker_walk-random-1{'0' * 5_000}px-v0",
        f"VD4RL/walker_walk-random-64px-v1{'0' * 5_000}",
        f"VD4RL/{'w' * 100_000}",
        f"VD4RL/{'w' * 100_000}-random-64px",
    ],
    ids=["size", "version", "suite", "task"],
)
def test_an_endless_id_is_refused_in_a_short_message(text: str) -> None:
    with pytest.raises(InvalidIdError) as caught:
        parse_id(text)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_catalog_row_round_trips(name: str) -> None:
    spec = DATASETS[name]
    assert parse_id(name) == spec.id
    assert format_id(spec.id) == spec.name == name
    assert get_dataset_spec(name) is spec


def test_a_missing_version_names_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    known = "VD4RL/walker_walk-expert-64px-v0"
    text = known.removesuffix("-v0")
    for version in (9, 10):
        monkeypatch.setitem(DATASETS, f"{text}-v{version}", _with_version(known, version))
    with pytest.raises(InvalidIdError, match=re.escape(f"the newest is {text}-v10")):
        get_dataset_spec(text)
    with pytest.raises(InvalidIdError, match="has no version; expected <Suite>"):
        parse_id("VD4RL/no_such-expert-64px")


def _with_version(name: str, version: int) -> object:
    spec = DATASETS[name]
    return dataclasses.replace(spec, id=dataclasses.replace(spec.id, version=version))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("VD4RK/walker_walk-expert-64px-v0", "VD4RL/walker_walk-expert-64px-v0"),
        ("vd4rl/walker_walk-expert-64px-v0", "VD4RL/walker_walk-expert-64px-v0"),
        ("VD4RL/waker_walk-expert-64px-v0", "VD4RL/walker_walk-expert-64px-v0"),
        ("VD4RL/cheetah_ran-medium_replay-84px-v0", "VD4RL/cheetah_run-medium_replay-84px-v0"),
        ("VD4RL/cheetah_run-medium-64px-v1", "VD4RL/cheetah_run-medium-64px-v0"),
    ],
)
def test_a_typo_in_any_part_is_answered_with_the_id_meant(typed: str, meant: str) -> None:
    with pytest.raises(UnknownDatasetError, match=re.escape(f"Did you mean {meant!r}?")):
        get_dataset_spec(typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("VD4RL/walker_walk_expert-64px-v0", "VD4RL/walker_walk-expert-64px-v0"),
        ("VD4RL/walker_walk-expert-64-v0", "VD4RL/walker_walk-expert-64px-v0"),
        ("walker_walk-expert-64px-v0", "VD4RL/walker_walk-expert-64px-v0"),
        ("VD4RL/Walker_Walk-expert-64px-v0", "VD4RL/walker_walk-expert-64px-v0"),
        ("VD4RL/walker_walk-random-sampel-64px-v0", "VD4RL/walker_walk-random-sample-64px-v0"),
    ],
)
def test_what_is_no_id_at_all_is_answered_too(typed: str, meant: str) -> None:
    with pytest.raises(InvalidIdError, match=re.escape(f"Did you mean {meant!r}?")):
        get_dataset_spec(typed)


@pytest.mark.parametrize("size", [48, 128])
@pytest.mark.parametrize("name", sorted(DATASETS))
def test_size_is_a_parameter_of_every_row_but_a_bundled_one(name: str, size: int) -> None:
    known = DATASETS[name]
    other = format_id(dataclasses.replace(known.id, size=size))
    if known.bundled:
        with pytest.raises(UnknownDatasetError):
            get_dataset_spec(other)
        return
    spec = get_dataset_spec(other)
    assert spec.name == other
    assert (other in DATASETS) == (size == known.size)
    assert (spec.size, spec.environment.size) == (size, size)
    assert all(f"-{size}px-" in part for part in spec.parts)
    assert (spec.task, spec.num_episodes, spec.score) == (
        known.task,
        known.num_episodes,
        known.score,
    )


@pytest.mark.parametrize(
    ("variant", "complaint"),
    [
        ("distracting_esy_50", "Did you mean 'distracting'"),
        ("easy_distracting", "expected <look>"),
        ("1000k", "expected <look>"),
        ("distracting_easy_101", "expected <look>"),
        ("sample_500k", "expected <look>"),
        ("nothing", "a look of distracting"),
    ],
)
def test_a_variant_is_made_of_known_words_in_order(variant: str, complaint: str) -> None:
    with pytest.raises(InvalidIdError, match=complaint):
        parse_id(f"VD4RL/walker_walk-random-{variant}-64px-v0")


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_every_benchmark_round_trips(name: str) -> None:
    row = BENCHMARKS[name]
    assert parse_benchmark(name) == row.id
    assert str(row.id) == name
    assert benchmark_of(row.id.at(row.sizes[0])) == row.id


def test_an_unknown_behavior_is_answered_with_the_nearest_and_all() -> None:
    with pytest.raises(InvalidIdError, match=r"'exprt'.*demos.*Did you mean 'expert'\?"):
        parse_id("VD4RL/walker_walk-exprt-64px-v0")
    with pytest.raises(InvalidIdError, match=r"'zzz'.*expected one of random"):
        parse_id("VD4RL/walker_walk-zzz-64px-v0")


def test_an_unknown_task_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownTaskError, match=r"Did you mean 'walker_walk'\?"):
        get_task_spec("walker_wolk")
