"""What can go wrong while data are made, beyond the library's own errors."""

from __future__ import annotations

from vd4rl_data.errors import Vd4rlError


class NotCollectableError(Vd4rlError, LookupError):
    """A known dataset that this pipeline cannot make; the message lists those that it can."""


class DatasetExistsError(Vd4rlError, FileExistsError):
    """A file that was made otherwise, or is damaged, lies where the dataset would be written."""


class NoPhysicsStateError(Vd4rlError, ValueError):
    """A dataset cannot be rendered again because it does not hold its physics states."""


class RendererMismatchError(Vd4rlError, RuntimeError):
    """Frames of one dataset would be drawn by different OpenGL renderers."""


class InvalidSettingError(Vd4rlError, ValueError):
    """A number given to a command is out of range."""


class PolicyFileError(Vd4rlError, ValueError):
    """A behavior policy's file is missing, damaged, or is not what its description says."""


class TierNotReachedError(Vd4rlError, ValueError):
    """A training run never got as far as a tier of behavior asks."""


class RunFolderError(Vd4rlError, ValueError):
    """A training run's folder is missing, damaged, or of another version."""


class ReplayFileError(Vd4rlError, ValueError):
    """A replay's file is missing, damaged, or is none."""
