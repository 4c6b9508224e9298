"""Where a training run lies on disk, so that a kill loses little and nothing is half written."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch

from baselines.bench.checkpoint import read_checkpoint
from baselines.bench.settings import Protocol, RunSettings
from baselines.errors import CheckpointError, InvalidSettingError
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.evaluation import ActionTrace, Evaluation
from vd4rl_data.results import read_result
from vd4rl_data.spec import ORIGINAL
from vd4rl_data.storage.atomic import atomic_path, write_text

_SETTINGS: Final = "settings.json"
_FACTS: Final = "facts.json"
_CHECKPOINT: Final = "checkpoint.pt"
_SNAPSHOTS: Final = "pending"
_CURVE: Final = "curve.json"
_EVALUATION_SUFFIX: Final = ".npz"
_FAILURE: Final = "failure.txt"
_SUCCESSES: Final = ("successes", "final_successes")
_EXTENSIBLE: Final = ("hyperparameters.steps",)


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

    def phase_path(self, name: str) -> Path:
        """Folder of a phase's own files, such as episodes that it plays."""
        return self.path / "phases" / name

    @property
    def result_path(self) -> Path:
        """The submission; its action traces lie beside it."""
        return self.path / "result.json"

    def check_settings(self, settings: RunSettings) -> None:
        """Check that a run with these settings may begin or go on here; nothing is written.

        A run may be prolonged: ``steps`` may differ.

        Raises:
            InvalidSettingError: it belongs to another run; the message says what differs.
            CheckpointError: its settings cannot be read.
        """
        path = self.path / _SETTINGS
        if not path.is_file():
            return
        found, asked = flat(self._read_json(_SETTINGS)), flat(_plain(settings))
        for name in ("algorithm", "dataset"):
            if found.get(name) != asked.get(name):
                raise InvalidSettingError(
                    f"{self.path} holds a run of {name} {found.get(name)}, and {asked.get(name)} "
                    "was asked for; give another folder to start anew"
                )
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

    def claim(self, settings: RunSettings) -> None:
        """Make the folder that of this run, once nothing can refuse it any more.

        Raises:
            InvalidSettingError, CheckpointError: see :meth:`check_settings`.
        """
        self.check_settings(settings)
        self.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_plain(settings), indent=1) + "\n"
        path = self.path / _SETTINGS
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)

    def settings(self) -> RunSettings:
        """The settings of the run that lies here.

        Raises:
            CheckpointError: none does, or one of another version.
            UnknownAlgorithmError: of an algorithm that is not here.
        """
        from baselines.bench.registry import get_algorithm

        path = self.path / _SETTINGS
        if not path.is_file():
            raise CheckpointError(f"{self.path} holds no run: {path.name} is missing")
        found = self._read_json(_SETTINGS)
        try:
            algorithm = get_algorithm(found["algorithm"])
            found["hyperparameters"] = algorithm.settings(**found["hyperparameters"])
            found["protocol"] = Protocol(**found["protocol"])
            return RunSettings(**found)
        except (TypeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} is damaged or of another version of this package: {error}"
            ) from error

    def note(self, step: int, session: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Note what else decides the numbers.

        Args:
            step: gradient step that a process begins at; one that goes on with a run is noted
                beside the first, unless nothing changed.
            session: versions, sources, device, threads.
            data: hash and size of the dataset.
        """
        if step == 0:
            facts = {**session, "data": dict(data)}
        else:
            facts = self.facts()
            # A process that was killed before its first checkpoint changed nothing.
            later = [earlier for earlier in facts.get("later", ()) if earlier["step"] < step]
            last = [facts, *later][-1]
            if any(last.get(name) != value for name, value in session.items()):
                later.append({"step": step, **session})
            if later == list(facts.get("later", ())):
                return
            facts["later"] = later
        write_text(self.path / _FACTS, json.dumps(facts, indent=1) + "\n")

    def facts(self) -> dict[str, Any]:
        """What was noted of the run's beginning, and under ``later`` what changed since.

        Raises:
            CheckpointError: nothing was noted, or it is damaged.
        """
        return self._read_json(_FACTS)

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} is missing or damaged: {error}") from error
        if not isinstance(found, dict):
            raise CheckpointError(f"{path} is damaged: expected an object")
        return cast("dict[str, Any]", found)

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
        return read_checkpoint(path, algorithm) if path.is_file() else None

    def checkpoint_mark(self) -> tuple[int, int] | None:
        """Changes with every checkpoint: whoever read one sees whether it is still the last."""
        path = self.path / _CHECKPOINT
        if not path.is_file():
            return None
        found = path.stat()
        return found.st_mtime_ns, found.st_ino

    def snapshot_path(self, step: int) -> Path:
        """The checkpoint of a gradient step whose evaluation is not in the curve yet."""
        return self.path / _SNAPSHOTS / f"{step}.pt"

    def keep_snapshot(self, record: Mapping[str, Any]) -> None:
        """Keep the checkpoint as it is now, under its record's ``step``; it takes no room and no
        time where the file system has hard links.
        """
        path = self.snapshot_path(record["step"])
        path.parent.mkdir(exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.unlink(missing_ok=True)
            try:
                os.link(self.path / _CHECKPOINT, temporary)
            except OSError:
                shutil.copyfile(self.path / _CHECKPOINT, temporary)
        write_text(path.with_suffix(".json"), json.dumps(dict(record)) + "\n")

    def drop_snapshot(self, step: int) -> None:
        """Remove a snapshot, if it is there."""
        path = self.snapshot_path(step)
        for each in (path.with_suffix(".json"), path):
            each.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are there, or none ever was
            path.parent.rmdir()

    def snapshots(self) -> list[dict[str, Any]]:
        """Records of the snapshots, by step."""
        paths = (self.path / _SNAPSHOTS).glob("*.json")
        whole = [path for path in paths if path.with_suffix(".pt").is_file()]
        records = [json.loads(path.read_text(encoding="utf-8")) for path in whole]
        return sorted(records, key=lambda record: record["step"])

    def curve(self) -> list[dict[str, Any]]:
        """One record per evaluation: ``step``, ``mean_return``, ``returns``."""
        path = self.path / _CURVE
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []

    def save_curve(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Write all records."""
        write_text(self.path / _CURVE, json.dumps(list(curve), indent=1) + "\n")

    def evaluations(self) -> tuple[str, ...]:
        """The evaluations that the finished run was played in, ``original`` first."""
        others = sorted(self.path.glob(f"evaluation-*{_EVALUATION_SUFFIX}"))
        names = [path.name.removesuffix(_EVALUATION_SUFFIX).partition("-")[2] for path in others]
        return (ORIGINAL, *names) if self._evaluation_path(ORIGINAL).is_file() else ()

    def _evaluation_path(self, name: str) -> Path:
        middle = "" if name == ORIGINAL else f"-{name}"
        return self.path / f"evaluation{middle}{_EVALUATION_SUFFIX}"

    def save_evaluation(self, evaluation: Evaluation, name: str = ORIGINAL) -> None:
        """Write the final evaluation, of that name, with its actions. A new ``original`` one means
        that the others are of an agent that was trained less, and removes them.
        """
        for other in self.evaluations()[1:] if name == ORIGINAL else ():
            self._evaluation_path(other).unlink()
        path = self._evaluation_path(name)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            columns = {name: getattr(evaluation, name) for name in _SUCCESSES}
            told = {name: column for name, column in columns.items() if column is not None}
            np.savez(
                file,
                **told,
                returns=evaluation.returns,
                lengths=evaluation.lengths,
                seeds=np.array([trace.seed for trace in evaluation.traces], np.int64),
                actions=np.concatenate([trace.actions for trace in evaluation.traces]),
                media=np.array(list(evaluation.media.items()), np.str_).reshape(-1, 2),
            )

    def load_evaluation(self, name: str = ORIGINAL) -> Evaluation | None:
        """The final evaluation of that name, if the run got there."""
        path = self._evaluation_path(name)
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            lengths = arrays["lengths"]
            pieces = np.split(arrays["actions"], np.cumsum(lengths)[:-1])
            seeds = arrays["seeds"].tolist()
            told: dict[str, Any] = {
                column: arrays[column] if column in arrays.files else None for column in _SUCCESSES
            }
            if "media" in arrays.files:  # not in files from before looks
                told["media"] = dict(arrays["media"].tolist())
            return Evaluation(
                returns=arrays["returns"],
                lengths=lengths,
                traces=tuple(map(ActionTrace, seeds, pieces)),
                **told,
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
        if not curve or curve[-1]["step"] != steps or not self.result_path.is_file():
            return False
        try:  # killed before the result of a prolonged run was written, it is that of a shorter one
            return read_result(self.result_path).hyperparameters.get("steps") == steps
        except InvalidResultError:
            return False


def _plain(settings: RunSettings) -> dict[str, Any]:
    """As JSON gives it back."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
