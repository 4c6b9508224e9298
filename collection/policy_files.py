"""Behavior policies as files: weights as safetensors, and everything else in a JSON beside them.

    walker_walk-medium.safetensors   the actor's layers, float32
    walker_walk-medium.json          architecture, order of observations, training, returns, SHA-256

Reading one does not need torch. The JSON holds the hash of the weights, so a file that was
truncated, altered or paired with the wrong description is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from collection.actor import Actor
from collection.errors import PolicyFileError
from collection.weight_files import SUFFIX, read_weights, weight_bytes
from vd4rl_data.registry import get_task_spec
from vd4rl_data.spec import TaskSpec
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.suites.policies import lender_of, policy_name

FORMAT: Final = "vd4rl-data behavior policy"
VERSION: Final = 1
FOLDER: Final = Path(__file__).parent / "policies"
"""The policies that the repository ships."""

DESCRIPTION_SUFFIX: Final = ".json"
"""Suffix of the description beside the weights."""

_MAX_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Architecture:
    """The architecture of a policy network.

    Attributes:
        kind: ``tanh_gaussian_mlp``: ReLU layers that give the means and log standard deviations of
            a tanh-squashed Gaussian.
        state_size, hidden, action_size: widths of the input, the hidden layers and the action.
        log_std_range: range that log standard deviations are clamped to.
    """

    kind: str
    state_size: int
    hidden: tuple[int, ...]
    action_size: int
    log_std_range: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy that was read and checked.

    Attributes:
        path: path of the weights file.
        task: task that it was trained on.
        tier: ``medium`` or ``expert``.
        sha256: SHA-256 of the weights file, 64 hexadecimal digits.
        observations: name and size of each part of the proprioceptive state, in order.
        training: settings, versions and device, checkpoint, rule, returns.
        actor: the weights.
    """

    path: Path
    task: str
    tier: str
    sha256: str
    observations: tuple[tuple[str, int], ...]
    training: Mapping[str, Any]
    actor: Actor

    @property
    def description(self) -> dict[str, Any]:
        """What a dataset's manifest records about the policy that made it."""
        return {
            "name": self.tier,
            "task": self.task,
            "file": self.path.name,
            "sha256": self.sha256,
            "training": dict(self.training),
        }


def shipped_policy(task: str, tier: str, level: float | None = None) -> Path | None:
    """Path of the policy that the repository ships for a task; ``None`` if there is none.

    Args:
        task: name of the task; its policy may be lent by another task of the same robot.
        tier: ``medium`` or ``expert``.
        level: return above which a medium policy was chosen; ``None`` for the task's usual one.
    """
    path = policy_in(FOLDER, lender_of(task, tier, level), tier, level)
    return path if path.is_file() else None


def policy_in(folder: Path, task: str, tier: str, level: float | None = None) -> Path:
    """Where a folder of policies has the one of a task, a tier and a level."""
    return folder / f"{policy_name(task, tier, level)}{SUFFIX}"


