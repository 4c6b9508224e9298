"""How fast episodes are collected, as ratios to dm_control's own loop measured in the same run.

Per round, in turn and in alternating order: the real pipeline with one worker (physics, rendering,
progress messages, one durable part per episode), dm_control's step-and-render loop with the same
settings (``LP_NUM_THREADS=0``), the same loop with Mesa's default threads, and the real pipeline
with as many workers as there are cores. Ratios are taken within a round; the table shows medians.
What looks cost beside that: ``benchmarks/looks.py``.

    python benchmarks/collect.py [--task TASK] [--size 64] [--rounds 5] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console
from rich.table import Table

from collection.jobs import CollectJob
from collection.players import UniformBehavior
from collection.versions import installed_versions
from vd4rl_data.processes import LocalEngine
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_dataset_spec, get_task_spec
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.storage import PartStore

_THREADS: Final = "LP_NUM_THREADS"
_RECIPE: Final = {"kind": "benchmark"}
_PIPELINE_TARGET: Final = 0.95
_SCALING_TARGET: Final = 0.9


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure."""

    task: str
    size: int
    time_steps: int
    rounds: int


class Pipeline:
    """The real pipeline with a fixed number of workers."""

    def __init__(self, spec: DatasetSpec, folder: Path, workers: int, stack: ExitStack) -> None:
        """Start the workers."""
        job = CollectJob(spec, UniformBehavior(), parts_folder=folder, part_recipe=_RECIPE)
        self._pool = stack.enter_context(LocalEngine(workers).open(job))
        self.renderer = str(self._pool.greetings[0])
        self._store = PartStore(folder, {**_RECIPE, "renderer": self.renderer})
        self._workers = workers
        self._next = 0

    def __call__(self) -> float:
        """Make one episode per worker; returns frames per second."""
        numbers = range(self._next, self._next + self._workers)
        self._next = numbers.stop
        frames = 0

        def count(_episode: Any, rendered: int) -> None:
            nonlocal frames
            frames += rendered

        start = time.perf_counter()
        for _ in self._pool.map(numbers, count):
            pass
        seconds = time.perf_counter() - start
        for number in numbers:
            self._store.path(number).unlink()
        return frames / seconds


