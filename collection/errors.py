"""Errors that are raised while data are made, besides the library's own."""

from __future__ import annotations

from vd4rl_data.errors import Vd4rlError


class NotCollectableError(Vd4rlError, LookupError):
    """The pipeline cannot make a known dataset; the message lists those that it can make."""


class DatasetExistsError(Vd4rlError, FileExistsError):
    """The file to write already exists, but was made from another recipe or is damaged."""


class NoPhysicsStateError(Vd4rlError, ValueError):
    """Episodes cannot be rendered because their physics states are not available."""


class OtherStatesError(Vd4rlError, ValueError):
    """Physics states are of another task or body than the dataset to be rendered from them."""


class RendererMismatchError(Vd4rlError, RuntimeError):
    """Different OpenGL renderers would draw the frames of one dataset."""


class InvalidSettingError(Vd4rlError, ValueError):
    """A setting that the user gave is out of range, or does not apply."""


class PolicyFileError(Vd4rlError, ValueError):
    """The file of a behavior policy is missing, damaged, or does not match its description."""


class TierNotReachedError(Vd4rlError, ValueError):
    """A training run never reached the level of a tier, or is too short to tell."""


class RunFolderError(Vd4rlError, ValueError):
    """The folder of a training run is missing, damaged, or from another version."""


class ReplayFileError(Vd4rlError, ValueError):
    """The file of a replay is missing, damaged, or not a replay."""


class OtherRoundingWarning(UserWarning):
    """States that are simulated here differ in their last digits from those that were recorded."""


class ScriptFailedError(Vd4rlError, RuntimeError):
    """A script made no demonstration of a task in many attempts."""


class ObjectStoreError(Vd4rlError, OSError):
    """An object store cannot be reached, or refuses a request."""
