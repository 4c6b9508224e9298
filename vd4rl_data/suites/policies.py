"""Behavior policies: which come with the repository, and what it costs to train the others.

The only place of these costs: the time that the shipped policies' own records tell, on one core, or
for others the measured speed times the steps. Whoever adds a dataset whose policy has to be trained
adds a row here; without one, ``vd4rl list`` says that the cost is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from vd4rl_data.suites.dmc_bodies import BODY_TASKS

PLAYED: Final = frozenset({"random", "random_weights", "driver", "learning_driver", "scripted"})
"""Behaviors that need no file of a policy."""

DEMONSTRATIONS: Final = {"kitchen": "D4RL/kitchen/mixed-v2"}
"""Simulator → the demonstrations that its ``demos`` are made of, as Minari publishes them."""

DEMONSTRATION_FILES: Final = {"kitchen": "d5rl-npz"}
"""Simulator → the format of demonstrations of people that others publish as files."""

REPLAY: Final = "medium_replay"
LATE_REPLAY: Final = "late_replay"
REPLAYS: Final = (REPLAY, LATE_REPLAY)
TIERS: Final = ("medium", "expert")
"""What a training run gives: its own first episodes, and those that began after it was medium (both
are made along with the medium policy), and policies of two tiers."""

CHECKPOINT_STEPS: Final = 10_000
"""Environment steps between two checkpoints of a training run."""

DOOR: Final = "sawyer_door"
DOOR_DENSE: Final = "sawyer_door_dense"
TRAINED_ON: Final = {DOOR: DOOR_DENSE}
"""Task → its twin with a dense reward, which policies are trained on where sparse rewards are not
found online. All else is the same in both."""

_STAND: Final = "runs/hopper_stand"


@dataclass(frozen=True, slots=True)
class ShippedReplay:
    """Episodes of a training run that come with the repository.

    Attributes:
        episodes: number of them.
        of: number of episodes that they are evenly spread over: the first ones of training, or for
            a late replay the first ones after the medium checkpoint; 0 if they are all of those.
    """

    episodes: int
    of: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """A training run that behavior policies come from.

    Attributes:
        task: the task's name.
        steps: environment steps.
        hours: time on one core.
        level: return above which its medium policy is chosen; ``None`` for the task's usual one.
        options: further options of ``python -m collection train``.
        ending: those of its end, which a run that stops earlier does without.
        beginning: options of a run from the beginning; one that is taken up has them from there.
        first: commands that have to be given before.
        shipped: tiers whose policies come with the repository.
        lent: tiers that the policy of another task, ``lender``, plays as well on this one.
        lender: another task of the same robot.
        replays: behavior, one of :data:`REPLAYS` → what comes with the repository of its replay.
        kept: folder of the repository with what is kept of a run that was not long enough, for the
            next one to take up; empty if there is none.
        kept_steps: environment steps of that run.
        medium_at: environment steps after which its policy was medium.
        missing: what no run of ours reached yet, and how far they came; empty if all was reached.
    """

    task: str
    steps: int
    hours: float
    level: float | None = None
    options: str = ""
    ending: str = ""
    beginning: str = ""
    first: tuple[str, ...] = ()
    shipped: tuple[str, ...] = ()
    lent: tuple[str, ...] = ()
    lender: str = ""
    replays: Mapping[str, ShippedReplay] = field(default_factory=dict[str, "ShippedReplay"])
    kept: str = ""
    kept_steps: int = 0
    medium_at: int = 0
    missing: str = ""


_HOPPER_FIRST: Final = (
    "python -m collection train hopper_stand --steps 300_000 --initial-temperature 0.1"
    f" --out {_STAND}",
    f"python -m collection select {_STAND} --tiers expert --out {_STAND}/tiers",
)
_HOPPER: Final = (
    "--random-steps 0 --actor-starts 20_000 --initial-temperature 0.01 --start-from"
    f" {_STAND}/tiers/policies/hopper_stand-expert.safetensors"
)


_HANDS: Final = (
    "--updates-per-step 1 --batch-size 128 --hidden 256 256 --critic-layer-norm --normalize-states"
    " --initial-temperature 0.1"
)


_LENT: Final = {
    "walker_walk": dict.fromkeys("bcfg", TIERS),
    "cheetah_run": {"b": TIERS, "c": TIERS, "f": ("medium",), "g": ("medium",)},
}
"""Unchanged robot → letter of a training body → tiers that its policies play on this body as they
are, by the measurements of ``docs/fidelity.md``."""


def _bodies() -> Iterator[TrainingRun]:
    """Where the unchanged robot's policies will not do, changed bodies are trained like it."""
    unchanged = {"walker_walk": (360_000, 0.8), "cheetah_run": (1_900_000, 2.5)}
    for name, (steps, hours) in unchanged.items():
        for letter, task in BODY_TASKS[name].items():
            lent = _LENT[name].get(letter, ())
            yield TrainingRun(task=task.name, steps=steps, hours=hours, lent=lent, lender=name)


