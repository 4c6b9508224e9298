"""The same time steps in several looks and bodies, one row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vd4rl_data.arguments import checked_count
from vd4rl_data.episode import Episode
from vd4rl_data.preview.grid import Row, draw_grid
from vd4rl_data.preview.sheet import spread_steps
from vd4rl_data.preview.typography import INK, MUTED
from vd4rl_data.simulators import Moment, Simulation
from vd4rl_data.spec import Look, TaskSpec

PHYSICS_STATE = "physics_state"


@dataclass(frozen=True, slots=True)
class Shown:
    """One row.

    Attributes:
        label: what is written beside it.
        task: the task, with its body.
        look: how it is drawn; ``None``: as the simulator draws it.
    """

    label: str
    task: TaskSpec
    look: Look | None = None


def side_by_side(
    episode: Episode,
    shown: Sequence[Shown],
    *,
    size: int,
    number: int = 0,
    columns: int = 8,
    title: str = "",
    subtitle: str = "",
) -> Image.Image:
    """Draw evenly spread states of an episode in several looks and bodies.

    All rows show the same states. Other bodies would move otherwise: their rows show the postures
    of the recorded one.

    Args:
        episode: with ``infos["physics_state"]``.
        shown: the rows, top to bottom; at least one.
        size: height and width of a frame, in pixels.
        number: of the episode; looks that differ from episode to episode depend on it.
        columns: frames per row, at least two.
        title: the headline.
        subtitle: a second, quieter line.

    Returns:
        An RGB picture. Small frames are enlarged by a whole factor, pixel for pixel.

    Raises:
        ValueError: no row, fewer than two columns, no physics states, or states of another model.
        As :meth:`vd4rl_data.simulators.Simulation.render_looks`.
    """
    states = episode.infos.get(PHYSICS_STATE)
    if not shown or checked_count("columns", columns) < 2 or states is None:
        raise ValueError(
            f"side_by_side: expected 1 or more rows, 2 or more columns, {PHYSICS_STATE} in infos;"
            f" got {len(shown)} rows, {columns} columns, {sorted(episode.infos)}"
        )
    steps = spread_steps(episode, columns)
    rows: list[Row] = []
    for one in shown:
        simulation = Simulation(one.task, one.look)
        frames = [
            simulation.render_state(np.array(states[step]), size, Moment(number, int(step)))
            for step in steps
        ]
        simulation.close()
        name, *rest = one.label.split(" ", 1)
        rows.append(Row([(name, 18, INK), *((text, 16, MUTED) for text in rest)], np.stack(frames)))
    titles = [f"t = {step}" for step in steps]
    return draw_grid(rows, titles, title=title, subtitle=subtitle)
