"""What can go wrong while an agent is trained, beyond the library's own errors."""

from __future__ import annotations

from vd4rl_data.errors import Vd4rlError


class InvalidSettingError(Vd4rlError, ValueError):
    """A setting is out of range, or does not fit the run that is to go on."""


class UnknownAlgorithmError(Vd4rlError, LookupError):
    """No algorithm has this name; the message lists those that are there."""


class CheckpointError(Vd4rlError, ValueError):
    """A checkpoint is missing, damaged, or of another algorithm."""


class NonFiniteLossError(Vd4rlError, ArithmeticError):
    """A loss became infinite or NaN; the last checkpoint is from before."""


class DeviceMemoryError(Vd4rlError, MemoryError):
    """The device or the host ran out of memory; the message says what takes less."""


class DeviceNotFoundError(Vd4rlError, RuntimeError):
    """A device that is not here was asked for."""