def write_policy(
    path: Path,
    actor: Actor,
    *,
    task: str,
    tier: str,
    observations: tuple[tuple[str, int], ...],
    training: Mapping[str, Any],
) -> None:
    """Write a policy: the weights, then the description that makes them valid.

    Raises:
        PolicyFileError: the actor is not a valid policy, or its weights differ when read back;
            nothing is written.
        NoSpaceError: the disk is full.
    """
    files = policy_contents(
        path, actor, task=task, tier=tier, observations=observations, training=training
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, content in files.items():
        with atomic_path(place) as temporary:
            temporary.write_bytes(content)


def policy_contents(
    path: Path,
    actor: Actor,
    *,
    task: str,
    tier: str,
    observations: tuple[tuple[str, int], ...],
    training: Mapping[str, Any],
) -> dict[Path, bytes]:
    """The files of a policy and their bytes, in the order in which they are to be written.

    Raises:
        PolicyFileError: see :func:`write_policy`.
    """
    content = weight_bytes(actor)
    description = {
        "format": FORMAT,
        "version": VERSION,
        "task": task,
        "tier": tier,
        "architecture": asdict(_architecture(actor)),
        "observations": [{"name": name, "size": size} for name, size in observations],
        "sha256": hashlib.sha256(content).hexdigest(),
        "training": dict(training),
    }
    text = json.dumps(description, indent=1) + "\n"
    return {path: content, description_path(path): text.encode()}


def read_policy(path: Path) -> PolicyFile:
    """Read a policy and check everything about it.

    Args:
        path: path of the weights file; the description is expected beside it.

    Raises:
        PolicyFileError: a file is missing, truncated, altered or of another format, or the weights
            do not match the description.
    """
    description = _read_description(description_path(path))
    content = _read_bytes(path)
    digest = hashlib.sha256(content).hexdigest()
    try:
        if digest != description["sha256"]:
            raise PolicyFileError(
                f"{path}: the weights were altered or truncated, or belong to another description: "
                f"expected SHA-256 {description['sha256']}, got {digest}; copy both files again"
            )
        actor = _read_actor(path, content, description["architecture"])
        observations = tuple((str(o["name"]), int(o["size"])) for o in description["observations"])
        task, tier = str(description["task"]), str(description["tier"])
        training = description["training"]
    except (KeyError, TypeError) as error:
        raise _malformed(
            description_path(path), f"a field is missing or has the wrong type: {error}"
        ) from error
    policy = PolicyFile(path, task, tier, digest, observations, training, actor)
    total = sum(size for _, size in observations)
    if total != actor.state_size:
        raise PolicyFileError(
            f"{path}: the observations have {total} numbers, the policy takes {actor.state_size}"
        )
    check_fits(policy, get_task_spec(task))
    return policy


def description_path(path: Path) -> Path:
    """The JSON beside a weights file.

    Raises:
        PolicyFileError: the name is not that of a weights file.
    """
    if path.suffix != SUFFIX:
        raise PolicyFileError(f"{path}: expected a name that ends in {SUFFIX}")
    return path.with_suffix(DESCRIPTION_SUFFIX)


def _architecture(actor: Actor) -> Architecture:
    return Architecture(
        actor.KIND,
        actor.state_size,
        tuple(len(bias) for bias in actor.biases[:-1]),
        actor.action_size,
        actor.LOG_STD_RANGE,
    )


def _read_description(path: Path) -> Mapping[str, Any]:
    content = _read_bytes(path)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _malformed(path, f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _malformed(path, f"expected a JSON object, got {type(found).__name__}")
    expected = {"format": FORMAT, "version": VERSION}
    for key, value in expected.items():
        if found.get(key) != value:
            raise _malformed(path, f"{key}: expected {value!r}, got {found.get(key)!r}")
    return found


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _malformed(path, f"expected at most {_MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise PolicyFileError(
            f"{path}: cannot be read: {error.strerror}; a policy is a {SUFFIX} file and a .json "
            "file of the same name beside it"
        ) from error


def _read_actor(path: Path, content: bytes, stated: Mapping[str, Any]) -> Actor:
    try:
        actor = read_weights(content)
    except ValueError as error:
        raise PolicyFileError(f"{path}: not the layers of a policy: {error}") from error
    found = json.loads(json.dumps(asdict(_architecture(actor))))
    if found != dict(stated):
        raise PolicyFileError(
            f"{path}: the architecture is not the described one: expected {dict(stated)}, got "
            f"{found}"
        )
    return actor


def check_fits(policy: PolicyFile, task: TaskSpec) -> None:
    """Check that a policy takes the states and gives the actions of a task.

    Raises:
        PolicyFileError: it does not.
    """
    if policy.actor.action_size != task.action_size:
        raise PolicyFileError(
            f"{policy.path}: expected actions of {task.action_size} dimensions for {task.name}, "
            f"the policy gives {policy.actor.action_size}"
        )
    layout = task.state_layout
    if layout and policy.observations != layout:
        raise PolicyFileError(
            f"{policy.path}: expected a policy of the states of {task.name}, {dict(layout)}, got "
            f"one of {dict(policy.observations)}"
        )


def _malformed(path: Path, what: str) -> PolicyFileError:
    return PolicyFileError(f"{path}: not the description of a behavior policy: {what}")
