"""Sets that only their users have, in a folder of theirs: never downloaded, never replaced."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from vd4rl_data.errors import MediaNotFoundError
from vd4rl_data.media.clips import ImagesClip, VideoClip
from vd4rl_data.media.protocol import HELD_OUT, TRAIN, Clip, check_split
from vd4rl_data.paths import MEDIA_DIR, media_dir

_KEPT: Final = 4
"""Scenes whose frames a process keeps."""

_IMAGES: Final = (".jpg", ".jpeg", ".png")
_VIDEOS: Final = (".mp4", ".avi", ".webm", ".mkv")


@runtime_checkable
class Layout(Protocol):
    """How a folder holds scenes."""

    @property
    def about(self) -> str:
        """One or two lines of the layout, for people."""
        ...

    def scenes(self, root: Path, split: str) -> tuple[str, ...]:
        """Names of the scenes of a split; raises as :meth:`MediaSet.scenes`."""
        ...

    def files(self, root: Path, scene: str) -> list[Path]:
        """The files of a scene, in order; empty if it is not there."""
        ...

    def open(self, files: Sequence[Path]) -> Clip:
        """Open a scene; raises InvalidMediaError."""
        ...


@dataclass(frozen=True, slots=True)
class ImageFolders:
    """One folder of images per scene; names of the scenes are fixed, for they are counted.

    Attributes:
        inside: the folder that holds those of the scenes.
        train, held_out: names of the scenes.
    """

    inside: str
    train: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def about(self) -> str:
        """One line of the layout."""
        return f"{self.inside}/{self.train[0]}/00000.jpg, and so on: a folder of images per scene"

    def scenes(self, root: Path, split: str) -> tuple[str, ...]:
        """The fixed names, whether they are there or not."""
        del root
        return self.train if split == TRAIN else self.held_out

    def files(self, root: Path, scene: str) -> list[Path]:
        """The images, by name."""
        return _with_suffix(root / self.inside / scene, _IMAGES)

    def open(self, files: Sequence[Path]) -> Clip:
        """Read the sizes of all images."""
        return ImagesClip(files)


@dataclass(frozen=True, slots=True)
class VideoFiles:
    """One video per scene, of any names: for training; those in a folder ``held_out`` in it are
    held out.
    """

    @property
    def about(self) -> str:
        """One line of the layout."""
        return (
            f"<any name>{' or '.join(_VIDEOS)}: one video per scene; and, for evaluations before"
            f" scenes that the data do not show, others in {HELD_OUT}/"
        )

    def scenes(self, root: Path, split: str) -> tuple[str, ...]:
        """The files that are there, by name."""
        if split == TRAIN:
            return tuple(path.name for path in _with_suffix(root, _VIDEOS))
        found = _with_suffix(root / HELD_OUT, _VIDEOS)
        if not found:
            raise ValueError(
                f"media: split: there are no held-out scenes; expected videos in {root / HELD_OUT}"
            )
        return tuple(f"{HELD_OUT}/{path.name}" for path in found)

    def files(self, root: Path, scene: str) -> list[Path]:
        """The one file."""
        return [root / scene] if (root / scene).is_file() else []

    def open(self, files: Sequence[Path]) -> Clip:
        """Count the frames."""
        return VideoClip(files[0])


@dataclass(frozen=True, slots=True)
class NamedVideos:
    """One video per scene, of known names.

    Attributes:
        train, held_out: names of the scenes: of the files without their suffix.
        suffix: of the files.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    suffix: str = ".mp4"

    @property
    def about(self) -> str:
        """One line of the layout."""
        names = (f"{name}{self.suffix}" for name in (*self.train, *self.held_out))
        return " and ".join(names)

    def scenes(self, root: Path, split: str) -> tuple[str, ...]:
        """The fixed names, whether they are there or not."""
        del root
        return self.train if split == TRAIN else self.held_out

    def files(self, root: Path, scene: str) -> list[Path]:
        """The one file."""
        path = root / f"{scene}{self.suffix}"
        return [path] if path.is_file() else []

    def open(self, files: Sequence[Path]) -> Clip:
        """Count the frames."""
        return VideoClip(files[0])


@dataclass(frozen=True, slots=True)
class FolderMedia:
    """A set in the folder of its name below :func:`vd4rl_data.paths.media_dir`, or in an installed
    package.

    Attributes:
        name: the set's name.
        title: what it is, for people.
        layout: how the folder holds its scenes.
        installed: a package and the folder in it that holds the scenes where the user's own folder
            does not exist; the package is never imported.
        install: the command that installs it.
    """

    name: str
    title: str
    layout: Layout
    installed: tuple[str, str] | None = None
    install: str | None = None

    @property
    def root(self) -> Path:
        """The folder."""
        own = media_dir() / self.name
        if self.installed is None or own.is_dir():
            return own
        package, inside = self.installed
        found = importlib.util.find_spec(package)
        places = found.submodule_search_locations if found is not None else None
        return Path(next(iter(places))) / inside if places else own

    def content_sha256(self) -> str:
        """A hash of the names and bytes of all files; see :class:`~vd4rl_data.media.MediaSet`."""
        found = [
            path
            for split in (TRAIN, HELD_OUT)
            for scene in self._listed(split)
            for path in self.layout.files(self.root, scene)
        ]
        if not found:
            raise self._missing(self.root)
        stamps = tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found)
        return _hash(str(self.root), stamps)

    def scenes(self, split: str) -> tuple[str, ...]:
        """See :class:`~vd4rl_data.media.MediaSet`."""
        check_split(split)
        scenes = self.layout.scenes(self.root, split)
        if not scenes or not self.root.is_dir():
            raise self._missing(self.root)
        return scenes

    def clip(self, scene: str) -> Clip:
        """See :class:`~vd4rl_data.media.MediaSet`."""
        files = self.layout.files(self.root, scene)
        if not files:
            raise self._missing(self.root / scene)
        return _opened(self.layout, tuple(files))

    def _listed(self, split: str) -> tuple[str, ...]:
        try:
            return self.layout.scenes(self.root, split)
        except ValueError:
            return ()

    def _missing(self, what: Path) -> MediaNotFoundError:
        return MediaNotFoundError(
            f"media {self.name!r} ({self.title}): nothing found for {what}. Only you can provide"
            f" these pictures, and no others are shown in their place. Expected:\n"
            f"  {self.root}/{self.layout.about}\n"
            f"Put them there, or set {MEDIA_DIR} to the folder that holds {self.name!r}"
            f"{'' if self.install is None else f'; or {self.install}'}"
        )


@lru_cache(maxsize=_KEPT)
def _opened(layout: Layout, files: tuple[Path, ...]) -> Clip:
    return layout.open(files)


@lru_cache(maxsize=_KEPT)
def _hash(root: str, stamps: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in stamps:
        digest.update(Path(path).relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()


def _with_suffix(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
