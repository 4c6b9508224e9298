"""How to get a dataset: every way, with the commands from nothing to the file.

``vd4rl list`` and ``vd4rl info`` show them, and so does the error about a dataset that is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args

from vd4rl_data.download.public_files import DOWNLOAD_COMMAND, public_source
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.simulators.table import EXTRAS, fetch_commands
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.suites.policies import (
    DEMONSTRATION_FILES,
    DEMONSTRATIONS,
    LATE_REPLAY,
    PLAYED,
    REPLAY,
    REPLAYS,
    TIERS,
    TRAINED_ON,
    TrainingRun,
    find_training_run,
    is_shipped,
    steps_to,
)

Kind = Literal["bundled", "download", "collect", "demos", "part", "train", "import"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_CORES: Final = 2
_CLONE: Final = Path(__file__).parents[1]
_OUT: Final = "runs/tiers"
_AGAIN: Final = "Make it again from nothing"
_CLONE_FIRST: Final = (
    "cd CLONE   # a clone of the vd4rl-data repository; the wheel holds the library alone"
)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to get a dataset.

    Attributes:
        kind: ``bundled``: it is part of the package; ``download``: the authors' public files;
            ``collect``: the pipeline makes it again with policies that come with the repository;
            ``demos``: the same, of demonstrations that others published; ``part``: the same of some
            of its episodes, which come with the repository; ``train``: the same, after its policies
            were trained; ``import``: the authors' files, if you have them.
        text: the way in a few words, for a column.
        title: the way as a sentence.
        commands: to be given in order; lines of a shell.
        hours: of training on two cores; ``None`` if nothing is trained, or nobody measured it.
        notes: what else is needed or missing; sentences.
    """

    kind: Kind
    text: str
    title: str
    commands: tuple[str, ...]
    hours: float | None = None
    notes: tuple[str, ...] = ()


def ways_to_get(spec: DatasetSpec, *, anywhere: bool = False) -> tuple[Way, ...]:
    """Every way to get a dataset, the least work first; at least one.

    Args:
        spec: the catalog row.
        anywhere: commands for any machine: they do not name this one's clone.
    """
    parts = [get_dataset_spec(name) for name in spec.parts] or [spec]
    ways: list[Way] = []
    if spec.bundled:
        load = f"python -c 'import vd4rl_data; vd4rl_data.load_dataset(\"{spec.name}\")'"
        ways.append(Way("bundled", "bundled", "It is part of the package", (load,)))
    public = public_source(spec)
    if public is not None:
        title = (
            "Fetch the authors' public files"
            f" ({public.num_episodes} of {spec.num_episodes} episodes)"
        )
        ways.append(Way("download", "download", title, (f"{DOWNLOAD_COMMAND} {spec.name}",)))
    ways += _of_thinned_replays(spec, anywhere)
    collected = _collected(spec, parts, anywhere)
    if collected is not None:
        ways.append(collected)
    if not spec.bundled:
        files = DEMONSTRATION_FILES.get(spec.task.simulator)
        named = f" --format {files}" if files and spec.behavior == "demos" else ""
        commands = tuple(f"vd4rl import FOLDER --id {part.name}{named}" for part in parts)
        ways.append(Way("import", "import", "Convert files of the authors that you have", commands))
    return tuple(ways)


def clone_commands(extras: Iterable[str], *, anywhere: bool = False) -> tuple[str, ...]:
    """The lines before every ``python -m collection``: where to be, and what to install."""
    here = (_CLONE / "collection").is_dir() and not anywhere
    place = f"cd {_CLONE}" if here else _CLONE_FIRST
    return place, f'pip install -e ".[{",".join(extras)}]"'


def _of_thinned_replays(spec: DatasetSpec, anywhere: bool) -> Iterator[Way]:
    """Some of a dataset's episodes, where the repository has a thinned replay of its training."""
    task = spec.task
    run = find_training_run(TRAINED_ON.get(task.name, task.name), spec.level)
    replay = None if run is None else run.replays.get(spec.behavior)
    if replay is None or not replay.of:
        return
    count = min(replay.episodes, spec.num_episodes)
    some = f"{count:,} of {spec.num_episodes:,} episodes"
    extras = [EXTRAS[task.simulator]] if task.simulator in EXTRAS else []
    commands = (
        *clone_commands(["collection", *extras], anywhere=anywhere),
        *fetch_commands(task.simulator),
        f"python -m collection collect {spec.name} --episodes {count}",
    )
    after = "" if spec.behavior == REPLAY else " after it was medium"
    title = (
        f"Make {some}, of a training run of ours: spread evenly over its first {replay.of:,}{after}"
    )
    yield Way("part", f"collect {some}", title, commands, notes=tuple(_media_notes(spec)))


