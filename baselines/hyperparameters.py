"""Ranges of hyperparameters, by their names: the same everywhere."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, Final, Literal

from baselines.errors import InvalidSettingError

Precision = Literal["float32", "tf32", "bfloat16"]

_UNIT: Final = ("discount_factor", "tau", "kl_balance", "trace_decay", "full_at")
_NOT_NEGATIVE: Final = (
    "stddev_start",
    "stddev_end",
    "stddev_clip",
    "alpha",
    "bc_weight",
    "free_nats",
    "penalty_weight",
    "entropy_weight",
    "weight_decay",
    "exploration",
    "exogenous_weight",
    "cloning_weight",
)
_COUNTS_FROM_ZERO: Final = ("offline_steps", "proprioception")


def check_settings(settings: Any) -> None:
    """Check the numbers in a dataclass.

    Raises:
        InvalidSettingError: one makes no sense; the message says which.
    """
    for field in fields(settings):
        check_setting(field.name, getattr(settings, field.name))


def check_setting(name: str, value: Any) -> None:
    """Raise InvalidSettingError if a number is out of its range."""
    if isinstance(value, str | bool):
        return
    if name in _COUNTS_FROM_ZERO:
        expected, holds = "at least 0", value >= 0
    elif isinstance(value, int):
        expected, holds = "at least 1", value >= 1
    elif name in _UNIT:
        expected, holds = "a number in [0, 1]", 0.0 <= value <= 1.0
    elif name in _NOT_NEGATIVE:
        expected, holds = "a number of at least 0", 0.0 <= value < math.inf
    else:
        expected, holds = "a number above 0", 0.0 < value < math.inf
    if not holds:
        raise InvalidSettingError(f"{name}: expected {expected}, got {value}")
