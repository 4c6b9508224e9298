"""What is kept of a training run, for another run to take it up: a few small files.

    actor.safetensors, actor.json                  a policy file; the JSON has the temperature, the
                                                   curve so far and the SHA-256 of the critics
    critic_1.safetensors, critic_2.safetensors     layers, float32

A run's own folder holds its whole replay; these files can be committed. The run that takes them
up makes the rest anew: the actor plays until the replay is filled, the critics' targets start as
copies of the critics, and Adam's averages start at zero. If the run normalized states, these
networks nevertheless take them as they are, and the JSON has the statistics to undo that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collection.actor import Layers
from collection.errors import PolicyFileError
from collection.policy_files import PolicyFile, read_policy
from collection.sac.normalization import StateStatistics
from collection.weight_files import SUFFIX, read_layers

KEPT: Final = "kept"
"""The ``tier`` of a kept actor: it was kept to go on from, and chosen by no rule."""

STATISTICS: Final = "state_statistics"
"""Where a kept actor's JSON has the statistics that its run normalized states with."""

ACTOR: Final = f"actor{SUFFIX}"
CRITICS: Final = (f"critic_1{SUFFIX}", f"critic_2{SUFFIX}")


@dataclass(frozen=True, slots=True)
class KeptTraining:
    """What was read of a folder of kept files.

    Attributes:
        policy: the actor as a policy file.
        critics: the two critics.
        temperature: weight of the entropy.
        episodes: number of training episodes so far; those of the next run have other numbers.
        statistics: of the states that it normalized with; ``None`` if it did not.
    """

    policy: PolicyFile
    critics: tuple[Layers, ...]
    temperature: float
    episodes: int
    statistics: StateStatistics | None = None

    @property
    def critic_layer_norm(self) -> bool:
        """Whether the critics' hidden layers are normalized."""
        return bool(self.policy.training["settings"].get("critic_layer_norm", False))

    @property
    def reward_scale(self) -> float:
        """What the critics' rewards are multiplied with."""
        return float(self.policy.training["settings"].get("reward_scale", 1.0))

    @property
    def reward_power(self) -> float:
        """Exponent of the rewards' size that the critics learned from at the end."""
        return float(self.policy.training[KEPT].get("reward_power", 1.0))

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the actor's hidden layers."""
        return tuple(len(bias) for bias in self.policy.actor.biases[:-1])

    @property
    def critic_hidden(self) -> tuple[int, ...] | None:
        """Widths of the critics' hidden layers; ``None`` where they are the actor's."""
        found = tuple(len(bias) for bias in self.critics[0].biases[:-1])
        return None if found == self.hidden else found

    @property
    def sha256(self) -> str:
        """One hash of all weights, 64 hexadecimal digits."""
        hashes = (self.policy.sha256, *self.policy.training[KEPT]["critics"])
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def description(self) -> dict[str, Any]:
        """What a run that takes it up records, as of a policy that a run starts from."""
        folder = self.policy.path.absolute().parent.name
        return {**self.policy.description, "file": folder, "sha256": self.sha256}


Start = PolicyFile | KeptTraining
"""What a run may start from: an actor alone, or critics and temperature as well."""


def read_kept(folder: Path) -> KeptTraining:
    """Read kept files and check everything about them.

    Raises:
        PolicyFileError: a file is missing, altered, or belongs to others.
    """
    policy = read_policy(folder / ACTOR)
    try:
        found: dict[str, Any] = policy.training[KEPT]
        hashes = [str(value) for value in found["critics"]]
        temperature, episodes = float(found["temperature"]), int(found["episodes"])
        named = list(zip(CRITICS, hashes, strict=True))
        given = found.get(STATISTICS)
        statistics = None if given is None else StateStatistics.from_plain(given)
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyFileError(
            f"{policy.path}: a policy, but not one that `python -m collection keep` wrote:"
            f" {error!r}; take its folder, or start from the policy alone (--start-from)"
        ) from error
    critics = tuple(_read_critic(folder / name, digest) for name, digest in named)
    return KeptTraining(policy, critics, temperature, episodes, statistics)


def _read_critic(path: Path, expected: str) -> Layers:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PolicyFileError(
            f"{path}: cannot be read: {error.strerror}; expected beside {ACTOR}"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise PolicyFileError(
            f"{path}: altered, truncated or of another run: expected SHA-256 {expected}, got"
            f" {digest}; copy all files of the folder again"
        )
    try:
        return read_layers(content)
    except ValueError as error:
        raise PolicyFileError(f"{path}: not the layers of a critic: {error}") from error
