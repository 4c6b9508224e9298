"""Where a training run lies on disk, and how it is saved so that a kill loses little."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.numpy import load_file, save_file

from collection.actor import Actor
from collection.errors import InvalidSettingError
from collection.policy_files import PolicyFile
from collection.sac.recording import read_recording, write_recording
from collection.sac.settings import TrainSettings
from collection.sac.simulations import Finished
from collection.versions import installed_versions
from vd4rl_data.processor import find_processor
from vd4rl_data.spec import TaskSpec
from vd4rl_data.storage.atomic import atomic_path, write_text

_SETTINGS: Final = "settings.json"
_MACHINE: Final = "machine.json"
_START: Final = "start.json"
_CURVE: Final = "curve.json"
_STATE: Final = "resume.pt"
_EXTENSIBLE: Final = ("steps", "anneal_from")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Files of one run: settings, learning curve, an actor and a recording per checkpoint, and
    what the run needs to go on.

    The state to go on from is written last, so a checkpoint that it does not know is made again.
    """

    path: Path

    def claim(self, settings: TrainSettings) -> None:
        """Make the folder, or check that it belongs to a run with these settings.

        A run may be prolonged: ``steps`` and ``anneal_from`` may differ as long as no annealing has
        begun, neither as it was nor as it shall be.

        Raises:
            InvalidSettingError: it belongs to another run; the message says what differs.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        wanted = _plain(settings)
        path = self.path / _SETTINGS
        if path.is_file():
            stored = json.loads(path.read_text(encoding="utf-8"))
            # older runs know fewer settings
            found = {**_plain(TrainSettings(task="", recipe_version=1)), **stored}
            free = set() if self._has_annealed(found, wanted) else set(_EXTENSIBLE)
            different = [
                f"{name}: {found.get(name)!r} there, {wanted.get(name)!r} asked for"
                for name in sorted({*found, *wanted} - free)
                if found.get(name) != wanted.get(name)
            ]
            if different:
                raise InvalidSettingError(
                    f"{self.path} holds a run with other settings: {'; '.join(different)}. Give "
                    "the same ones to go on with it, or another folder to start anew"
                )
        write_text(path, json.dumps(wanted, indent=2) + "\n")

    def _has_annealed(self, *settings: Mapping[str, Any]) -> bool:
        """Whether the run is past the beginning of an annealing."""
        if not (self.path / _CURVE).is_file():
            return False
        reached = self.curve()[-1]["environment_steps"]
        starts = [given.get("anneal_from") for given in settings]
        return any(start is not None and reached > start for start in starts)

    def machine(self) -> Mapping[str, Any]:
        """Versions, device and threads that the run began with."""
        return json.loads((self.path / _MACHINE).read_text(encoding="utf-8"))

    def note_machine(self, task: TaskSpec, device: torch.device) -> None:
        """Note, at the start of a run, what else decides its numbers."""
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

    def note_start(self, policy: PolicyFile) -> None:
        """Note, at the start of a run, the policy that it begins with."""
        path = self.path / _START
        if not path.is_file():
            write_text(path, json.dumps(policy.description, indent=1) + "\n")

    def start(self) -> Mapping[str, Any] | None:
        """What is known of the policy that the run began with; ``None`` if it was drawn."""
        path = self.path / _START
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def settings(self) -> TrainSettings:
        """The settings of the run that lies here."""
        found: dict[str, Any] = {"recipe_version": 1}
        found |= json.loads((self.path / _SETTINGS).read_text(encoding="utf-8"))
        found["hidden"] = tuple(found["hidden"])
        return TrainSettings(**found)

    def save(
        self,
        step: int,
        actor: Actor,
        episodes: Sequence[Finished],
        curve: Sequence[Mapping[str, Any]],
        state: Mapping[str, Any],
    ) -> None:
        """Save a checkpoint.

        Args:
            step: environment steps so far.
            actor: the policy at this moment.
            episodes: those that ended since the checkpoint before.
            curve: one record per checkpoint so far.
            state: tensors and plain numbers that the run goes on from.
        """
        write_recording(self._recording(step), episodes)
        with atomic_path(self.actor_path(step)) as temporary:
            save_file(actor.tensors(), temporary)
        write_text(self.path / _CURVE, json.dumps(list(curve), indent=1) + "\n")
        with atomic_path(self.path / _STATE) as temporary:
            torch.save({**state, "curve": list(curve)}, temporary)

    def load_state(self) -> Mapping[str, Any] | None:
        """What :meth:`save` was given last, and the curve; ``None`` before the first checkpoint."""
        path = self.path / _STATE
        return torch.load(path, weights_only=True) if path.is_file() else None

    def curve(self) -> list[dict[str, Any]]:
        """One record per checkpoint."""
        return json.loads((self.path / _CURVE).read_text(encoding="utf-8"))

    def actor_path(self, step: int) -> Path:
        """Where the actor of a checkpoint lies."""
        return self._subfolder("actors") / f"{step:09d}.safetensors"

    def actor(self, step: int) -> Actor:
        """The actor of a checkpoint."""
        return Actor.from_tensors(load_file(self.actor_path(step)))

    def episodes(self, steps: Sequence[int]) -> Iterator[Finished]:
        """The recorded episodes of these checkpoints, in order."""
        for step in steps:
            yield from read_recording(self._recording(step))

    def _recording(self, step: int) -> Path:
        return self._subfolder("replay") / f"{step:09d}.npz"

    def _subfolder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder


def _plain(settings: TrainSettings) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(settings)))