TRAINING_RUNS: Final = (
    TrainingRun(
        task="walker_walk",
        steps=360_000,
        hours=0.8,
        shipped=TIERS,
        replays={REPLAY: ShippedReplay(200), LATE_REPLAY: ShippedReplay(200)},
        medium_at=150_000,
    ),
    TrainingRun(
        task="cheetah_run",
        steps=1_900_000,
        hours=2.5,
        ending="--anneal-from 1_600_000",
        shipped=TIERS,
        replays={REPLAY: ShippedReplay(400)},
    ),
    TrainingRun(
        task="cheetah_run",
        level=350.0,
        steps=400_000,
        hours=0.5,
        shipped=("medium",),
        replays={REPLAY: ShippedReplay(400)},
    ),
    TrainingRun(
        task="hopper_hop",
        steps=900_000,
        hours=1.1,
        options=_HOPPER,
        ending="--anneal-from 650_000",
        first=_HOPPER_FIRST,
        shipped=TIERS,
    ),
    TrainingRun(
        task="humanoid_walk",
        steps=1_200_000,
        hours=1.4,
        options="--updates-per-step 1 --batch-size 128",
        beginning="--hidden 256 256 --critic-layer-norm --normalize-states --reward-scale 2"
        " --reward-power 0.25 --raise-power 570_000 660_000 --initial-temperature 0.02",
        shipped=TIERS,
        replays={REPLAY: ShippedReplay(200, of=740)},
    ),
    TrainingRun(
        task="dclaw_screw",
        steps=600_000,
        hours=0.9,
        ending="--anneal-from 450_000",
        shipped=("expert",),
        replays={REPLAY: ShippedReplay(1_800), LATE_REPLAY: ShippedReplay(1_800)},
        medium_at=120_000,
    ),
    TrainingRun(
        task="adroit_pen",
        steps=600_000,
        hours=0.5,
        options=f"{_HANDS} --reward-scale 0.05",
        ending="--anneal-from 400_000",
        shipped=("expert",),
        replays={REPLAY: ShippedReplay(500, of=1_050), LATE_REPLAY: ShippedReplay(500, of=1_950)},
        medium_at=210_000,
    ),
    TrainingRun(
        task=DOOR_DENSE,
        steps=450_000,
        hours=0.4,
        options=f"{_HANDS} --reward-scale 0.1",
        ending="--anneal-from 300_000",
        shipped=("expert",),
        replays={LATE_REPLAY: ShippedReplay(400)},
        medium_at=90_000,
    ),
    *_bodies(),
)


def steps_to(run: TrainingRun, behavior: str) -> int:
    """Environment steps after which a run has given what a behavior is chosen by.

    For medium, that is two checkpoints after the one chosen: they have to be as good as it is.
    """
    if behavior == "expert" or not run.medium_at:
        return run.steps
    return min(run.steps, run.medium_at + 2 * CHECKPOINT_STEPS)


def find_training_run(task: str, level: float | None) -> TrainingRun | None:
    """The run that gives the policies of a task, at a level; ``None`` if nobody made one."""
    found = (run for run in TRAINING_RUNS if (run.task, run.level) == (task, level))
    return next(found, None)


@dataclass(frozen=True, slots=True)
class PublishedPolicies:
    """Policies and replays that are too large for the repository, as files of a Hub repository.

    Attributes:
        source: ``hf://USER/NAME@COMMIT``, as ``vd4rl publish --policies`` prints it.
        list_sha256: SHA-256 of its list of files, which names theirs.
        names: of the policies and replays to take from there, see :func:`policy_name`.
    """

    source: str
    list_sha256: str
    names: tuple[str, ...]


PUBLISHED: Final[list[PublishedPolicies]] = []
"""So far all that is shipped fits into the repository."""


def find_published(name: str) -> PublishedPolicies | None:
    """Where a policy or replay is that does not come with the repository; ``None`` if nowhere."""
    return next((shelf for shelf in PUBLISHED if name in shelf.names), None)


def is_shipped(task: str, behavior: str, level: float | None, episodes: int) -> bool:
    """Whether so many episodes of a behavior can be made with what comes with the repository, or is
    fetched when it is needed.
    """
    lender = lender_of(task, behavior, level)
    is_replay = behavior in REPLAYS
    name = replay_name(task, level, behavior) if is_replay else policy_name(lender, behavior, level)
    if find_published(name) is not None:
        return True
    run = find_training_run(task, level)
    if run is None:
        return False
    if is_replay:
        replay = run.replays.get(behavior)
        return replay is not None and not replay.of and episodes <= replay.episodes
    return behavior in run.shipped or behavior in run.lent


def lender_of(task: str, tier: str, level: float | None) -> str:
    """The task whose policy plays a tier of a task: its own, unless another one lends it."""
    run = find_training_run(task, level)
    return run.lender if run is not None and tier in run.lent else task


def policy_name(task: str, tier: str, level: float | None) -> str:
    """The name of a policy's files, without a suffix."""
    return f"{task}-{tier}{_of_level(level)}"


def replay_name(task: str, level: float | None, behavior: str = REPLAY) -> str:
    """The name of a replay's file, without a suffix."""
    return f"{task}{_of_level(level)}{'-late' if behavior == LATE_REPLAY else ''}"


def _of_level(level: float | None) -> str:
    return "" if level is None else f"_{level:g}"
