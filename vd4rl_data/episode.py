"""The episode: T transitions, T + 1 observations. Its invariants are defined only here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy.typing import NDArray

from vd4rl_data.errors import InvalidEpisodeError

NO_PIXELS: Final = 0
"""The size of the frames of an episode that has none, of 0 x 0 pixels."""

ACTION_TOLERANCE: Final = 1e-6
"""How far outside [-1, 1] an action may lie: the rounding of float32 policies, nothing more."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode. ``actions[t]`` is taken at ``observations[t]``.

    ``rewards[t]`` and ``discounts[t]`` are returned together with ``observations[t + 1]``.

    Attributes:
        observations: uint8 (T+1, H, W, 3), RGB frames, unstacked; of 0 × 0 pixels where an episode
            is kept as states alone.
        actions: float32 (T, A), in [-1, 1].
        rewards: float32 (T,), summed over the action repeat.
        discounts: float32 (T,), the environment's own discount, in [0, 1].
        terminated: the last transition ended the task (no bootstrap).
        truncated: the last transition reached a time limit or a size cap. Exactly one of the two
            flags is true.
        infos: arrays of T + 1 rows (one per observation, e.g. ``physics_state``, ``state``) or of
            T rows (one per transition), of a boolean, integer or floating dtype.
    """

    observations: UInt8[np.ndarray, "T1 H W 3"]
    actions: Float[np.ndarray, "T A"]
    rewards: Float[np.ndarray, " T"]
    discounts: Float[np.ndarray, " T"]
    terminated: bool
    truncated: bool
    infos: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])

    def __len__(self) -> int:
        """The number of transitions, T."""
        return len(self.actions)

    @property
    def has_pixels(self) -> bool:
        """Whether it has frames; an episode that is kept as states alone has none."""
        return self.observations.size > 0

    @property
    def episode_return(self) -> float:
        """The undiscounted sum of rewards, added in float64."""
        return float(np.sum(self.rewards, dtype=np.float64))

    @property
    def terminals(self) -> Bool[np.ndarray, " T"]:
        """True at a last transition that terminated."""
        flags = np.zeros(len(self), dtype=np.bool_)
        flags[-1] = self.terminated
        return flags

    def __repr__(self) -> str:
        end = "terminated" if self.terminated else "truncated"
        return (
            f"Episode({len(self)} transitions, observations {self.observations.shape}, actions "
            f"{self.actions.shape}, return {self.episode_return:.1f}, {end}, infos "
            f"{sorted(self.infos)})"
        )


def validate(
    episode: Episode,
    where: str = "episode",
    *,
    size: int | None = None,
    action_size: int | None = None,
) -> None:
    """Check every invariant of an episode; return ``None`` or raise.

    Args:
        episode: the episode to check.
        where: where it comes from, for the message, e.g. a file and an episode number.
        size: expected height and width in pixels, if known; :data:`NO_PIXELS` expects none.
        action_size: expected number of action dimensions, if known.

    Raises:
        InvalidEpisodeError: an invariant is broken; the message names the field, what was expected
            and what was found.
    """
    _check_array(where, "observations", episode.observations, np.uint8, 4)
    _check_array(where, "actions", episode.actions, np.float32, 2)
    _check_array(where, "rewards", episode.rewards, np.float32, 1)
    _check_array(where, "discounts", episode.discounts, np.float32, 1)
    _check_lengths(where, episode)
    _check_frame_shape(where, episode.observations.shape[1:], size)
    if action_size is not None and episode.actions.shape[1] != action_size:
        _fail(where, "actions", f"{action_size} dimensions", f"{episode.actions.shape[1]}")
    check_values(where, episode.actions, episode.rewards, episode.discounts)
    _check_end(where, episode)
    if not isinstance(episode.infos, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        _fail(where, "infos", "a mapping from names to arrays", type(episode.infos).__name__)
    for name, values in episode.infos.items():
        _check_info(where, name, values, len(episode))


def check_values(
    where: str,
    actions: NDArray[np.float32],
    rewards: NDArray[np.float32],
    discounts: NDArray[np.float32],
) -> None:
    """Check the ranges of actions (T, A), rewards (T,) and discounts (T,), of one or many episodes.

    Raises:
        InvalidEpisodeError: a value is not finite, an action is outside [-1, 1], or a discount is
            outside [0, 1].
    """
    _check_finite(where, "rewards", rewards)
    _check_range(where, "actions", actions, -1.0 - ACTION_TOLERANCE, 1.0 + ACTION_TOLERANCE)
    _check_range(where, "discounts", discounts, 0.0, 1.0)


def rows_kind(values: NDArray[Any], transitions: int) -> str:
    """``"observation"`` for T + 1 rows, ``"transition"`` for T rows."""
    return "observation" if len(values) == transitions + 1 else "transition"


def _fail(where: str, name: str, expected: str, got: str) -> None:
    raise InvalidEpisodeError(f"{where}: {name}: expected {expected}, got {got}")


def _check_array(where: str, name: str, values: object, dtype: type, ndim: int) -> None:
    if not isinstance(values, np.ndarray):
        raise InvalidEpisodeError(
            f"{where}: {name}: expected a numpy array, got {type(values).__name__}"
        )
    array = cast("NDArray[Any]", values)
    if array.dtype != dtype:
        _fail(where, name, f"dtype {np.dtype(dtype)}", f"{array.dtype}")
    if array.ndim != ndim:
        _fail(where, name, f"{ndim} dimensions", f"shape {array.shape}")


def _check_lengths(where: str, episode: Episode) -> None:
    transitions = len(episode.actions)
    if transitions == 0:
        _fail(where, "actions", "at least one transition", "none")
    if len(episode.observations) != transitions + 1:
        got = f"{len(episode.observations)} for {transitions} transitions"
        _fail(where, "observations", f"{transitions + 1} rows (one more than actions)", got)
    for name in ("rewards", "discounts"):
        rows = len(getattr(episode, name))
        if rows != transitions:
            _fail(where, name, f"{transitions} rows (as many as actions)", f"{rows}")


def _check_frame_shape(where: str, shape: tuple[int, ...], size: int | None) -> None:
    height, width, channels = shape
    empty = size != NO_PIXELS and (height < 1 or width < 1)
    if channels != 3 or empty:
        _fail(where, "observations", "frames of shape (H, W, 3)", f"{shape}")
    if size is not None and (height, width) != (size, size):
        _fail(where, "observations", f"frames of {size} x {size} pixels", f"{height} x {width}")


def _check_finite(where: str, name: str, values: NDArray[Any]) -> None:
    if np.isfinite(values).all():
        return
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if bad.size:
        _fail(
            where, name, "finite numbers", f"{values[bad[0]]} at row {bad[0]} ({bad.size} bad rows)"
        )


def _check_range(where: str, name: str, values: NDArray[Any], low: float, high: float) -> None:
    if low <= values.min(initial=low) and values.max(initial=high) <= high:
        return  # so is no value that is not a number: nothing compares with it
    _check_finite(where, name, values)
    outside = np.flatnonzero(
        ((values < low) | (values > high)).reshape(len(values), -1).any(axis=1)
    )
    if outside.size:
        row = int(outside[0])
        _fail(
            where, name, f"values in [{round(low)}, {round(high)}]", f"{values[row]} at row {row}"
        )


def _check_end(where: str, episode: Episode) -> None:
    if not isinstance(episode.terminated, bool) or not isinstance(episode.truncated, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        kinds = f"{_type_name(episode.terminated)}, {_type_name(episode.truncated)}"
        _fail(where, "terminated, truncated", "bool, bool", kinds)
    if episode.terminated == episode.truncated:
        got = f"terminated={episode.terminated}, truncated={episode.truncated}"
        _fail(where, "end", "exactly one of terminated and truncated", got)


def _type_name(value: object) -> str:
    """The type's name, with its module unless it is built in: numpy has a ``bool`` too."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _check_info(where: str, name: object, values: object, transitions: int) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        _fail(where, "infos", "names that are Python identifiers", repr(name))
    if not isinstance(values, np.ndarray):
        raise InvalidEpisodeError(
            f"{where}: infos/{name}: expected a numpy array, got {type(values).__name__}"
        )
    array = cast("NDArray[Any]", values)
    if array.dtype.kind not in "biuf":
        _fail(where, f"infos/{name}", "a boolean, integer or floating dtype", f"{array.dtype}")
    if array.ndim == 0 or len(array) not in (transitions, transitions + 1):
        expected = f"{transitions} or {transitions + 1} rows"
        _fail(where, f"infos/{name}", expected, f"shape {array.shape}")
    if array.dtype.kind == "f":
        _check_finite(where, f"infos/{name}", array)
