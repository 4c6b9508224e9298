"""What a look costs, as a share of drawing the same frame without one.

Frame by frame, in turn and in alternating order, a state of one trajectory is drawn plain, with
each kind of look, and in several composited looks at once. Ratios are taken within a frame, of the
processor time of this process; the table shows medians.

    python benchmarks/looks.py [--task TASK] [--size 64] [--frames 200] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["LP_NUM_THREADS"] = "0"  # as workers of the software renderer have it

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from collection.versions import installed_versions
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Moment, Simulation
from vd4rl_data.simulators.gl import renderer_name
from vd4rl_data.spec import Look

_VIDEO: Final = Look("video", media="street", dynamic=True)
_STILL: Final = Look("video", media="street")
_COLORED: Final = Look("video", media="leaves", dynamic=True, settings={"color": True})


def _distracting(*parts: str, dynamic: bool = True) -> Look:
    media = "leaves" if "background" in parts else None
    return Look("distracting", "hard", parts, media=media, dynamic=dynamic)


ARMS: Final[Mapping[str, tuple[tuple[Look | None, ...], float | None]]] = {
    "plain": ((None,), None),
    "video": ((_VIDEO,), 1.03),
    "colors_camera": ((_distracting("colors", "camera"),), 1.1),
    "still_sky": ((_distracting("background", dynamic=False),), None),
    "moving_sky": ((_distracting("background"),), 1.25),
    "all_moving": ((_distracting("colors", "camera", "background"),), None),
    "three_at_once": ((None, _STILL, _VIDEO), 1.1),
    "four_at_once": ((None, _STILL, _VIDEO, _COLORED), 1.1),
}
"""Name → the looks that are drawn of one state, and the most that they may cost, in plain frames.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure."""

    task: str
    size: int
    frames: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(description="What looks cost, as ratios.")
    parser.add_argument("--task", default="walker_walk")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="twenty frames")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    frames = 20 if options.quick else options.frames
    report = measure(Settings(options.task, options.size, frames))
    Console().print(_table(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")


def measure(settings: Settings) -> dict[str, Any]:
    """Draw all frames in all arms; returns seconds of plain frames and ratios."""
    states = _trajectory(settings)
    simulations = {name: Simulation(settings.task) for name in ARMS}
    seconds: dict[str, list[float]] = {name: [] for name in ARMS}
    for step in range(-3, settings.frames):  # the first frames build models, shaders, scenes
        for name in list(ARMS)[:: -1 if step % 2 else 1]:
            start = time.process_time()
            simulations[name].render_looks(
                states[step], settings.size, ARMS[name][0], Moment(1, max(step, 0))
            )
            if step >= 0:
                seconds[name].append(time.process_time() - start)
    for simulation in simulations.values():
        simulation.close()
    return {
        "settings": asdict(settings),
        "processor": find_processor().record(),
        "load_average": os.getloadavg(),
        "renderer": renderer_name(),
        "versions": installed_versions(get_task_spec(settings.task)),
        "plain_milliseconds": 1000 * statistics.median(seconds["plain"]),
        "ratios": {name: _spread(seconds[name], seconds["plain"]) for name in ARMS},
    }


def _trajectory(settings: Settings) -> list[NDArray[np.float64]]:
    simulation = Simulation(settings.task)
    rng = np.random.default_rng(0)
    simulation.reset(seed=0)
    states: list[NDArray[np.float64]] = []
    for _ in range(settings.frames):
        state = simulation.physics_state
        assert state is not None
        states.append(state)
        simulation.step(rng.uniform(-1.0, 1.0, simulation.task.action_size))
    simulation.close()
    return states


def _spread(arm: Sequence[float], plain: Sequence[float]) -> dict[str, float]:
    ratios = [one / other for one, other in zip(arm, plain, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {"median": middle, "p25": low, "p75": high}


def _table(report: Mapping[str, Any]) -> Table:
    settings = report["settings"]
    table = Table(
        title=f"{settings['task']}, {settings['size']} px, {settings['frames']} frames of"
        f" {report['plain_milliseconds']:.1f} ms",
        caption=report["renderer"],
    )
    for title in ("looks", "cost, plain frames", "p25 - p75", "target"):
        table.add_column(title, justify="left" if title == "looks" else "right")
    for name, ratio in report["ratios"].items():
        most = ARMS[name][1]
        verdict = ""
        if most is not None:
            verdict = f"<= {most} {'met' if ratio['median'] <= most else 'MISSED'}"
        spread = f"{ratio['p25']:.3f} - {ratio['p75']:.3f}"
        table.add_row(name, f"{ratio['median']:.3f}", spread, verdict)
    return table


if __name__ == "__main__":
    main()