def _collected(spec: DatasetSpec, parts: Sequence[DatasetSpec], anywhere: bool) -> Way | None:
    """The pipeline's way; ``None`` if it does not know one of the behaviors."""
    pipeline = f"python -m collection collect {spec.name}"
    tasks = {task.name: task for part in parts for task in _tasks(part)}
    extras = [EXTRAS[task.simulator] for task in tasks.values() if task.simulator in EXTRAS]
    simulators = dict.fromkeys(task.simulator for task in tasks.values())
    files = [line for simulator in simulators for line in fetch_commands(simulator)]
    notes = tuple(_media_notes(spec))
    demonstrations = DEMONSTRATIONS.get(spec.task.simulator)
    if spec.behavior == "demos" and demonstrations is not None:
        first = clone_commands(dict.fromkeys(["collection", *extras]), anywhere=anywhere)
        title = "Make it of demonstrations that Minari publishes"
        commands = (*first, f"{pipeline} --source {demonstrations}")
        return Way("demos", "collect from demonstrations", title, commands, notes=notes)
    if any(part.behavior not in {*PLAYED, *REPLAYS, *TIERS} for part in parts):
        return None
    needed = [need for part in parts for need in _needs(part) if not need.shipped]
    if not needed:
        first = clone_commands(dict.fromkeys(["collection", *extras]), anywhere=anywhere)
        return Way("collect", "collect", _AGAIN, (*first, *files, pipeline), notes=notes)
    runs = _runs(needed)
    known = [run for run in runs.values() if run is not None]
    hours = sum(run.hours for run in known) / min(_CORES, len(runs))
    missing = tuple(dict.fromkeys(run.missing for run in known if run.missing))
    measured = len(known) == len(runs)
    about = f"{'more than ' if missing else ''}{hours:.1f} h" if measured else "hours unknown"
    commands = (
        *clone_commands(dict.fromkeys(["training", *extras]), anywhere=anywhere),
        *files,
        *_training(needed, runs),
        f"{pipeline} --source {_OUT}",
    )
    text = f"collect after training ({about})"
    together = ", two runs at a time" if len(runs) > 1 else ""
    title = f"{_AGAIN}, after training its policies ({about} on two cores{together})"
    return Way("train", text, title, commands, hours if measured else None, (*notes, *missing))


@dataclass(frozen=True, slots=True)
class _Need:
    """A policy or replay that a dataset is made with."""

    task: str
    behavior: str
    level: float | None
    replayed: int  # environment steps of its replay; 0 of a policy
    shipped: bool


_Key = tuple[str, float | None]


def _needs(spec: DatasetSpec) -> Iterator[_Need]:
    if spec.behavior in PLAYED:
        return
    for task in _tasks(spec):
        key = (TRAINED_ON.get(task.name, task.name), spec.behavior, spec.level)
        replayed = spec.num_episodes * task.horizon if spec.behavior in REPLAYS else 0
        yield _Need(*key, replayed, is_shipped(*key, spec.num_episodes))


def _tasks(spec: DatasetSpec) -> list[TaskSpec]:
    return list(
        {share.environment.task.name: share.environment.task for share in spec.mixture}.values()
    )


def _runs(needed: Sequence[_Need]) -> dict[_Key, TrainingRun | None]:
    """The runs that give what is needed, as long as they have to be."""
    needs: dict[_Key, list[_Need]] = {}
    for need in needed:
        needs.setdefault((need.task, need.level), []).append(need)
    runs = {key: find_training_run(*key) for key in needs}
    return {key: run and _as_long_as_needed(run, needs[key]) for key, run in runs.items()}


def _as_long_as_needed(run: TrainingRun, needs: Sequence[_Need]) -> TrainingRun:
    """A replay is the beginning of training, and may be of a longer one, which ends elsewhere; a
    policy may come from a run that is taken up.
    """
    steps = max(_steps_for(run, need) for need in needs)
    whole = steps >= run.steps
    options = f"{run.options} {run.ending if steps == run.steps else ''}"
    left, begins = steps - run.kept_steps, f"{run.beginning} {options}"
    if run.kept and left > 0 and not any(need.behavior in REPLAYS for need in needs):
        steps, begins = left, f"--take-up {run.kept} {options}"
    return replace(
        run,
        steps=steps,
        options=" ".join(begins.split()),
        hours=run.hours * steps / run.steps,
        missing=run.missing if whole else "",
    )


def _steps_for(run: TrainingRun, need: _Need) -> int:
    before = run.medium_at if need.behavior == LATE_REPLAY else 0
    if _is_alone(need.behavior, need.level):
        return need.replayed
    replayed = before + need.replayed if need.behavior in REPLAYS else 0
    return max(steps_to(run, need.behavior), replayed)


def _is_alone(behavior: str, level: float | None) -> bool:
    """Whether a replay is cut without a policy: of the beginning of training, of no level."""
    return behavior == REPLAY and level is None


def _training(needed: Sequence[_Need], runs: Mapping[_Key, TrainingRun | None]) -> Iterator[str]:
    """The commands that train what is needed, and choose it."""
    for (task, level), run in runs.items():
        folder, options = f"runs/{task}", ""
        if run is not None:
            yield from run.first
            options = f" --steps {run.steps:_} {run.options}".rstrip()
        behaviors = {need.behavior for need in needed if (need.task, need.level) == (task, level)}
        tiers = {_tier(name, level) for name in behaviors}
        above = f" --level {level:g}" if level is not None else ""
        yield f"python -m collection train {task}{options} --out {folder}"
        yield (
            f"python -m collection select {folder} --tiers {' '.join(sorted(tiers, reverse=True))}"
            f"{above} --out {_OUT}"
        )


def _tier(behavior: str, level: float | None) -> str:
    """What has to be selected of a run for a behavior."""
    if _is_alone(behavior, level):
        return "replay"
    return "expert" if behavior == "expert" else "medium"


def _media_notes(spec: DatasetSpec) -> Iterator[str]:
    """The media that nobody may pass on, and which the user has to have."""
    from vd4rl_data.media import MEDIA  # which needs pillow, and `import vd4rl_data` does not
    from vd4rl_data.media.folder import FolderMedia

    looks = (share.environment.look for share in spec.mixture)
    for name in dict.fromkeys(look.media for look in looks if look is not None and look.media):
        if isinstance(MEDIA.get(name), FolderMedia):
            yield f"It shows the media set {name!r}, of which you need a copy: docs/looks.md."
