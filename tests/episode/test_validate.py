"""Every invariant of an episode, broken one at a time, is named in a typed error."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vd4rl_data.episode import ACTION_TOLERANCE, Episode, check_values, rows_kind, validate
from vd4rl_data.errors import InvalidEpisodeError, Vd4rlError

_T, _SIZE, _ACTIONS = 3, 4, 2


def _fields() -> dict[str, Any]:
    """The fields of a valid episode of three transitions."""
    return {
        "observations": np.arange((_T + 1) * _SIZE * _SIZE * 3, dtype=np.uint8).reshape(
            _T + 1, _SIZE, _SIZE, 3
        ),
        "actions": np.linspace(-1, 1, _T * _ACTIONS, dtype=np.float32).reshape(_T, _ACTIONS),
        "rewards": np.array([0.5, 0.0, 2.0], dtype=np.float32),
        "discounts": np.array([1.0, 0.0, 0.5], dtype=np.float32),
        "terminated": False,
        "truncated": True,
        "infos": {
            "physics_state": np.zeros((_T + 1, 5)),
            "success": np.zeros(_T, dtype=np.bool_),
            "counter": np.arange(_T + 1, dtype=np.int16),
        },
    }


def _unchecked(**changes: Any) -> Episode:
    """An episode as it is made where no type checker watches: in every user's process."""
    episode = object.__new__(Episode)
    for name, value in {**_fields(), **changes}.items():
        object.__setattr__(episode, name, value)
    return episode


def _altered(name: str, row: Any, value: Any) -> dict[str, Any]:
    values = _fields()[name].copy()
    values[row] = value
    return {name: values}


def _infos(**values: Any) -> dict[str, Any]:
    return {"infos": values}


def test_the_valid_episode_is_valid() -> None:
    validate(Episode(**_fields()), size=_SIZE, action_size=_ACTIONS)
    validate(_unchecked(terminated=True, truncated=False))


_BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "observations are a list": (
        {"observations": [[0]]},
        r"observations: expected a numpy array, got list",
    ),
    "observations are floats": (
        {"observations": _fields()["observations"].astype(np.float32)},
        r"observations: expected dtype uint8, got float32",
    ),
    "observations have no channels": (
        {"observations": _fields()["observations"][..., 0]},
        r"observations: expected 4 dimensions, got shape \(4, 4, 4\)",
    ),
    "channels come first": (
        {"observations": np.zeros((_T + 1, 3, 4, 4), np.uint8)},
        r"observations: expected frames of shape \(H, W, 3\), got \(3, 4, 4\)",
    ),
    "frames are empty": (
        {"observations": np.zeros((_T + 1, 0, 4, 3), np.uint8)},
        r"observations: expected frames of shape \(H, W, 3\), got \(0, 4, 3\)",
    ),
    "the last observation is missing": (
        {"observations": _fields()["observations"][:-1]},
        r"observations: expected 4 rows \(one more than actions\), got 3 for 3 transitions",
    ),
    "actions are float64": (
        {"actions": _fields()["actions"].astype(np.float64)},
        r"actions: expected dtype float32, got float64",
    ),
    "actions are big endian": (
        {"actions": _fields()["actions"].astype(">f4")},
        r"actions: expected dtype float32, got >f4",
    ),
    "actions have one dimension": (
        {"actions": _fields()["actions"][:, 0]},
        r"actions: expected 2 dimensions, got shape \(3,\)",
    ),
    "there is no transition": (
        {
            "observations": _fields()["observations"][:1],
            "actions": _fields()["actions"][:0],
            "rewards": _fields()["rewards"][:0],
            "discounts": _fields()["discounts"][:0],
            "infos": {},
        },
        r"actions: expected at least one transition, got none",
    ),
    "an action is too large": (
        _altered("actions", (1, 0), 1.001),
        r"actions: expected values in \[-1, 1\], got \[1.001 .*\] at row 1",
    ),
    "an action is too small": (
        _altered("actions", (2, 1), -1.001),
        r"actions: expected values in \[-1, 1\], got .* at row 2",
    ),
    "an action is not a number": (
        _altered("actions", (0, 0), np.nan),
        r"actions: expected finite numbers, got .*nan.* at row 0 \(1 bad rows\)",
    ),
    "rewards are float64": (
        {"rewards": _fields()["rewards"].astype(np.float64)},
        r"rewards: expected dtype float32, got float64",
    ),
    "rewards are a column": (
        {"rewards": _fields()["rewards"][:, None]},
        r"rewards: expected 1 dimensions, got shape \(3, 1\)",
    ),
    "a reward is missing": (
        {"rewards": _fields()["rewards"][:-1]},
        r"rewards: expected 3 rows \(as many as actions\), got 2",
    ),
    "two rewards are not finite": (
        _altered("rewards", slice(1, 3), [np.nan, np.inf]),
        r"rewards: expected finite numbers, got nan at row 1 \(2 bad rows\)",
    ),
    "a discount is too many": (
        {"discounts": np.ones(_T + 1, np.float32)},
        r"discounts: expected 3 rows \(as many as actions\), got 4",
    ),
    "discounts are integers": (
        {"discounts": np.ones(_T, np.int64)},
        r"discounts: expected dtype float32, got int64",
    ),
    "a discount is above one": (
        _altered("discounts", 1, 1.5),
        r"discounts: expected values in \[0, 1\], got 1.5 at row 1",
    ),
    "a discount is negative": (
        _altered("discounts", 2, -0.5),
        r"discounts: expected values in \[0, 1\], got -0.5 at row 2",
    ),
    "both ends": (
        {"terminated": True, "truncated": True},
        r"end: expected exactly one of terminated and truncated, got terminated=True",
    ),
    "neither end": (
        {"terminated": False, "truncated": False},
        r"end: expected exactly one of terminated and truncated, got terminated=False",
    ),
    "an end that is a numpy bool": (
        {"terminated": np.True_, "truncated": False},
        r"terminated, truncated: expected bool, bool, got numpy.bool_?, bool",
    ),
    "an end that is a number": (
        {"terminated": 0, "truncated": True},
        r"terminated, truncated: expected bool, bool, got int, bool",
    ),
    "an info of other rows": (
        _infos(success=np.zeros(_T + 2)),
        r"infos/success: expected 3 or 4 rows, got shape \(5,\)",
    ),
    "an info without rows": (
        _infos(success=np.array(1.0)),
        r"infos/success: expected 3 or 4 rows, got shape \(\)",
    ),
    "an info that is a list": (
        _infos(success=[1, 2, 3]),
        r"infos/success: expected a numpy array, got list",
    ),
    "an info of objects": (
        _infos(success=np.array([None] * _T)),
        r"infos/success: expected a boolean, integer or floating dtype, got object",
    ),
    "an info of text": (
        _infos(success=np.array(["a"] * _T)),
        r"infos/success: expected a boolean, integer or floating dtype, got <U1",
    ),
    "an info of complex numbers": (
        _infos(success=np.zeros(_T, complex)),
        r"infos/success: expected a boolean, integer or floating dtype, got complex128",
    ),
    "an info that is not finite": (
        _infos(success=np.array([0.0, np.inf, 0.0])),
        r"infos/success: expected finite numbers, got inf at row 1",
    ),
    "an info that is a path": (
        {"infos": {"../success": np.zeros(_T)}},
        r"infos: expected names that are Python identifiers, got '../success'",
    ),
    "an info without a name": (
        {"infos": {"": np.zeros(_T)}},
        r"infos: expected names that are Python identifiers, got ''",
    ),
    "an info whose name is a number": (
        {"infos": {7: np.zeros(_T)}},
        r"infos: expected names that are Python identifiers, got 7",
    ),
    "infos that are no mapping": (
        {"infos": [np.zeros(_T)]},
        r"infos: expected a mapping from names to arrays, got list",
    ),
}


