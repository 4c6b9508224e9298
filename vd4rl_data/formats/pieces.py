"""What a reader hands out: whole episodes, and pieces of those that files cut in two."""

from __future__ import annotations

from dataclasses import dataclass

from vd4rl_data.episode import Episode, validate
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats.rows import Rows
from vd4rl_data.spec import DatasetSpec


@dataclass(frozen=True, slots=True)
class Expected:
    """What the catalog says about every file of a dataset.

    Attributes:
        size: height and width of a frame, in pixels.
        action_size: dimensions of an action.
        max_rows: rows of a full episode: its time steps and the row of the first observation.
        state_layout: the proprioceptive keys and their columns, in the simulator's order; empty
            where files hold none.
        parts: names of the parts of the task that pay one by one; empty if it has none.
    """

    size: int
    action_size: int
    max_rows: int
    state_layout: tuple[tuple[str, int], ...]
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: DatasetSpec) -> Expected:
        """The expectations of one catalog row."""
        task = spec.task
        parts = getattr(task.settings, "elements", ())
        rows = task.time_steps + 1
        return cls(spec.size, task.action_size, rows, task.state_layout, parts)


@dataclass(frozen=True, slots=True)
class ReadEpisode:
    """A whole episode of a file.

    Attributes:
        episode: the episode, in our convention.
        source: name of the file that it (or its first row) was read from.
        repairs: what was changed, joined or left out on the way here, in words; empty if nothing.
        place: where in the file it lies, for messages; empty if it is all that is there.
    """

    episode: Episode
    source: str
    repairs: tuple[str, ...] = ()
    place: str = ""

    def check(self, expected: Expected) -> None:
        """Check every invariant of the episode, and what the catalog says.

        Raises:
            InvalidEpisodeError: it breaks an invariant.
            DatasetFormatError: it is longer than the task's horizon allows.
        """
        where = f"{self.source}: {self.place}" if self.place else self.source
        validate(self.episode, where, size=expected.size, action_size=expected.action_size)
        if len(self.episode) >= expected.max_rows:
            raise DatasetFormatError(
                f"{where}: actions: expected at most {expected.max_rows - 1} rows in an episode, "
                f"got {len(self.episode)}"
            )


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of rows of one episode, which may go on in the next file, or began in another.

    Attributes:
        rows: the rows.
        start: the row of the file that they begin at.
        is_first: they begin with the first observation of the episode.
        is_last: they end with its last observation, by a time limit or a termination.
        repairs: what was changed while reading, in words.
    """

    rows: Rows
    start: int
    is_first: bool
    is_last: bool
    repairs: tuple[str, ...] = ()
