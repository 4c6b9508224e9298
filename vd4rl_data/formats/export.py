"""Writing episodes in other people's formats, so that their own code can train on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vd4rl_data.episode import Episode, validate
from vd4rl_data.errors import (
    InvalidArgumentError,
    InvalidEpisodeError,
    OutputExistsError,
    UnknownFormatError,
)
from vd4rl_data.formats.format import Format
from vd4rl_data.formats.table import find_format, formats_of, known_formats
from vd4rl_data.storage.exported import PROVENANCE_FILE, write_exported
from vd4rl_data.storage.manifest import Manifest

Progress = Callable[[int], None]


def export_dataset(
    episodes: Iterable[Episode],
    folder: Path,
    format: str | Format,  # noqa: A002 -- the word of the command line
    *,
    manifests: Sequence[Manifest] = (),
    progress: Progress | None = None,
    **options: Any,
) -> list[Path]:
    """Write episodes as files of a format, one episode in memory at a time.

    What comes back from reading files of V-D4RL's formats equals the episodes in observations,
    actions, rewards, discounts and the kind of end; their ``infos`` are lost. The same episodes
    give the same names and bytes.

    Args:
        episodes: valid episodes of one frame size and action size.
        folder: created if absent; must not hold data files yet.
        format: a format that can be written, or its name.
        manifests: of the dataset (of a composite: of each part) that the episodes are of. They are
            written beside the files, as ``provenance.json``; an import of the files reads it.
        progress: called with the number of episodes after each.
        options: of the format, all optional: ``proprioception_of`` (``vd4rl-npz``: of the infos,
            ``state`` is kept, as the collecting driver recorded this task's),
            ``episodes_per_shard`` and ``label`` (``vd4rl-hdf5``: the words in the names of files).

    Returns:
        The data files written, in order. Each is whole or absent, also after a kill.

    Raises:
        OutputExistsError: the folder holds data files, or what an export wrote beside them.
        InvalidEpisodeError: there is no episode, one is not valid or unlike the first, or the
            format cannot say what it holds.
        UnknownFormatError: there is no such format, or it is only read.
        NoSpaceError: the disk is full.
        TypeError, ValueError: the format has no such option, or its value is out of range.
    """
    chosen = find_format(format)
    if chosen.write is None:
        raise UnknownFormatError(
            f"format {chosen.name!r} is only read. Written are: {', '.join(writable_formats())}."
        )
    _check_options(chosen, options)
    files = chosen.write(_told(_checked(episodes), progress), folder, **options)
    _check_empty(folder)
    paths = list(files)
    if not paths:
        raise InvalidEpisodeError("export: expected at least one episode, got none")
    if manifests:
        write_exported(folder, paths, manifests)
    return paths


def writable_formats() -> tuple[str, ...]:
    """The names of the formats that can be written."""
    return tuple(each.name for each in known_formats() if each.write is not None)


def _check_options(chosen: Format, options: dict[str, Any]) -> None:
    for name in options:
        if name not in chosen.options:
            raise InvalidArgumentError(
                f"{name}: expected an option of the format {chosen.name}, which has "
                f"{', '.join(chosen.options) or 'none'}"
            )


def _check_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(entry.name for entry in folder.iterdir())
    data = {name for names in formats_of(found).values() for name in names}
    present = [name for name in found if name == PROVENANCE_FILE or name in data]
    if present:
        raise OutputExistsError(
            f"{folder}: expected a folder without data files, found {len(present)} "
            f"({present[0]}, …); choose another, or remove them"
        )


def _checked(episodes: Iterable[Episode]) -> Iterator[Episode]:
    """Validate each episode."""
    frame_size: int | None = None
    action_size: int | None = None
    for number, episode in enumerate(episodes):
        validate(episode, f"episode {number}", size=frame_size, action_size=action_size)
        frame_size, action_size = episode.observations.shape[1], episode.actions.shape[1]
        yield episode


def _told(episodes: Iterator[Episode], progress: Progress | None) -> Iterator[Episode]:
    """Report an episode when the one after it is asked for: then it is written."""
    for number, episode in enumerate(episodes, start=1):
        yield episode
        if progress is not None:
            progress(number)
