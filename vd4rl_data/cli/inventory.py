"""The contents of a data folder: datasets, unfinished work, leftovers, and unknown files."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from vd4rl_data.download.plan import SUFFIX as DOWNLOAD
from vd4rl_data.download.policies import FOLDERS as POLICY_FOLDERS
from vd4rl_data.download.published import FOLDER as PUBLISHED_FOLDER
from vd4rl_data.errors import DatasetFormatError, InvalidEpisodeError
from vd4rl_data.storage import Manifest, open_dataset
from vd4rl_data.storage.atomic import TEMPORARY_SUFFIX
from vd4rl_data.storage.naming import PUBLIC_FOLDER, dataset_stem

Kind = Literal["dataset", "policy", "unfinished", "leftover"]
Where = Literal["own", "public", "hf"]

_REMOVED: Final = ".removed"
_WORK: Final = (f".h5{DOWNLOAD}", ".h5.parts")
_BESIDE: Final = (".packed.manifest.json", ".manifest.json", ".source.json")
_INCOMING: Final = re.compile(r"\.(?P<stem>.+)\.incoming")
_PUBLISHED_DEPTH: Final = 3


@dataclass(slots=True)
class Item:
    """Something in a data folder that belongs to an id.

    Attributes:
        dataset_id: the dataset id, or the folder and name of a policy, as given by the path.
        kind: a dataset; a third party's behavior policy or replay; unfinished work, which its
            command continues when given again; or a leftover of a killed process, which is not
            needed.
        where: ``own`` (made or imported), ``public`` (downloaded), ``hf`` (a third party's).
        paths: all of its files and folders, the data first.
        manifest: the manifest of a dataset that can be opened.
        note: further information: whose it is, or why it cannot be opened.
    """

    dataset_id: str
    kind: Kind
    where: Where
    paths: list[Path] = field(default_factory=list[Path])
    manifest: Manifest | None = None
    note: str = ""

    @property
    def num_bytes(self) -> int:
        """Its size on the disk, in bytes."""
        return sum(_num_bytes(path) for path in self.paths)


def scan(root: Path) -> tuple[list[Item], list[Path]]:
    """Find everything below a data folder; returns the known items, and paths of unknown files.

    Opens dataset files but reads no pixels. A folder that does not exist yet counts as empty.

    Raises:
        NotADirectoryError: the path is a file.
    """
    if root.is_file():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
    items: dict[tuple[str, str], Item] = {}
    unknown: list[Path] = []
    for folder, where, note in _suite_folders(root):
        for path in sorted(folder.iterdir(), key=_data_first):
            policies = where == "hf" and folder.name in POLICY_FOLDERS
            found = _classify_policy(path) if policies else _classify(path)
            if found is None:
                if not path.name.endswith(".lock"):
                    unknown.append(path)
                continue
            kind, stem = found
            key = (str(folder / stem), kind)
            item = items.setdefault(key, Item(f"{folder.name}/{stem}", kind, where, note=note))
            item.paths.append(path)
    for item in items.values():
        _settle(item)
    return list(items.values()), unknown


def _suite_folders(root: Path) -> Iterator[tuple[Path, Where, str]]:
    """The folders that hold files named after ids, and whose files they are."""
    for folder in _folders(root):
        if folder.name == PUBLIC_FOLDER:
            for suite in _folders(folder):
                yield suite, "public", ""
        elif folder.name == PUBLISHED_FOLDER:
            for suite in folder.glob("*/" * _PUBLISHED_DEPTH + "*/"):
                user, name, commit = suite.relative_to(folder).parts[:_PUBLISHED_DEPTH]
                if commit != "refs":
                    yield suite, "hf", f"hf://{user}/{name}@{commit}"
        else:
            yield folder, "own", ""


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())


def _classify(path: Path) -> tuple[Kind, str] | None:
    """What kind of item a path is, and the name of its dataset; ``None`` if it is unknown."""
    name = path.name
    if path.is_symlink():
        return None
    if path.is_dir():
        return _classify_folder(name)
    if name.endswith(TEMPORARY_SUFFIX):
        inner = name.removesuffix(TEMPORARY_SUFFIX)
        known = inner.endswith((".h5", *_BESIDE))
        return ("leftover", _stem(inner)) if known else None
    if name.endswith((".h5", *_BESIDE)) and not name.startswith("."):
        return "dataset", _stem(name)
    return None


def _classify_policy(path: Path) -> tuple[Kind, str] | None:
    """A file of a policy or replay, or what a kill left of it."""
    if path.name.endswith(TEMPORARY_SUFFIX):
        return "leftover", Path(path.name.removesuffix(TEMPORARY_SUFFIX)).stem
    return ("policy", path.stem) if path.is_file() and not path.name.startswith(".") else None


def _classify_folder(name: str) -> tuple[Kind, str] | None:
    incoming = _INCOMING.fullmatch(name)
    if incoming is not None:
        return "unfinished", incoming["stem"]
    for suffix in _WORK:
        if name.endswith(suffix):
            return "unfinished", name.removesuffix(suffix)
        if name.endswith(suffix + _REMOVED):
            return "leftover", name.removesuffix(suffix + _REMOVED)
    return None


def _stem(name: str) -> str:
    for suffix in _BESIDE:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return dataset_stem(Path(name))


def _data_first(path: Path) -> tuple[bool, str]:
    return path.suffix != ".h5", path.name


def _settle(item: Item) -> None:
    """Open a dataset to fill in its manifest; files of a removed dataset become a leftover."""
    if item.kind != "dataset":
        return
    if item.paths[0].suffix != ".h5":
        item.kind = "leftover"
        return
    try:
        stored = open_dataset(item.paths[0])
    except (DatasetFormatError, InvalidEpisodeError, OSError) as error:
        item.note = f"DAMAGED: {error}"
        return
    stored.close()
    item.manifest = stored.manifest


def _num_bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())


def users_of(paths: Sequence[Path]) -> list[int]:
    """Ids of processes that have one of these files open or mapped, as far as can be seen."""
    names = [str(path.resolve()) for path in paths if path.is_file()]
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "maps").read_text(encoding="utf-8", errors="replace")
            opened = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:  # gone meanwhile, or somebody else's
            continue
        if any(name in text or name in opened for name in names):
            found.append(int(process.name))
    return found
