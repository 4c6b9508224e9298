"""Checks of the values that a user gives."""

from __future__ import annotations

from collection.errors import InvalidSettingError


def check_least(name: str, value: int, least: int) -> None:
    """Refuse a number that is too small.

    Raises:
        InvalidSettingError: ``value`` is smaller than ``least``.
    """
    if value < least:
        raise InvalidSettingError(f"{name}: expected at least {least}, got {value}")
