"""Look words of ids: V-D4RL's section 4.1 as rows, and any other dataset in any look."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from vd4rl_data.errors import InvalidIdError, UnknownDatasetError
from vd4rl_data.ids import LEVELS, parse_id, parse_variant
from vd4rl_data.look_words import (
    MEDIA_WORDS,
    PUBLISHED_SEEDS,
    TEST_SEEDS,
    TEST_SEEDS_VERSION,
    id_with_look,
)
from vd4rl_data.media import MEDIA
from vd4rl_data.registry import BENCHMARKS, DATASETS, get_dataset_spec
from vd4rl_data.seeding import Purpose, word
from vd4rl_data.spec import DatasetSpec, Look

ROWS = [spec for spec in DATASETS.values() if "distracting" in str(spec.id.variant)]
SHARES = (0, 25, 50, 75, 100)
LOOKS = ("distracting_easy_leaves_50", "distracting_hard_street_dynamic_100", "video_street")
_SETTINGS = {
    ("walker_walk", "random", 64): 100_000,
    ("cheetah_run", "medium_expert", 84): 1_000_000,
}


def test_the_papers_settings_are_rows_before_davis_and_before_drawn_scenes() -> None:
    found = {
        (spec.id.task, spec.id.behavior, spec.size, v.media, v.level, v.percent)
        for spec in ROWS
        for v in [spec.id.variant]
        if v is not None
    }
    wanted = itertools.product(_SETTINGS, (None, "leaves"), LEVELS, SHARES)
    assert found == {(*setting, *words) for setting, *words in wanted}
    assert len(ROWS) == len(found) == 60
    assert {str(spec.id.benchmark) for spec in ROWS} <= set(BENCHMARKS)


@pytest.mark.parametrize("spec", ROWS, ids=lambda spec: spec.name)
def test_shares_and_evaluations(spec: DatasetSpec) -> None:
    words = spec.id.variant
    assert words is not None
    media = words.media or "davis"
    seen = Look(
        "distracting",
        words.level,
        ("colors", "camera", "background"),
        media=media,
        seed=PUBLISHED_SEEDS[str(words.level)],
    )
    shares = {item.environment.look: item.share for item in spec.mixture}
    percent = words.percent or 0
    wanted = {None: 1 - percent / 100, seen: percent / 100}
    assert shares == {look: share for look, share in wanted.items() if share}
    assert [e.look for e in spec.evaluations["original"]] == [None]
    assert [e.look for e in spec.evaluations["distracted_train"]] == [seen]
    unseen = [e.look for e in spec.evaluations["distracted_test"] if e.look is not None]
    assert [look.seed for look in unseen] == list(TEST_SEEDS)
    splits = {look.settings.get("split") for look in unseen}
    assert splits == ({None} if media == "davis" else {"held_out"})
    assert spec.num_transitions == _SETTINGS[spec.id.task, spec.id.behavior, spec.size]
    assert BENCHMARKS[str(spec.id.benchmark)].environments == tuple(spec.evaluations)
    parts = [get_dataset_spec(name) for name in spec.parts]
    assert sum(part.num_transitions for part in parts) in (0, spec.num_transitions)
    assert all(part.mixture == spec.mixture and not part.parts for part in parts)
    assert bool(parts) == (spec.id.task == "cheetah_run" or not percent)


def test_the_seeds_of_unseen_looks_are_pinned() -> None:
    drawn = [word(Purpose.TEST_LOOK, TEST_SEEDS_VERSION, number) for number in range(30)]
    assert list(TEST_SEEDS) == drawn
    assert (TEST_SEEDS[0], TEST_SEEDS[29], sum(TEST_SEEDS)) == (820392542, 2376780561, 57155785172)
    assert len({*TEST_SEEDS, *PUBLISHED_SEEDS.values()}) == 33


def test_every_set_of_media_is_a_word() -> None:
    assert set(MEDIA_WORDS) == set(MEDIA)


@pytest.mark.parametrize("words", LOOKS)
@pytest.mark.parametrize(
    "name",
    ["VD4RL/humanoid_walk-medium_expert-48px-v0", "VD4RL/walker_walk-random-multitask_25k-64px-v0"],
)
def test_any_dataset_can_be_in_any_look(name: str, words: str) -> None:
    plain, spec = get_dataset_spec(name), get_dataset_spec(id_with_look(name, words))
    assert parse_id(spec.name) == spec.id
    assert (spec.num_transitions, spec.size, spec.score) == (
        plain.num_transitions,
        plain.size,
        plain.score,
    )
    assert spec.published_returns is None
    share = 1.0 if spec.id.variant is None else (spec.id.variant.percent or 100) / 100
    looked = sum(item.share for item in spec.mixture if item.environment.look is not None)
    assert looked == pytest.approx(share)
    assert sum(item.share for item in spec.mixture) == pytest.approx(1.0)
    assert spec.evaluations.keys() == {*plain.evaluations, "distracted_train", "distracted_test"}
    for part in map(get_dataset_spec, spec.parts):
        assert part.mixture == spec.mixture


def test_videos_of_lqvd4rl_can_be_others() -> None:
    spec = get_dataset_spec("LQVD4RL/car_racing-medium-video_street-64px-v0")
    own = get_dataset_spec("LQVD4RL/car_racing-medium-64px-v0")
    looks = {name: found[0].look for name, found in spec.evaluations.items()}
    before = own.environment.look
    assert before is not None
    street = dataclasses.replace(before, media="street")
    assert street.settings["where"] == "green"
    assert [item.environment.look for item in spec.mixture] == [looks["original"]] == [street]
    assert looks["distracted_test"] is not None
    assert looks["distracted_test"].settings == {**street.settings, "split": "held_out"}
    assert looks.keys() == {*own.evaluations, "distracted_test"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("VD4RL/walker_walk-medium-distracting_easy_leaves-64px-v0", "distracting: expected e.g."),
        ("VD4RL/walker_walk-medium-distracting_leaves_50-64px-v0", "distracting: expected e.g."),
        ("VD4RL/walker_walk-medium-video_easy_street-64px-v0", "video: expected no level"),
        ("VD4RL/walker_walk-medium-distracting_easy_davis_50-64px-v0", "'davis' by itself"),
        ("VD4RL/walker_walk-medium-distracting_easy_static_50-64px-v0", "'static' by itself"),
        ("VD4RL/walker_walk-medium-video_street_dynamic-64px-v0", "'dynamic' by itself"),
        ("VD4RL/walker_walk-medium-video_street_100-64px-v0", "100 by itself"),
        ("LQVD4RL/walker_walk-medium-video_street_50-64px-v0", "show a video; expected video"),
        ("LQVD4RL/walker_walk-medium-distracting_easy_leaves_50-64px-v0", "show a video"),
        ("VD4RL/walker_walk-medium-distracting_easy_streets_50-64px-v0", "expected <look>"),
    ],
)
def test_every_look_is_written_in_one_way(name: str, message: str) -> None:
    with pytest.raises(InvalidIdError, match=message):
        get_dataset_spec(name)


def test_a_look_of_no_dataset_is_unknown() -> None:
    with pytest.raises(UnknownDatasetError):
        get_dataset_spec("VD4RL/walker_wolk-medium-video_street-64px-v0")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("VD4RL/walker_walk-random-64px-v0", "500k"),
        ("VD4RL/walker_walk-random-64px-v0", "video_street_25k"),
        ("VD4RL/walker_walk-random-64px-v0", "vidoe_street"),
        ("VD4RL/walker_walk-random-video_street-64px-v0", "video_leaves"),
        ("VD4RL/walker_walk-random-sample-64px-v0", "video_leaves"),
    ],
)
def test_other_words_are_no_look(name: str, words: str) -> None:
    with pytest.raises(InvalidIdError):
        id_with_look(name, words)


def test_a_given_look_keeps_body_and_amount() -> None:
    name = id_with_look("VD4RL/walker_walk-random-multitask_25k-64px-v0", "video_street_50")
    assert parse_id(name).variant == parse_variant("video_street_50_multitask_25k")
