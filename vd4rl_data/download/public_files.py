"""Which public files make a dataset: where they are, how large, with which hash, how many episodes.

The authors' files are public in one repository of datasets. Two tables say what is there: sizes
and SHA-256 of the 84 px shards of the main datasets (:mod:`vd4rl_data.suites.vd4rl_files`), and
the names of all other files (``suites/vd4rl_listing.tsv``). The second was made from the table of
folders and names that a public loader recorded in October 2023: its folders sorted, one line each,
followed by a line for each file, sorted and indented by a tab; without the folders of the first
table, and without those of ``medium_expert``, which hold copies of ``medium`` and ``expert`` at
84 px and of ``expert`` alone at 64 px.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

from vd4rl_data.download.client import file_address
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.suites.vd4rl_files import official_files

REPO_ID: Final = "conglu/vd4rl"
REVISION: Final = "63d6c339425b598fe61bbefbbe9c9eaadf9e438b"
"""The repository's last commit, of those known to this version of the package."""

DOWNLOAD_COMMAND: Final = "vd4rl download"
"""The command in the recipe of a dataset file that was made of downloaded files."""

_ROOT: Final = "vd4rl"
_SUITE: Final = "VD4RL"
_HASHED_SIZE: Final = 84
_TABLE: Final = "vd4rl_listing.tsv"


@dataclass(frozen=True, slots=True)
class PublicFile:
    """One file of a repository. What was never recorded is ``None``.

    Attributes:
        path: inside the repository.
        num_bytes: size.
        sha256: of the content, 64 hexadecimal digits.
    """

    path: str
    num_bytes: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class PublicSource:
    """What the public can download of a dataset.

    Attributes:
        repo_id, revision: the repository of datasets, and the commit that is pinned.
        files: what to download, in reading order; of a composite id, those of its parts in turn.
        num_episodes: how many episodes they hold.
        complete: whether these are all episodes of the dataset.
        note: what the user should know, one or two sentences.
    """

    repo_id: str
    revision: str
    files: tuple[PublicFile, ...]
    num_episodes: int
    complete: bool
    note: str

    @property
    def num_bytes(self) -> int | None:
        """Size of all files; ``None`` if it was never recorded."""
        sizes = [file.num_bytes for file in self.files if file.num_bytes is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None

    def url(self, endpoint: str, path: str) -> str:
        """Where a hub, or a file server laid out like one, has a file of this source."""
        return file_address(endpoint, self.repo_id, self.revision, path)


def public_source(spec: DatasetSpec) -> PublicSource | None:
    """What the public can download of a dataset; ``None`` if it was never published as files.

    A composite id is made of its parts' files: its own public folder is never used, because at
    64 px it holds half of the dataset only.
    """
    return _composed(spec) if spec.parts else _stored(spec)


def holds_source(source: PublicSource, manifest: Manifest) -> bool:
    """Whether a dataset file was made of all files of a public source.

    True of what was downloaded, and of what was imported if every file is known as official.
    """
    provenance = manifest.provenance
    if provenance.recipe.get("command") == DOWNLOAD_COMMAND:
        made_of_these = provenance.recipe.get("revision") == source.revision
    else:
        made_of_these = provenance.origin == "official"
    if not made_of_these:
        return False
    names = [file.get("name") for file in provenance.sources]
    return sorted(map(str, names)) == sorted(PurePosixPath(file.path).name for file in source.files)


def _stored(spec: DatasetSpec) -> PublicSource | None:
    """The source of a dataset that is stored under its own id."""
    if spec.id.suite != _SUITE or spec.id.variant is not None:
        return None
    files = _hashed_files(spec) if spec.size == _HASHED_SIZE else _listed_files(spec)
    if not files:
        return None
    # At 64 px a file is an episode; the 84 px shards together hold all of them.
    episodes = spec.num_episodes if spec.size == _HASHED_SIZE else len(files)
    return _source(spec, files, episodes, "")


def _composed(spec: DatasetSpec) -> PublicSource | None:
    sources = [public_source(get_dataset_spec(part)) for part in spec.parts]
    found = [source for source in sources if source is not None]
    if len(found) < len(sources):
        return None
    files = tuple(file for source in found for file in source.files)
    composed = f"It is composed of {' and '.join(spec.parts)}. "
    return _source(spec, files, sum(source.num_episodes for source in found), composed)


def _source(
    spec: DatasetSpec, files: tuple[PublicFile, ...], episodes: int, note: str
) -> PublicSource:
    complete = episodes == spec.num_episodes
    if complete:
        note += f"The public files hold all {episodes} episodes; their SHA-256 are known."
    else:
        note += (
            f"The public files hold {episodes} of {spec.num_episodes} episodes. Their SHA-256 are "
            "those that the pinned commit of the repository names."
        )
    return PublicSource(REPO_ID, REVISION, files, episodes, complete, note)


def _folder(spec: DatasetSpec) -> str:
    return f"main/{spec.id.task}/{spec.id.behavior}/{spec.size}px"


def _hashed_files(spec: DatasetSpec) -> tuple[PublicFile, ...]:
    return tuple(
        PublicFile(f"{_ROOT}/{_folder(spec)}/{file.name}", file.bytes, file.sha256)
        for file in official_files()
        if (file.task, file.behavior) == (spec.id.task, spec.id.behavior)
    )


def _listed_files(spec: DatasetSpec) -> tuple[PublicFile, ...]:
    folder = _folder(spec)
    names = _listing().get(folder, ())
    return tuple(PublicFile(f"{_ROOT}/{folder}/{name}", None, None) for name in names)


@functools.cache
def _listing() -> dict[str, tuple[str, ...]]:
    """Names by folder; read on first use."""
    text = resources.files("vd4rl_data.suites").joinpath(_TABLE).read_text(encoding="utf-8")
    names: dict[str, list[str]] = {}
    folder = ""
    for line in text.splitlines():
        if line.startswith("\t"):
            names[folder].append(line[1:])
        else:
            folder = line
            names[folder] = []
    return {folder: tuple(listed) for folder, listed in names.items()}