@pytest.mark.parametrize("case", _BROKEN)
def test_broken_invariant_is_named(case: str) -> None:
    changes, message = _BROKEN[case]
    with pytest.raises(InvalidEpisodeError, match=f"^file 7: episode 3: {message}") as caught:
        validate(_unchecked(**changes), "file 7: episode 3")
    assert isinstance(caught.value, Vd4rlError)
    assert isinstance(caught.value, ValueError)


def test_every_field_has_a_broken_case() -> None:
    broken = {name for changes, _ in _BROKEN.values() for name in changes}
    assert broken == {field.name for field in dataclasses.fields(Episode)}


def test_the_catalog_sizes_are_checked_when_known() -> None:
    episode = Episode(**_fields())
    with pytest.raises(InvalidEpisodeError, match="expected frames of 64 x 64 pixels, got 4 x 4"):
        validate(episode, size=64)
    wide = _unchecked(observations=np.zeros((_T + 1, 4, 8, 3), np.uint8))
    validate(wide)
    with pytest.raises(InvalidEpisodeError, match="expected frames of 4 x 4 pixels, got 4 x 8"):
        validate(wide, size=4)
    with pytest.raises(InvalidEpisodeError, match="actions: expected 6 dimensions, got 2"):
        validate(episode, action_size=6)


@pytest.mark.parametrize("sign", [-1, 1])
def test_rounding_of_a_policy_is_tolerated_and_nothing_more(sign: int) -> None:
    edge = np.float32(sign) * np.nextafter(np.float32(1), np.float32(2))
    validate(_unchecked(**_altered("actions", (0, 0), edge)))
    assert abs(edge) < 1 + ACTION_TOLERANCE
    with pytest.raises(InvalidEpisodeError):
        validate(_unchecked(**_altered("actions", (0, 0), sign * (1 + 3 * ACTION_TOLERANCE))))


@pytest.mark.parametrize("name", ["actions", "rewards", "discounts"])
def test_check_values_takes_the_rows_of_many_episodes(name: str) -> None:
    arrays = {key: _fields()[key] for key in ("actions", "rewards", "discounts")}
    check_values("rows", **arrays)
    arrays[name] = np.full_like(arrays[name], np.nan)
    with pytest.raises(InvalidEpisodeError, match=rf"^rows: {name}: .*\(3 bad rows\)"):
        check_values("rows", **arrays)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint64, np.float16, np.float32, ">f8"])
@pytest.mark.parametrize(("rows", "kind"), [(_T, "transition"), (_T + 1, "observation")])
def test_infos_of_every_number_and_both_kinds_are_valid(dtype: Any, rows: int, kind: str) -> None:
    values = np.zeros((rows, 2, 2), dtype)
    validate(_unchecked(**_infos(x=values)))
    assert rows_kind(values, _T) == kind


def test_properties_of_an_episode() -> None:
    episode = Episode(**{**_fields(), "terminated": True, "truncated": False})
    assert len(episode) == _T
    assert episode.episode_return == 2.5
    assert episode.terminals.tolist() == [False, False, True]
    assert Episode(**_fields()).terminals.tolist() == [False, False, False]
    assert repr(episode) == (
        "Episode(3 transitions, observations (4, 4, 4, 3), actions (3, 2), return 2.5, terminated, "
        "infos ['counter', 'physics_state', 'success'])"
    )


def test_the_return_is_summed_in_double_precision() -> None:
    count = 20_001
    rewards = np.ones(count, np.float32)
    rewards[0] = 2.0**24
    episode = _unchecked(
        observations=np.zeros((count + 1, 1, 1, 3), np.uint8),
        actions=np.zeros((count, 1), np.float32),
        rewards=rewards,
        discounts=np.ones(count, np.float32),
        infos={},
    )
    assert episode.episode_return == 2.0**24 + count - 1


def test_an_episode_cannot_be_changed() -> None:
    episode = Episode(**_fields())
    field: Callable[..., None] = setattr
    with pytest.raises(dataclasses.FrozenInstanceError):
        field(episode, "terminated", True)
