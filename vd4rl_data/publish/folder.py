"""An upload folder: for which repository it is, what is in it, and which texts a person edited."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.errors import OutputExistsError
from vd4rl_data.storage import Manifest, sidecar
from vd4rl_data.storage.atomic import write_text
from vd4rl_data.storage.format import file_sha256
from vd4rl_data.storage.naming import STATES_WORD, stored_name

NOTES: Final = ".cache/vd4rl_data/publish.json"
"""Below an upload folder; what lies below ``.cache`` is never uploaded."""

_LOGGER: Final = logging.getLogger("vd4rl_data")
_ELSEWHERE: Final = "choose another folder, or delete this one: it can be made again"


class UploadFolder:
    """A folder for one repository.

    Attributes:
        path: where.
        repo_id: the repository it is for.
    """

    def __init__(self, path: Path, repo_id: str, datasets: Mapping[str, str]) -> None:
        """Take a folder: a new or empty one, or one that was taken for some of the same before.

        Args:
            path: where; nothing is written yet.
            repo_id: the repository to publish in.
            datasets: content hash by name. There may be more than before.

        Raises:
            OutputExistsError: it is a file, holds something else, or is for another repository; or
                it holds other datasets, other content, or a text that was edited before some came.
        """
        if path.exists() and not path.is_dir():
            raise OutputExistsError(f"{path}: expected a folder, got a file")
        noted = _read_notes(path)
        self.path = path
        self.repo_id = repo_id
        self._texts: dict[str, str] = {} if noted is None else dict(noted["texts"])
        if noted is None:
            _check_empty(path)
        elif noted["repo_id"] != repo_id:
            raise OutputExistsError(
                f"{path} was prepared for {noted['repo_id']}, not for {repo_id}; {_ELSEWHERE}"
            )
        else:
            self._check_grown(datasets)

    def save(self) -> None:
        """Note what the folder is for."""
        path = self.path / NOTES
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"repo_id": self.repo_id, "texts": self._texts}
        write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write what is generated, but never over something that a person changed."""
        path, digest = self.path / name, hashlib.sha256(text.encode()).hexdigest()
        if path.is_file() and file_sha256(path) not in (self._texts.get(name), digest):
            _LOGGER.warning(
                "%s was edited by hand and is kept; delete it to have it made again", path
            )
            return
        write_text(path, text)
        self._texts[name] = digest
        self.save()

    def _check_grown(self, datasets: Mapping[str, str]) -> None:
        here: dict[str, str] = {}
        for path in sorted(self.path.rglob("*.manifest.json")):
            beside = sidecar.parse(path.read_text(encoding="utf-8"), str(path))
            manifest = Manifest.from_json(beside.manifest, str(path))
            has_pixels = not path.name.endswith(f"{STATES_WORD}.manifest.json")
            here[stored_name(manifest.dataset_id, has_pixels)] = manifest.content_sha256
        if gone := sorted(here.keys() - datasets.keys()):
            raise OutputExistsError(
                f"{self.path} was prepared with {', '.join(gone)} too; name that as well, or "
                f"{_ELSEWHERE}"
            )
        if changed := [name for name in sorted(here) if here[name] != datasets[name]]:
            raise OutputExistsError(
                f"{self.path} was prepared with other content of {', '.join(changed)}; {_ELSEWHERE}"
            )
        new = ", ".join(sorted(datasets.keys() - here.keys()))
        for name, digest in sorted(self._texts.items() if new else ()):
            path = self.path / name
            if path.is_file() and file_sha256(path) != digest:
                raise OutputExistsError(
                    f"{path} was edited by hand and does not speak of {new}; move it elsewhere, "
                    "prepare again, and bring your words into the new one"
                )


def repository_of(folder: Path) -> str | None:
    """The repository that an upload folder is for; ``None`` if it is no upload folder.

    Raises:
        OutputExistsError: its notes are not ours.
    """
    noted = _read_notes(folder)
    return None if noted is None else str(noted["repo_id"])


def _read_notes(folder: Path) -> dict[str, Any] | None:
    path = folder / NOTES
    try:
        noted = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        return {"repo_id": str(noted["repo_id"]), "texts": dict(noted["texts"])}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputExistsError(
            f"{path}: expected the notes of an upload folder; {error!r}. Choose another folder"
        ) from error


def _check_empty(folder: Path) -> None:
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    # The notes are the first thing that is written, so whatever is here is somebody else's.
    if others := [name for name in found if name != NOTES.partition("/")[0]]:
        raise OutputExistsError(
            f"{folder}: expected a new or empty folder, or one that this command made; got "
            f"{', '.join(others[:5])}"
        )
