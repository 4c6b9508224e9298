"""Every error and warning of the library, in one tree.

A message says what happened, where, what was expected, what was found, and what to do next.
"""

from __future__ import annotations


class Vd4rlError(Exception):
    """Base class of all errors raised on purpose by this package."""


class InvalidIdError(Vd4rlError, ValueError):
    """A dataset id does not follow the grammar (see :mod:`vd4rl_data.registry`)."""


class UnknownDatasetError(Vd4rlError, LookupError):
    """A well-formed dataset id that is not in the catalog."""


class UnknownTaskError(Vd4rlError, LookupError):
    """A task name that is not in the registry."""


class DatasetNotFoundError(Vd4rlError, FileNotFoundError):
    """A known dataset has no usable file here; the message prints the command that makes it."""


class DatasetFormatError(Vd4rlError, ValueError):
    """A dataset file is well preserved but does not hold what the format asks for."""


class CorruptFileError(DatasetFormatError):
    """A file's bytes are not those that were written: truncated, altered, or cut while writing."""


class DatasetChangedError(Vd4rlError, RuntimeError):
    """The file behind a pickled dataset, sampler or frame array holds something else by now."""


class InvalidEpisodeError(Vd4rlError, ValueError):
    """An episode breaks an invariant of :class:`vd4rl_data.Episode`."""


class NoEpisodesError(Vd4rlError, ValueError):
    """What is to be sampled holds no episode: not yet, or none of the split or choice at hand."""


class DatasetLockedError(Vd4rlError, RuntimeError):
    """Another process is writing the same dataset file."""


class DataFolderError(Vd4rlError, NotADirectoryError):
    """What is to hold datasets is no folder and cannot become one."""


class LocksUnsupportedError(Vd4rlError, OSError):
    """The file system has no file locks, without which nothing is written; reading needs none."""


class NoSpaceError(Vd4rlError, OSError):
    """The disk is full, or would be before the work is done."""


class MissingDependencyError(Vd4rlError, ImportError):
    """An optional package is not installed; the message names the extra to install."""


class IncompatibleVersionsError(Vd4rlError, ImportError):
    """Optional packages are installed in versions that do not go together, or that nobody has
    compared; the message names those to install.
    """


class RenderBackendError(Vd4rlError, RuntimeError):
    """MuJoCo found no OpenGL library to render with; the message says what to install."""


class ForkAfterRenderError(Vd4rlError, RuntimeError):
    """A forked process tried to render after its parent did, which would hang for ever."""


class RenderDriftWarning(UserWarning):
    """The machine at hand renders other pixels than the machine that made the dataset."""


class SlowPrecisionWarning(UserWarning):
    """A precision was asked for that the processor at hand is slow in."""


class LargeArrayWarning(UserWarning):
    """A memory-mapped array of many bytes is about to be copied into memory."""


class ShortEpisodesWarning(UserWarning):
    """Some episodes are shorter than the windows that a sampler draws, so they are never drawn."""


class OutputExistsError(Vd4rlError, FileExistsError):
    """Something that must not be overwritten or mixed with stands where output shall be written."""


class InvalidActionError(Vd4rlError, ValueError):
    """An action has the wrong shape, is not finite, or lies outside [-1, 1]."""


class InvalidTraceError(Vd4rlError, ValueError):
    """An action trace is not the whole of one episode of the task it is replayed in."""


class WorkerError(Vd4rlError, RuntimeError):
    """A worker process raised or died; the message holds what it said last."""


class TransferError(Vd4rlError, OSError):
    """A download failed for good; what arrived is kept, and the same call goes on from there."""


class RemoteFileNotFoundError(TransferError):
    """No server has the file, its revision or its repository."""


class RemoteAccessError(TransferError):
    """A server asks for permission that was not given, or its certificate cannot be trusted."""


class OfflineError(TransferError):
    """Files are missing here, and the network must not be used."""


class DatasetUnavailableError(DatasetNotFoundError, TransferError):
    """A known dataset is not here and could not be fetched; what arrived of it is kept."""


class UnknownSimulatorError(Vd4rlError, ValueError):
    """Nothing is registered under the name of a simulator or of a kind of look."""


class InvalidPluginError(Vd4rlError, ImportError):
    """Something that others add to this package cannot be imported, or is refused."""


class NoScoreError(Vd4rlError, ValueError):
    """A dataset has no score, or it is made of something that is not known here."""


class InvalidSourceError(Vd4rlError, ValueError):
    """A ``source`` does not say where data comes from in a way that is understood."""


class PublishError(Vd4rlError, RuntimeError):
    """A dataset must not be published like this, or the hub did not take it."""


class InvalidResultError(Vd4rlError, ValueError):
    """A result file breaks its schema or contradicts itself; ``problems`` lists every finding."""

    def __init__(self, where: str, problems: tuple[str, ...]) -> None:
        """Args:
        where: the file, or what else was read.
        problems: one line each.
        """
        self.problems = problems
        super().__init__(f"{where} is not a valid result:\n  " + "\n  ".join(problems))
