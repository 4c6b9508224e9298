"""What publishing is about: files, datasets, the folder that holds them, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.format import PIXELS
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.storage.naming import stored_name
from vd4rl_data.storage.rows import Column

CARD: Final = "README.md"
CROISSANT: Final = "croissant.json"

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is to do."""


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """One file to upload: its path in the repository, size in bytes, and SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """One dataset of an upload folder.

    Attributes:
        manifest: what it says about itself.
        shards: its packed files, in order; the file of states.
        columns: its row arrays, in hashing order.
        pictures: contact sheet and return histogram, as paths in the repository; of states the
            histogram alone.
        viewer: what the hub's viewer shows of it, as a path in the repository; of states nothing.
    """

    manifest: Manifest
    shards: tuple[PreparedFile, ...]
    columns: tuple[Column, ...]
    pictures: tuple[str, ...]
    viewer: str | None

    @property
    def spec(self) -> DatasetSpec:
        """The catalog row."""
        return get_dataset_spec(self.manifest.dataset_id)

    @property
    def has_pixels(self) -> bool:
        """Whether it has frames, or is states alone."""
        return any(column.key == PIXELS for column in self.columns)

    @property
    def name(self) -> str:
        """With what the names of its files begin."""
        return stored_name(self.manifest.dataset_id, self.has_pixels)

    @property
    def num_bytes(self) -> int:
        """Bytes of all shards."""
        return sum(shard.size for shard in self.shards)


@dataclass(frozen=True, slots=True)
class PreparedRepository:
    """A folder that is ready to be uploaded.

    Attributes:
        folder: where the files are.
        repo_id: ``USER/NAME``.
        datasets: what is inside, sorted by id.
        files: all files to upload, sorted by path; whatever else lies in the folder stays here.
    """

    folder: Path
    repo_id: str
    datasets: tuple[PreparedDataset, ...]
    files: tuple[PreparedFile, ...]

    @property
    def num_bytes(self) -> int:
        """Bytes to upload, if nothing is there yet."""
        return sum(file.size for file in self.files)

    @property
    def card(self) -> str:
        """The dataset card as it would be uploaded."""
        return (self.folder / CARD).read_text(encoding="utf-8")

    def __str__(self) -> str:
        """Every file with its size, and the total."""
        width = max(len(f"{file.size:,}") for file in self.files)
        lines = [f"{file.size:>{width},}  {file.path}" for file in self.files]
        return "\n".join(
            [
                f"{self.folder} for the dataset repository {self.repo_id}:",
                *lines,
                f"{self.num_bytes:>{width},}  bytes in {len(self.files)} files",
            ]
        )


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """Where published data is.

    Attributes:
        repo_id: ``USER/NAME``.
        revision: the commit, 40 hexadecimal digits.
        url: of a page that shows it.
        uploaded: how many files were not there before; zero if the commit is an older one.
        replaced: ids of datasets that are gone from the repository, or have other content now.
        previous: the commit that still has them; ``None`` if none was replaced.
    """

    repo_id: str
    revision: str
    url: str
    uploaded: int
    replaced: tuple[str, ...] = ()
    previous: str | None = None

    @property
    def source(self) -> str:
        """What to pass to ``load_dataset`` as ``source``."""
        return f"hf://{self.repo_id}@{self.revision}"


@dataclass(frozen=True, slots=True)
class Publication:
    """What :func:`publish` did.

    Attributes:
        prepared: the folder.
        croissant: what became of the check of the Croissant file, in one line.
        commit: ``None`` after a dry run.
    """

    prepared: PreparedRepository
    croissant: str
    commit: CommitInfo | None

    def __str__(self) -> str:
        """For a terminal: of a dry run all files and the card, else how to load the data."""
        if self.commit is None:
            return (
                f"{self.prepared}\n\n{CARD}:\n\n{self.prepared.card}\n{self.croissant}\n"
                "Nothing was uploaded."
            )
        return "\n".join([*self._done(self.commit), *self._afterwards(self.commit)])

    def _done(self, commit: CommitInfo) -> list[str]:
        lines = [
            self.croissant,
            f"{commit.uploaded} of {len(self.prepared.files)} files were uploaded, the others "
            "were there before:",
            f"    {commit.url}",
        ]
        if commit.replaced:
            old = f"hf://{commit.repo_id}@{commit.previous}"
            lines.append(f"Replaced: {', '.join(commit.replaced)}; still available from {old}")
        return lines

    def _afterwards(self, commit: CommitInfo) -> list[str]:
        loaded = [dataset for dataset in self.prepared.datasets if dataset.has_pixels]
        lines = ["Load exactly these bytes with"] if loaded else []
        lines += [
            f'    vd4rl_data.load_dataset("{dataset.spec.name}", source="{commit.source}")'
            for dataset in loaded
        ]
        if not self.prepared.datasets:
            lines = ["Collect with exactly these policies:"]
            lines.append(f"    python -m collection collect ID --source {commit.source}")
        size = f"{self.prepared.num_bytes / 1e6:,.1f} MB"
        lines.append(f"{self.prepared.folder} ({size}) is no longer needed and may be deleted.")
        return lines
