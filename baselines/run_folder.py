"""Where a training run lies on disk, so that a kill loses little and nothing is half written."""

from __future__ import annotations

import dataclasses
import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch

from baselines.errors import CheckpointError, InvalidSettingError
from baselines.settings import Protocol, RunSettings
from vd4rl_data.evaluation import ActionTrace, Evaluation
from vd4rl_data.storage.atomic import atomic_path, write_text

_SETTINGS: Final = "settings.json"
_FACTS: Final = "facts.json"
_CHECKPOINT: Final = "checkpoint.pt"
_CURVE: Final = "curve.json"
_EVALUATION: Final = "evaluation.npz"
_FAILURE: Final = "failure.txt"
_EXTENSIBLE: Final = ("hyperparameters.steps",)
_UNREADABLE: Final = (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, OSError)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Files of one run.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def metrics_path(self) -> Path:
        """One JSON object per line."""
        return self.path / "metrics.jsonl"

    @property
    def tensorboard_path(self) -> Path:
        """Event files."""
        return self.path / "tensorboard"

    @property
    def result_path(self) -> Path:
        """The submission; its action traces lie beside it."""
        return self.path / "result.json"

    def claim(self, settings: RunSettings) -> None:
        """Make the folder, or check that it belongs to a run with these settings.

        A run may be prolonged: ``steps`` may differ.

        Raises:
            InvalidSettingError: it belongs to another run; the message says what differs.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        wanted = json.loads(json.dumps(dataclasses.asdict(settings)))
        path = self.path / _SETTINGS
        if path.is_file():
            found = flat(json.loads(path.read_text(encoding="utf-8")))
            asked = flat(wanted)
            different = [
                f"{name}: {found.get(name)!r} there, {asked.get(name)!r} asked for"
                for name in sorted({*found, *asked} - set(_EXTENSIBLE))
                if found.get(name) != asked.get(name)
            ]
            if different:
                raise InvalidSettingError(
                    f"{self.path} holds a run with other settings: {'; '.join(different)}. Give "
                    "the same ones to go on with it, or another folder to start anew"
                )
        write_text(path, json.dumps(wanted, indent=1) + "\n")

    def settings(self) -> RunSettings:
        """The settings of the run that lies here.

        Raises:
            CheckpointError: none does, or one of another version.
            UnknownAlgorithmError: of an algorithm that is not here.
        """
        from baselines.algorithms import get_algorithm

        path = self.path / _SETTINGS
        if not path.is_file():
            raise CheckpointError(f"{self.path} holds no run: {path.name} is missing")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            algorithm = get_algorithm(found["algorithm"])
            found["hyperparameters"] = algorithm.settings(**found["hyperparameters"])
            found["protocol"] = Protocol(**found["protocol"])
            return RunSettings(**found)
        except (TypeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} is damaged or of another version of this package: {error}"
            ) from error

    def note(self, facts: Mapping[str, Any]) -> None:
        """Note what else decides the numbers: versions, device, threads, the dataset's hash."""
        write_text(self.path / _FACTS, json.dumps(facts, indent=1) + "\n")

    def facts(self) -> dict[str, Any]:
        """What was noted."""
        return json.loads((self.path / _FACTS).read_text(encoding="utf-8"))

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Save tensors and plain numbers that the run goes on from."""
        with atomic_path(self.path / _CHECKPOINT) as temporary:
            torch.save(dict(state), temporary)

    def load_checkpoint(self, algorithm: str) -> dict[str, Any] | None:
        """What was saved last, on the CPU; ``None`` before the first time.

        Raises:
            CheckpointError: it is damaged, or of another algorithm.
        """
        path = self.path / _CHECKPOINT
        if not path.is_file():
            return None
        try:
            state: Any = torch.load(path, weights_only=True, map_location="cpu")
        except _UNREADABLE as error:
            raise CheckpointError(
                f"{path} cannot be read ({error}); delete it to start this run anew"
            ) from error
        made_by = state.get("algorithm") if isinstance(state, dict) else None
        if made_by != algorithm:
            raise CheckpointError(
                f"{path}: expected a checkpoint of {algorithm!r}, this is one of {made_by!r}"
            )
        return cast("dict[str, Any]", state)

    def curve(self) -> list[dict[str, Any]]:
        """One record per evaluation: ``step``, ``mean_return``, ``returns``."""
        path = self.path / _CURVE
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []

    def save_curve(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Write all records."""
        write_text(self.path / _CURVE, json.dumps(list(curve), indent=1) + "\n")

    def save_evaluation(self, evaluation: Evaluation) -> None:
        """Write the final evaluation with its actions."""
        with atomic_path(self.path / _EVALUATION) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                returns=evaluation.returns,
                lengths=evaluation.lengths,
                seeds=np.array([trace.seed for trace in evaluation.traces], np.int64),
                actions=np.concatenate([trace.actions for trace in evaluation.traces]),
            )

    def load_evaluation(self) -> Evaluation | None:
        """The final evaluation, if the run got there."""
        path = self.path / _EVALUATION
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            lengths = arrays["lengths"]
            pieces = np.split(arrays["actions"], np.cumsum(lengths)[:-1])
            seeds = arrays["seeds"].tolist()
            return Evaluation(
                returns=arrays["returns"],
                lengths=lengths,
                successes=None,
                traces=tuple(map(ActionTrace, seeds, pieces)),
            )

    def fail(self, text: str) -> None:
        """Note why the run ended early."""
        write_text(self.path / _FAILURE, text.rstrip() + "\n")

    def failure(self) -> str | None:
        """Why the run ended early, if it did."""
        path = self.path / _FAILURE
        return path.read_text(encoding="utf-8").rstrip() if path.is_file() else None

    def clear_failure(self) -> None:
        """Forget it: the run goes on."""
        (self.path / _FAILURE).unlink(missing_ok=True)

    def is_done(self, steps: int) -> bool:
        """Whether the run has its result after this many gradient steps."""
        curve = self.curve()
        return self.result_path.is_file() and bool(curve) and curve[-1]["step"] == steps


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
