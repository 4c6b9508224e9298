"""What a manifest records of how episodes were made.

The states of a dataset record who played; what a dataset draws of them, its row and its looks, is
added when they are rendered. So a file rendered from states is the file that collecting gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from collection.mixtures import described_looks
from collection.players import Behavior
from vd4rl_data.simulators.plain import environment_to_plain
from vd4rl_data.spec import DatasetSpec

COLLECT: Final = "collect"
RENDER: Final = "render"
STATES: Final = "states"
ROLLOUT: Final = "rollout"
OPTIONS: Final = "options"
DEVIATION: Final = "largest_deviation_of_states"


def collect_fields(spec: DatasetSpec, rollout: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that determines the bytes of a collected episode, except versions and renderer.

    Args:
        spec: the catalog row.
        rollout: see :func:`rollout_fields`.
    """
    looks = described_looks(spec.mixture)
    return {
        "kind": COLLECT,
        "dataset_id": spec.name,
        **rollout,
        "task": _task(spec),
        **_mixture(spec),
        "size": spec.size,
        **({"looks": looks} if looks else {}),
    }


def states_fields(spec: DatasetSpec, behavior: Behavior) -> dict[str, Any]:
    """The same for episodes without pixels; the looks say what the id shows, and decide nothing."""
    looks = described_looks(spec.mixture, hashed=False)
    return {
        "kind": STATES,
        "dataset_id": spec.name,
        ROLLOUT: rollout_fields(behavior),
        OPTIONS: list(behavior.arguments),
        "task": _task(spec),
        **_mixture(spec),
        **({"looks": looks} if looks else {}),
    }


def rollout_fields(behavior: Behavior) -> dict[str, Any]:
    """Everything that determines an episode, besides its number and what it is played in."""
    return {"behavior": behavior.name, **behavior.identity}


def collected(
    fields: Mapping[str, Any], episodes: int, options: Sequence[str], *flags: str
) -> dict[str, Any]:
    """The recipe of collected episodes: the command that makes them, and its fields.

    Args:
        fields: :func:`collect_fields` or :func:`states_fields`.
        episodes: how many.
        options: the behavior's command-line options.
        flags: further ones.
    """
    command = ["python -m collection collect", fields["dataset_id"], "--episodes", str(episodes)]
    return {"command": " ".join([*command, *options, *flags]), "episodes": episodes, **fields}


def rolled_out_with(recipe: Mapping[str, Any]) -> tuple[int, str] | None:
    """Seed and behavior that episodes were first rolled out with; ``None`` for a replay."""
    while recipe.get("kind") == RENDER:
        recipe = recipe["source"]["recipe"]
    rollout = recipe.get(ROLLOUT, recipe)
    return (rollout["seed"], rollout["behavior"]) if "seed" in rollout else None


def noted_deviation(deviation: float) -> str:
    """The note of a part whose physics states are not the recorded ones bit for bit; else empty."""
    return repr(deviation) if deviation else ""


def policy_with_deviation(policy: Mapping[str, Any], notes: Iterable[str]) -> Mapping[str, Any]:
    """What the manifest records of a behavior policy, with what parts noted of their episodes."""
    largest = max((float(note) for note in notes if note), default=0.0)
    largest = max(largest, deviation_of(policy))
    return {**policy, DEVIATION: largest} if largest else policy


def deviation_of(policy: Mapping[str, Any]) -> float:
    """Largest deviation of a dataset's physics states from the recorded ones, see
    :attr:`collection.rollout.Trajectory.deviation`.
    """
    return float(policy.get(DEVIATION, 0.0))


def _task(spec: DatasetSpec) -> dict[str, Any]:
    task = spec.task
    return {
        "name": task.name,
        "camera": str(task.camera),
        "action_repeat": task.action_repeat,
        "horizon": task.horizon,
        "settings": environment_to_plain(spec.environment)["task"]["settings"],
        **({} if task.drawing is None else {"drawing": str(task.drawing)}),
    }


def _mixture(spec: DatasetSpec) -> dict[str, Any]:
    """Of a mixture, what is collected in which share."""
    if len(spec.mixture) == 1:
        return {}
    shares = [{"task": item.environment.task.name, "share": item.share} for item in spec.mixture]
    return {"mixture": shares}
