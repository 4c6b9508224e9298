"""Frames per second of our renderer against dm_control's own, on the same physics states.

    python benchmarks/render.py [--frames 200] [--size 64] [--quick] [--json FILE]

Blocks of frames alternate between the contestants, so that a busy machine slows all of them alike;
the figures are medians over frames. "one thread" sets LP_NUM_THREADS=0, as parallel workers do;
"default" leaves Mesa's software renderer its threads. Other renderers ignore the variable.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

import vd4rl_data
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import TASKS
from vd4rl_data.simulators import View
from vd4rl_data.simulators.dmc import DMCSettings, load_suite
from vd4rl_data.simulators.draw import Canvases
from vd4rl_data.simulators.gl import renderer_name
from vd4rl_data.spec import TaskSpec

BLOCK = 10
SETTINGS = {"one thread": "0", "default": None}
CONTESTANTS = ("ours", "dm_control")
CAMERA = 0  # of every dm_control task that is registered


def serve(connection: Connection, threads: str | None) -> None:
    """A process with its own OpenGL settings: renders blocks of frames when told to."""
    os.environ.pop("LP_NUM_THREADS", None)
    if threads is not None:
        os.environ["LP_NUM_THREADS"] = threads
    stages: dict[tuple[str, int], Stage] = {}
    while (request := connection.recv()) is not None:
        contestant, task, size = request
        if (task, size) not in stages:
            stages[task, size] = Stage(TASKS[task], size)
        connection.send((stages[task, size].block(contestant), renderer_name()))


class Stage:
    """One simulated task, and both ways to draw it."""

    def __init__(self, task: TaskSpec, size: int) -> None:
        self.task, self.size = task, size
        self.rng = np.random.default_rng(0)
        self.canvases, self.view = Canvases(), View(size, task.camera)
        self.environment: Any = load_suite().load(
            task.settings.domain,
            task.settings.goal,
            task_kwargs={"random": 0, "time_limit": float("inf")},
        )
        self.environment.reset()
        if not np.array_equal(self.ours(), self.dm_control()):  # also builds both contexts
            raise SystemExit(
                f"{task.name}: the two renderers differ, so there is nothing to compare"
            )

    def ours(self) -> np.ndarray:
        physics = self.environment.physics
        return self.canvases.draw(physics.model.ptr, physics.data.ptr, self.view)

    def dm_control(self) -> np.ndarray:
        physics = self.environment.physics
        return physics.render(self.size, self.size, camera_id=CAMERA)

    def block(self, contestant: str) -> list[float]:
        """Seconds of each frame of a block; the first, which changes the context, is left out."""
        draw: Callable[[], np.ndarray] = getattr(self, contestant)
        draw()
        seconds: list[float] = []
        for _ in range(BLOCK):
            self.environment.step(self.rng.uniform(-1.0, 1.0, self.task.action_size))
            start = time.perf_counter()
            draw()
            seconds.append(time.perf_counter() - start)
        return seconds


def measure(size: int, frames: int) -> dict[str, Any]:
    """Frames per second of every task, setting and contestant."""
    context = multiprocessing.get_context("spawn")
    connections: dict[str, Connection] = {}
    for setting, threads in SETTINGS.items():
        connections[setting], theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, threads), daemon=True).start()
    rates: dict[str, dict[str, dict[str, float]]] = {}
    renderer = ""
    own = [row for row in TASKS.values() if isinstance(row.settings, DMCSettings)]
    for task in (row.name for row in own if row.body is None):
        seconds = {(s, c): list[float]() for s in SETTINGS for c in CONTESTANTS}
        for _ in range(max(1, frames // BLOCK)):
            for (setting, contestant), values in seconds.items():
                connections[setting].send((contestant, task, size))
                block, renderer = connections[setting].recv()
                values.extend(block)
        rates[task] = {
            s: {c: 1.0 / statistics.median(seconds[s, c]) for c in CONTESTANTS} for s in SETTINGS
        }
    for connection in connections.values():
        connection.send(None)
    return {"renderer": renderer, "frames_per_second": rates}


def table(rates: dict[str, dict[str, dict[str, float]]]) -> str:
    """Lines of text: frames per second and the ratio, per task and setting."""
    lines = [f"{'task':<15}{'setting':<12}{'ours':>9}{'dm_control':>12}{'ratio':>8}"]
    for task, settings in rates.items():
        for setting, rate in settings.items():
            ratio = rate["ours"] / rate["dm_control"]
            lines.append(
                f"{task:<15}{setting:<12}{rate['ours']:>9.1f}{rate['dm_control']:>12.1f}{ratio:>8.2f}"
            )
    return "\n".join(lines)


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--frames", type=int, default=200, help="frames per task and contestant")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one block of frames: checks that it runs, not how fast",
    )
    parser.add_argument("--size", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    arguments = parser.parse_args()
    frames = BLOCK if arguments.quick else arguments.frames
    result = measure(arguments.size, frames)
    print(f"{arguments.size} px, {result['renderer']}, {os.cpu_count()} cores; frames per second\n")
    print(table(result["frames_per_second"]))
    if arguments.json is not None:
        about = {name: version(name) for name in ("mujoco", "dm_control")}
        about["vd4rl-data"] = vd4rl_data.__version__
        result |= {
            "size": arguments.size,
            "frames": frames,
            "quick": arguments.quick,
            "processor": find_processor().record(),
        }
        result |= {"python": platform.python_version(), "versions": about}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
