"""The folder of a training run, saved so that a kill loses little."""

from __future__ import annotations

import dataclasses
import json
import pickle
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import torch

from collection.actor import Actor
from collection.errors import InvalidSettingError, RunFolderError
from collection.sac.kept import Start
from collection.sac.recording import read_recording, write_recording
from collection.sac.settings import TrainSettings
from collection.sac.simulations import FinishedEpisode
from collection.versions import installed_versions
from collection.weight_files import SUFFIX, read_weights, write_weights
from vd4rl_data.processor import find_processor
from vd4rl_data.spec import TaskSpec
from vd4rl_data.storage.atomic import atomic_path, write_text

_SETTINGS: Final = "settings.json"
_MACHINE: Final = "machine.json"
_START: Final = "start.json"
_CURVE: Final = "curve.json"
_STATE: Final = "resume.pt"
_ACTORS: Final = "actors"
_REPLAY: Final = "replay"
_EXTENSIBLE: Final = ("steps", "anneal_from")
_UNREADABLE: Final = (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, OSError)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Files of one run: settings, learning curve, an actor and a recording per checkpoint, and
    the state that the run continues from.

    That state is written last, so a checkpoint that it does not include yet is made again.
    """

    path: Path

    def check_settings(self, settings: TrainSettings) -> None:
        """Check that a run with these settings may start or continue here; nothing is written.

        A run may be extended: ``steps`` and ``anneal_from`` may change as long as annealing has not
        begun under either the old or the new settings, and ``raise_power`` as long as that has not
        begun. A run may also be shortened, but not to end
        before its last checkpoint.

        Raises:
            InvalidSettingError: the folder holds another run; the message says what differs.
            RunFolderError: a file in the folder cannot be read.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InvalidSettingError(f"{self.path}: expected a folder, got a file")
        if not (self.path / _SETTINGS).is_file():
            return
        wanted = _plain(settings)
        # Older runs recorded fewer settings.
        known = _plain(TrainSettings(task="", recipe_version=1))
        found = {**known, **self._read_object(_SETTINGS)}
        free = set[str](() if self._has_annealed(found, wanted) else _EXTENSIBLE)
        if not self._has_raised(found, wanted):
            free.add("raise_power")
        different = [
            f"{name}: {found.get(name)!r} there, {wanted.get(name)!r} requested"
            for name in sorted({*found, *wanted} - free)
            if found.get(name) != wanted.get(name)
        ]
        if different:
            raise InvalidSettingError(
                f"{self.path} holds a run with other settings: {'; '.join(different)}. Give "
                "the same settings to continue it, or another folder to start a new run"
            )
        reached = self.reached()
        if wanted["steps"] < min(reached, found["steps"]):
            raise InvalidSettingError(
                f"steps: expected at least {reached:,}, which the run in {self.path} has reached, "
                f"got {settings.steps:,}; give another folder to train a shorter one"
            )

    def claim(self, settings: TrainSettings) -> None:
        """Create the folder and write the run's settings; call this after all other checks.

        Raises:
            InvalidSettingError, RunFolderError: see :meth:`check_settings`.
        """
        self.check_settings(settings)
        self.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_plain(settings), indent=2) + "\n"
        path = self.path / _SETTINGS
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)

    def reached(self) -> int:
        """Environment steps at the last checkpoint; 0 before the first."""
        return int(self.curve()[-1]["environment_steps"]) if (self.path / _CURVE).is_file() else 0

    def _has_annealed(self, *settings: Mapping[str, Any]) -> bool:
        """Whether the run is past the start of annealing under any of these settings."""
        reached = self.reached()
        starts = [given.get("anneal_from") for given in settings]
        return any(start is not None and reached > start for start in starts)

    def _has_raised(self, *settings: Mapping[str, Any]) -> bool:
        """Whether the run is past the start of raising the rewards' power under any of these."""
        reached = self.reached()
        spans = [given.get("raise_power") for given in settings]
        return any(span is not None and reached > span[0] for span in spans)

    def machine(self) -> Mapping[str, Any]:
        """Versions, device, processor and threads that the run started with."""
        return self._read_object(_MACHINE)

    def note_machine(self, task: TaskSpec, device: torch.device) -> None:
        """Record, at the start of a run, what else determines its numbers; see :meth:`machine`."""
        path = self.path / _MACHINE
        if not path.is_file():
            name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
            versions = {**installed_versions(task), "torch": torch.__version__}
            record = {
                "device": name,
                "processor": find_processor().record(),
                "threads": torch.get_num_threads(),
                "versions": versions,
            }
            write_text(path, json.dumps(record, indent=1) + "\n")

    def note_start(self, start: Start) -> None:
        """Record, at the start of a run, what it starts from."""
        path = self.path / _START
        if not path.is_file():
            write_text(path, json.dumps(start.description, indent=1) + "\n")

    def start(self) -> Mapping[str, Any] | None:
        """Description of what the run started from; ``None`` for random weights."""
        return self._read_object(_START) if (self.path / _START).is_file() else None

    def settings(self) -> TrainSettings:
        """The settings of the run in this folder.

        Raises:
            RunFolderError: there is no run, or it is from another version.
        """
        found: dict[str, Any] = {"recipe_version": 1, **self._read_object(_SETTINGS)}
        try:
            for name in ("hidden", "critic_hidden", "raise_power"):
                value = found.get(name)
                found |= {} if value is None else {name: tuple(value)}
            return TrainSettings(**found)
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(
                f"{self.path / _SETTINGS} is damaged or of another version of this package: {error}"
            ) from error

    def save(
        self,
        step: int,
        actor: Actor,
        episodes: Sequence[FinishedEpisode],
        curve: Sequence[Mapping[str, Any]],
        state: Mapping[str, Any],
    ) -> None:
        """Save a checkpoint.

        Args:
            step: environment steps so far.
            actor: the policy at this moment.
            episodes: the episodes that ended since the previous checkpoint.
            curve: one record per checkpoint so far.
            state: tensors and plain numbers that the run continues from.
        """
        for folder in (_REPLAY, _ACTORS):
            (self.path / folder).mkdir(exist_ok=True)
        write_recording(self._recording(step), episodes)
        write_weights(self.actor_path(step), actor)
        write_text(self.path / _CURVE, json.dumps(list(curve), indent=1) + "\n")
        with atomic_path(self.path / _STATE) as temporary:
            torch.save({**state, "curve": list(curve)}, temporary)

    def load_state(self) -> Mapping[str, Any] | None:
        """The state last given to :meth:`save`, with the curve; ``None`` before a checkpoint.

        Raises:
            RunFolderError: the file is damaged.
        """
        path = self.path / _STATE
        if not path.is_file():
            return None
        try:
            return torch.load(path, weights_only=True)
        except _UNREADABLE as error:
            raise RunFolderError(
                f"{path} cannot be read: it is damaged or not a checkpoint; use another folder"
            ) from error

    def state_mark(self) -> tuple[int, int] | None:
        """A value that changes with every checkpoint: shows whether another process saved one."""
        path = self.path / _STATE
        if not path.is_file():
            return None
        found = path.stat()
        return found.st_mtime_ns, found.st_ino

    def curve(self) -> list[dict[str, Any]]:
        """One record per checkpoint.

        Raises:
            RunFolderError: there is no checkpoint yet, or the file is damaged.
        """
        found = self._read_json(_CURVE)
        if not isinstance(found, list) or not found:
            raise RunFolderError(f"{self.path / _CURVE} is damaged: expected a list of checkpoints")
        return cast("list[dict[str, Any]]", found)

    def actor_path(self, step: int) -> Path:
        """Path of the actor of a checkpoint."""
        return self.path / _ACTORS / f"{step:09d}{SUFFIX}"

    def actor(self, step: int) -> Actor:
        """The actor of a checkpoint.

        Raises:
            RunFolderError: the file is missing or damaged.
        """
        path = self.actor_path(step)
        try:
            return read_weights(path.read_bytes())
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{path} cannot be read: {error}") from error

    def episodes(self, steps: Sequence[int]) -> Iterator[FinishedEpisode]:
        """The recorded episodes of these checkpoints, in order."""
        for step in steps:
            yield from read_recording(self._recording(step))

    def _recording(self, step: int) -> Path:
        return self.path / _REPLAY / f"{step:09d}.npz"

    def _read_object(self, name: str) -> dict[str, Any]:
        found = self._read_json(name)
        if not isinstance(found, dict):
            raise RunFolderError(f"{self.path / name} is damaged: expected an object")
        return cast("dict[str, Any]", found)

    def _read_json(self, name: str) -> Any:
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{path} cannot be read: {error}; expected the folder of a training run that has a "
                "checkpoint"
            ) from error


def _plain(settings: TrainSettings) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(settings)))