class DmControlLoop:
    """dm_control's own loop in a process of its own, with the given number of Mesa threads."""

    def __init__(self, spec: DatasetSpec, threads: str | None, stack: ExitStack) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, spec.task, spec.size, threads)
        process = context.Process(target=_serve_dm_control, args=arguments, daemon=True)
        process.start()
        theirs.close()
        stack.callback(process.join)
        stack.callback(self._connection.send, None)

    def __call__(self) -> float:
        """Play and render one episode; returns frames per second."""
        self._connection.send("episode")
        return self._connection.recv()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(description="How fast episodes are collected, as ratios.")
    parser.add_argument("--task", default="walker_walk")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="short episodes, three rounds")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    settings = Settings(
        task=options.task,
        size=options.size,
        time_steps=50 if options.quick else 500,
        rounds=3 if options.quick else options.rounds,
    )
    report = measure(settings)
    Console().print(_table(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")


def measure(settings: Settings) -> dict[str, Any]:
    """Run all rounds; returns raw frames per second, ratios per round and their medians."""
    os.environ.pop(_THREADS, None)  # both settings are this script's own
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    spec = _spec(settings)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark_collect_")))
        one = Pipeline(spec, folder / "one", 1, stack)
        loops: dict[str, Callable[[], float]] = {
            "one_worker": one,
            "dm_control": DmControlLoop(spec, "0", stack),
            "dm_control_default": DmControlLoop(spec, None, stack),
            "all_workers": Pipeline(spec, folder / "all", cores, stack),
        }
        for loop in loops.values():
            loop()  # warm up: models, shaders, caches
        rounds = [_round(loops, backwards=bool(number % 2)) for number in range(settings.rounds)]
    return {
        "settings": dataclasses.asdict(settings),
        "cores": cores,
        "processor": find_processor().record(),
        "load_average": os.getloadavg(),
        "renderer": one.renderer,
        "versions": installed_versions(get_task_spec(settings.task)),
        "frames_per_second": rounds,
        "ratios": {name: _spread(values) for name, values in _ratios(rounds, cores).items()},
    }


def _spec(settings: Settings) -> DatasetSpec:
    spec = get_dataset_spec(f"VD4RL/{settings.task}-random-64px-v0")
    horizon = settings.time_steps * spec.task.action_repeat
    return dataclasses.replace(
        spec,
        id=dataclasses.replace(spec.id, size=settings.size),
        task=dataclasses.replace(spec.task, horizon=horizon),
    )


def _round(loops: Mapping[str, Callable[[], float]], *, backwards: bool) -> dict[str, float]:
    names = list(loops)[:: -1 if backwards else 1]
    return {name: loops[name]() for name in names}


def _ratios(rounds: Sequence[Mapping[str, float]], cores: int) -> dict[str, list[float]]:
    """Name → one ratio per round."""

    def ratio(above: str, below: str) -> list[float]:
        return [rates[above] / rates[below] for rates in rounds]

    return {
        "one_worker_to_dm_control": ratio("one_worker", "dm_control"),
        "scaling_per_core": [value / cores for value in ratio("all_workers", "one_worker")],
        "all_workers_to_dm_control_default": ratio("all_workers", "dm_control_default"),
        "one_worker_to_dm_control_default": ratio("one_worker", "dm_control_default"),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def _table(report: Mapping[str, Any]) -> Table:
    settings, cores = report["settings"], report["cores"]
    rounds = report["frames_per_second"]
    table = Table(
        title=f"{settings['task']}, {settings['size']} px, {settings['time_steps']} time steps, "
        f"{settings['rounds']} rounds, {cores} cores",
        caption=f"{report['renderer']}\nframes/s: "
        + ", ".join(f"{name} {_rate(rounds, name)}" for name in rounds[0]),
    )
    for title in ("ratio", "median", "min - max", "target"):
        table.add_column(title, justify="left" if title == "ratio" else "right")
    rows = {
        "one_worker_to_dm_control": ("one worker / dm_control, same settings", _PIPELINE_TARGET),
        "scaling_per_core": (f"{cores} workers / one worker / cores", _SCALING_TARGET),
        "all_workers_to_dm_control_default": (f"{cores} workers / dm_control's default", None),
        "one_worker_to_dm_control_default": ("one worker / dm_control's default", None),
    }
    for name, (title, target) in rows.items():
        ratio = report["ratios"][name]
        verdict = ""
        if target is not None:
            verdict = f">= {target} {'met' if ratio['median'] >= target else 'MISSED'}"
        spread = f"{ratio['min']:.2f} - {ratio['max']:.2f}"
        table.add_row(title, f"{ratio['median']:.3f}", spread, verdict)
    return table


def _rate(rounds: Sequence[Mapping[str, float]], name: str) -> str:
    return f"{statistics.median(rates[name] for rates in rounds):.1f}"


def _serve_dm_control(
    connection: Connection, task: TaskSpec, size: int, threads: str | None
) -> None:
    """Play episodes as dm_control's users do, one per request."""
    if threads is not None:
        os.environ[_THREADS] = threads
    import numpy as np

    from vd4rl_data.simulators.dmc import load_suite

    rng = np.random.default_rng(0)
    environment = load_suite().load(
        task.settings.domain, task.settings.goal, task_kwargs={"random": 0}
    )
    while connection.recv() is not None:
        start = time.perf_counter()
        environment.reset()
        frames = [environment.physics.render(size, size, camera_id=0)]
        for _ in range(task.time_steps):
            action = rng.uniform(-1.0, 1.0, size=task.action_size)
            for _ in range(task.action_repeat):
                environment.step(action)
            frames.append(environment.physics.render(size, size, camera_id=0))
        connection.send(len(frames) / (time.perf_counter() - start))
    environment.physics.free()


if __name__ == "__main__":
    main()
