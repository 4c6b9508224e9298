"""Which public files make a dataset: where they are, how large, with which hash, how many episodes.

The authors' files are public in one repository of datasets. Two tables say what is there: sizes
and SHA-256 of the 84 px shards of the main datasets (:mod:`vd4rl_data.suites.vd4rl_files`), and
the names of all other files (:mod:`vd4rl_data.suites.vd4rl_listing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from vd4rl_data.download.client import file_address
from vd4rl_data.formats import format_of
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.suites.vd4rl_files import HASHED_SIZE, official_files
from vd4rl_data.suites.vd4rl_listing import listed_names, public_folder

REPO_ID: Final = "conglu/vd4rl"
REVISION: Final = "63d6c339425b598fe61bbefbbe9c9eaadf9e438b"
"""The repository's last commit, of those known to this version of the package."""

DOWNLOAD_COMMAND: Final = "vd4rl download"
"""The command in the recipe of a dataset file that was made of downloaded files."""

_ROOT: Final = "vd4rl"


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
    if public_folder(spec.id) is None:
        return None
    files = _hashed_files(spec) or _listed_files(spec)
    if not files:
        return None
    # A file of an episode, or a shard: together, shards hold all of them.
    one_each = format_of([file.path for file in files]).one_per_file
    return _source(spec, files, len(files) if one_each else spec.num_episodes, "")


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
    known = all(file.sha256 for file in files)
    if not complete:
        note += f"The public files hold {episodes} of {spec.num_episodes} episodes."
    elif known:
        note += f"The public files hold all {episodes} episodes; their SHA-256 are known."
    else:
        note += (
            f"The public files hold {episodes} episodes, if they are as large as the paper says."
        )
    if not known:
        note += " Their SHA-256 are those that the pinned commit of the repository names."
    return PublicSource(REPO_ID, REVISION, files, episodes, complete, note)


def _hashed_files(spec: DatasetSpec) -> tuple[PublicFile, ...]:
    if spec.id.variant is not None or spec.size != HASHED_SIZE:
        return ()
    return tuple(
        PublicFile(f"{_ROOT}/{public_folder(spec.id)}/{file.name}", file.bytes, file.sha256)
        for file in official_files()
        if (file.task, file.behavior) == (spec.id.task, spec.id.behavior)
    )


def _listed_files(spec: DatasetSpec) -> tuple[PublicFile, ...]:
    folder = public_folder(spec.id)
    names = listed_names(spec.id)
    return tuple(PublicFile(f"{_ROOT}/{folder}/{name}", None, None) for name in names)
