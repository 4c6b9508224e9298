"""What the drawing of slow scenes saves and changes, against MuJoCo's own renderer.

    python benchmarks/drawing.py [TASK ...] [--states 4] [--frontier] [--quick] [--json FILE]
                                 [--picture FILE]

The same states of an episode of random actions are drawn by `mujoco.Renderer` with the library's
own model and by ours with the drawing of the task's row, in turns, in one process and thread;
seconds are those of the processor. Differences are in gray levels of 255; SSIM is that of Wang et
al. (2004), with a Gaussian window, averaged over the channels. `--frontier` measures other drawings
than the row's.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vd4rl_data.processor import find_processor
from vd4rl_data.registry import TASKS, get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.draw import place_camera
from vd4rl_data.simulators.gl import configure_worker_rendering, renderer_name
from vd4rl_data.spec import Drawing, TaskSpec

SIZE = 64
REPEATS = 3
FRONTIER = tuple(
    Drawing(size, *rounds, reflections=False, mesh_faces=faces)
    for size, rounds, faces in (
        (2048, (28, 16), 0),
        (1024, (28, 16), 0),
        (1024, (12, 4), 0),
        (1024, (28, 16), 800),
        (1024, (12, 4), 2000),
        (1024, (12, 4), 800),
        (1024, (12, 4), 400),
        (896, (12, 4), 800),
        (768, (12, 2), 400),
    )
)


def ssim(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Structural similarity of two frames (H, W, 3)."""
    from scipy.ndimage import gaussian_filter

    def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return gaussian_filter(values, sigma=(1.5, 1.5, 0.0), truncate=3.5)

    x, y = one.astype(np.float64), other.astype(np.float64)
    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    shared = smooth(x * y) - mean_x * mean_y
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + low) * (2 * shared + high)
    return float(np.mean(likeness / ((mean_x**2 + mean_y**2 + low) * (var_x + var_y + high))))


def states_of(task: TaskSpec, count: int) -> list[NDArray[np.float64]]:
    """States of an episode of random actions, evenly apart."""
    simulation, rng = Simulation(task), np.random.default_rng(0)
    simulation.reset(0)
    found: list[NDArray[np.float64]] = []
    for _ in range(count):
        state = simulation.physics_state
        assert state is not None, f"{task.name} has no physics state"
        found.append(state)
        for _ in range(task.time_steps // (count + 1)):
            simulation.step(rng.uniform(-1.0, 1.0, task.action_size))
    return found


def compare(
    task: TaskSpec, states: list[NDArray[np.float64]]
) -> tuple[dict[str, float], NDArray[np.uint8]]:
    """Ratio of the times, mean difference, SSIM; and the frames, theirs above ours."""
    import mujoco

    whole, drawn = Simulation(dataclasses.replace(task, drawing=None)), Simulation(task)
    whole.render_state(states[0], SIZE)
    simulator: Any = whole._simulator  # pyright: ignore[reportPrivateUsage]
    renderer = mujoco.Renderer(simulator.model, SIZE, SIZE)
    camera = place_camera(simulator.model, task.camera)
    times: tuple[list[float], list[float]] = ([], [])
    pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    for state in states:
        simulator.set_physics_state(state)
        theirs = ours = np.zeros(0, np.uint8)
        for _ in range(REPEATS):
            start = time.process_time()
            renderer.update_scene(simulator.data, camera)
            theirs = renderer.render()
            middle = time.process_time()
            ours = drawn.render_state(state, SIZE)
            times[0].append(middle - start)
            times[1].append(time.process_time() - middle)
        pairs.append((theirs, ours))
    renderer.close()
    figures = {
        "ratio": statistics.median(times[0]) / statistics.median(times[1]),
        "difference": float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairs])),
        "ssim": float(np.mean([ssim(a, b) for a, b in pairs])),
    }
    return figures, np.hstack([np.vstack(pair) for pair in pairs])


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    slow = [name for name, task in TASKS.items() if task.drawing is not None and "/" in name]
    parser.add_argument("tasks", nargs="*", default=slow, help="tasks whose row has a drawing")
    parser.add_argument("--states", type=int, default=4)
    parser.add_argument("--frontier", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one state of the first task")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("MUJOCO_GL", "egl")
    configure_worker_rendering()
    found: dict[str, Any] = {}
    rows: list[NDArray[np.uint8]] = []
    for name in options.tasks[:1] if options.quick else options.tasks:
        task = get_task_spec(name)
        states = states_of(task, 1 if options.quick else options.states)
        for drawing in FRONTIER if options.frontier else (task.drawing,):
            figures, frames = compare(dataclasses.replace(task, drawing=drawing), states)
            found.setdefault(name, {})[str(drawing)] = figures
            rows.append(frames)
            shown = "  ".join(f"{key} {value:.3f}" for key, value in figures.items())
            print(f"{name:<32}{shown}  {drawing}", flush=True)
    if options.picture is not None:
        Image.fromarray(np.vstack(rows)).save(options.picture)
    if options.json is not None:
        record = {
            "processor": find_processor().record(),
            "renderer": renderer_name(),
            "versions": {name: version(name) for name in ("mujoco", "numpy")},
            "size": SIZE,
            "drawings": found,
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
