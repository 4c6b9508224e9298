"""Every error and warning of the library, in one tree.

A message says what happened, where, what was expected, what was found, and what to do next.
"""

from __future__ import annotations


class Vd4rlError(Exception):
    """Base class of all errors that this package raises deliberately."""


class InvalidArgumentError(Vd4rlError, TypeError, ValueError):
    """An argument has a wrong type or lies out of range; the message begins with its name."""


class InvalidIdError(Vd4rlError, ValueError):
    """A dataset id does not follow the grammar (see :mod:`vd4rl_data.registry`)."""


class UnknownDatasetError(Vd4rlError, LookupError):
    """A well-formed dataset id that is not in the catalog."""


class UnknownTaskError(Vd4rlError, LookupError):
    """A task name that is not in the registry."""


class DatasetNotFoundError(Vd4rlError, FileNotFoundError):
    """A dataset has no usable file on this machine; the message shows the command to get one."""


class DatasetFormatError(Vd4rlError, ValueError):
    """A file is not damaged, but its contents do not follow the dataset format."""


class CorruptFileError(DatasetFormatError):
    """A file's bytes are not those that were written: it was truncated, altered or cut short."""


class DatasetChangedError(Vd4rlError, RuntimeError):
    """The file behind a pickled dataset, sampler or frame array has been replaced since."""


class InvalidEpisodeError(Vd4rlError, ValueError):
    """An episode breaks an invariant of :class:`vd4rl_data.Episode`."""


class NotTwinsError(Vd4rlError, ValueError):
    """Datasets that should differ in pixels alone differ in something else."""


class NoEpisodesError(Vd4rlError, ValueError):
    """What is to be sampled holds no episode: not yet, or none of the split or choice at hand."""


class DatasetLockedError(Vd4rlError, RuntimeError):
    """Another process is writing the same dataset file."""


class DataFolderError(Vd4rlError, NotADirectoryError):
    """The path of a data folder is not a folder and cannot become one."""


class LocksUnsupportedError(Vd4rlError, OSError):
    """The file system has no file locks, which are required for writing but not for reading."""


class NoSpaceError(Vd4rlError, OSError):
    """The disk is full, or would be full before the work is finished."""


class MissingDependencyError(Vd4rlError, ImportError):
    """An optional package is not installed; the message names the extra to install."""


class IncompatibleVersionsError(Vd4rlError, ImportError):
    """Optional packages are installed in versions that do not go together, or that nobody has
    compared; the message names those to install.
    """


class RenderBackendError(Vd4rlError, RuntimeError):
    """MuJoCo found no OpenGL library to render with; the message says what to install."""


class ForkAfterRenderError(Vd4rlError, RuntimeError):
    """A forked process tried to render after its parent had rendered, which would hang."""


class RenderDriftWarning(UserWarning):
    """The machine in use renders other pixels than the machine that made the dataset."""


class SlowPrecisionWarning(UserWarning):
    """The requested precision is slow on this machine's processor."""


class LargeArrayWarning(UserWarning):
    """A large memory-mapped array is about to be copied into memory."""


class ShortEpisodesWarning(UserWarning):
    """Some episodes are shorter than the windows that a sampler draws, so they are never drawn."""


class OutputExistsError(Vd4rlError, FileExistsError):
    """The place to write to already holds something that must not be overwritten or mixed with."""


class InvalidActionError(Vd4rlError, ValueError):
    """An action has the wrong shape, is not finite, or lies outside [-1, 1]."""


class InvalidTraceError(Vd4rlError, ValueError):
    """An action trace is not exactly one whole episode of the task that it is replayed in."""


class WorkerError(Vd4rlError, RuntimeError):
    """A worker process raised an error or died; the message has its traceback or last output."""


class ClusterError(Vd4rlError, RuntimeError):
    """There is no cluster at the address, or none of its nodes has what the work needs."""


class TransferError(Vd4rlError, OSError):
    """A download failed for good; what arrived is kept, and the same call continues from there."""


class RemoteFileNotFoundError(TransferError):
    """No server has the file, its revision or its repository."""


class RemoteAccessError(TransferError):
    """A server requires permission that was not given, or its certificate cannot be trusted."""


class OfflineError(TransferError):
    """Files are missing on this machine, and using the network is forbidden."""


class DatasetUnavailableError(DatasetNotFoundError, TransferError):
    """A dataset is not on this machine and could not be fetched; what arrived of it is kept."""


class UnknownSimulatorError(Vd4rlError, ValueError):
    """Nothing is registered under the name of a simulator or of a kind of look."""


class UnknownMediaError(Vd4rlError, LookupError):
    """No set of media has this name."""


class MediaNotFoundError(Vd4rlError, FileNotFoundError):
    """A set of media that only its user can provide is not, or not completely, on this machine; the
    message shows the layout of its folder.
    """


class MissingRobotError(Vd4rlError, FileNotFoundError):
    """The file that has a robot's model is not there, or is another file."""


class InvalidMediaError(Vd4rlError, ValueError):
    """A clip has no frames, frames of several sizes, or cannot be decoded."""


class OtherMediaError(Vd4rlError, ValueError):
    """The media on this machine are not those that a look was made with."""


class UnknownFormatError(Vd4rlError, ValueError):
    """No format of files has this name, or it cannot do what was asked of it."""


class InvalidPluginError(Vd4rlError, ImportError):
    """A plugin of this package cannot be imported, or is refused."""


class NoScoreError(Vd4rlError, ValueError):
    """A dataset has no score, or the score needs something that was not recorded."""


class InvalidSourceError(Vd4rlError, ValueError):
    """A ``source`` is not one of the forms that are understood."""


class PublishError(Vd4rlError, RuntimeError):
    """A dataset must not be published like this, or the Hub rejected it."""


class InvalidResultError(Vd4rlError, ValueError):
    """A result file breaks its schema or contradicts itself; ``problems`` lists the findings."""

    def __init__(self, where: str, problems: tuple[str, ...]) -> None:
        """Args:
        where: the file, or other source, that was read.
        problems: one line per problem.
        """
        self.problems = problems
        super().__init__(f"{where} is not a valid result:\n  " + "\n  ".join(problems))
