"""Backgrounds: the robot stays, images go where they belong, and nothing is left behind."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.looks.masks import eroded, robot_mask
from vd4rl_data.ids import LEVELS
from vd4rl_data.look_words import PUBLISHED_SEEDS
from vd4rl_data.media.davis import DAVIS_TRAIN
from vd4rl_data.seeding import look_generator
from vd4rl_data.simulators import Moment, Simulation
from vd4rl_data.simulators.looks.background import (
    SCENES,
    bluish,
    composited,
    grayed,
    greenish,
    to_and_fro,
)
from vd4rl_data.simulators.table import make_look
from vd4rl_data.spec import Look

pytestmark = pytest.mark.render
VIDEO = Look("video", media="street", dynamic=True)
SKY = Look("distracting", level="easy", parts=("background",), media="street", dynamic=True)


class Drawn:
    """A look on a simulation that others use, too."""

    def __init__(self, simulation: Simulation, look: Look) -> None:
        self.simulation = simulation
        self.look = make_look(look, simulation._simulator.model)

    def at(self, state: np.ndarray, moment: Moment, size: int = 64) -> np.ndarray:
        from vd4rl_data.simulators import View

        self.simulation._simulator.set_physics_state(state)
        view = self.look.before(View(size, self.simulation.task.camera), moment)
        return self.look.after(self.simulation._simulator.draw(view), moment)


def test_no_pixel_inside_the_robot_changes(
    simulations: dict[str, Simulation],
    states: dict[str, np.ndarray],
    dmc_task: str,
    record_property: Any,
) -> None:
    """At its edge, where robot and background mix, at most one pixel in fifty does."""
    simulation = simulations[dmc_task]
    drawn = Drawn(simulation, VIDEO)
    changed = edge = background = 0
    for step, state in enumerate(states[dmc_task]):
        plain = simulation.render_state(state, 64)
        frame = drawn.at(state, Moment(1, step))
        robot = robot_mask(simulation, 64)
        inside = eroded(robot)
        np.testing.assert_array_equal(frame[inside], plain[inside])
        rim = robot & ~inside
        changed += int(np.any(frame != plain, axis=-1)[rim].sum())
        edge += int(rim.sum())
        background += bluish(plain)[~robot].mean() / len(states[dmc_task])
    record_property("changed_edge_pixels", changed / edge)
    assert changed / edge < 0.02
    assert background > 0.9


def test_a_sky_changes_and_is_put_back(
    simulations: dict[str, Simulation], states: dict[str, np.ndarray], dmc_task: str
) -> None:
    simulation, state = simulations[dmc_task], states[dmc_task][0]
    plain = simulation.render_state(state, 64)
    textures = np.array(simulation._simulator.model.tex_data).sum(dtype=np.int64)
    moving, still = (
        Drawn(simulation, dataclasses.replace(SKY, dynamic=dynamic)) for dynamic in (True, False)
    )
    frames = [moving.at(state, Moment(1, step)) for step in (0, 9)]
    frames += [still.at(state, Moment(1, step)) for step in (0, 9)]
    assert np.mean(frames[0] != plain) > 0.2
    assert np.any(frames[0] != frames[1])
    np.testing.assert_array_equal(frames[2], frames[3])
    inside = eroded(robot_mask(simulation, 64))
    seen_through = np.any(frames[0] != plain, axis=-1)[inside]  # cracks between two limbs
    assert seen_through.mean() < 0.06
    np.testing.assert_array_equal(moving.at(state, Moment(1, 0)), frames[0])
    np.testing.assert_array_equal(simulation.render_state(state, 64), plain)
    assert np.array(simulation._simulator.model.tex_data).sum(dtype=np.int64) == textures


def test_many_looks_of_one_state_are_those_drawn_alone(
    simulations: dict[str, Simulation],
    states: dict[str, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Looks behind the robot share one drawing, also with the plain picture."""
    simulation, state, moment = simulations["hopper_hop"], states["hopper_hop"][1], Moment(3, 4)
    still = dataclasses.replace(VIDEO, dynamic=False, seed=5)
    colored = dataclasses.replace(VIDEO, media="leaves", settings={"color": True})
    looks = (VIDEO, None, still, SKY, colored)
    alone = [simulation.render_looks(state, 64, [look], moment)[0] for look in looks]
    drawn: list[Any] = []
    draw = simulation._simulator.draw
    monkeypatch.setattr(simulation._simulator, "draw", lambda view: drawn.append(0) or draw(view))
    together = simulation.render_looks(state, 64, looks, moment)
    assert len(drawn) == 2  # one for the sky
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len({frame.tobytes() for frame in together}) == len(looks)
    assert not any(np.shares_memory(together[1], frame) for frame in (*together[:1], *together[2:]))


@pytest.mark.parametrize("look", [VIDEO, SKY], ids=["video", "sky"])
def test_seeds_and_episodes_decide(
    simulations: dict[str, Simulation], states: dict[str, np.ndarray], look: Look
) -> None:
    simulation, state = simulations["hopper_hop"], states["hopper_hop"][0]
    frames = [Drawn(simulation, look).at(state, Moment(episode, 5)) for episode in (1, 2)]
    assert np.any(frames[0] != frames[1])
    fixed = dataclasses.replace(look, seed=7)
    same = [Drawn(simulation, fixed).at(state, Moment(episode, 5)) for episode in (1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    other = Drawn(simulation, dataclasses.replace(look, seed=8)).at(state, Moment(1, 5))
    assert np.any(other != same[0])


@pytest.mark.parametrize("size", [64, 84])
def test_frames_do_not_depend_on_what_was_drawn_before(
    simulations: dict[str, Simulation], states: dict[str, np.ndarray], size: int
) -> None:
    look = dataclasses.replace(SKY, parts=("colors", "camera", "background"))
    moments = [Moment(3, 4), Moment(3, 0), Moment(4, 2), Moment(3, 4)]
    state, simulation = states["hopper_hop"][1], simulations["hopper_hop"]
    at_once = Drawn(simulation, look)
    for moment in moments:
        one = Drawn(simulation, look).at(state, moment, size)
        np.testing.assert_array_equal(at_once.at(state, moment, size), one)


def test_the_published_seeds_choose_the_papers_videos() -> None:
    """Measured with V-D4RL's own code: bear, car-turn and classic-car."""
    chosen = []
    for level in LEVELS:
        names = DAVIS_TRAIN[: SCENES[level]]
        chosen.append(names[look_generator(PUBLISHED_SEEDS[level]).choice(len(names))])
    assert chosen == ["bear", "car-turn", "classic-car"]


def test_to_and_fro() -> None:
    assert [to_and_fro(step, 3) for step in range(11)] == [0, 1, 2, 2, 1, 0, 1, 2, 2, 1, 0]
    assert [to_and_fro(step, 1) for step in range(3)] == [0, 0, 0]


def test_gray_and_rules_on_painted_pixels() -> None:
    frame = np.array([[[10, 20, 30], [30, 20, 10], [20, 30, 10], [9, 9, 9]]], np.uint8)
    assert bluish(frame).tolist() == [[True, False, False, False]]
    assert greenish(frame).tolist() == [[False, False, True, False]]
    shown = composited(frame, np.full_like(frame, 255), bluish(frame))
    assert shown[0].tolist() == [[255] * 3, [30, 20, 10], [20, 30, 10], [9, 9, 9]]
    assert grayed(np.full((1, 1, 3), 255, np.uint8)).tolist() == [[[255] * 3]]
    assert grayed(frame)[0, 0].tolist() == [18] * 3


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (dataclasses.replace(VIDEO, media="streets"), "got 'streets'. Did you mean 'street'"),
        (dataclasses.replace(VIDEO, media=None), "media: expected one of street, leaves"),
        (dataclasses.replace(VIDEO, level="easy"), "neither levels nor parts"),
        (dataclasses.replace(VIDEO, settings={"where": "red"}), "expected one of blue, green"),
        (dataclasses.replace(VIDEO, settings={"split": "test"}), "one of train, held_out"),
        (dataclasses.replace(SKY, settings={"sha256": "0" * 64}), "made with sha256 000"),
    ],
)
def test_what_does_not_apply_is_refused(
    simulations: dict[str, Simulation], look: Look, message: str
) -> None:
    with pytest.raises((ValueError, LookupError), match=message):
        Drawn(simulations["walker_walk"], look)


def test_other_processes_draw_the_same(
    simulations: dict[str, Simulation], states: dict[str, np.ndarray], tmp_path: Path
) -> None:
    look = dataclasses.replace(SKY, level="hard", parts=("colors", "camera", "background"))
    state = states["hopper_hop"][2]
    np.save(tmp_path / "state.npy", state)
    script = f"""
import numpy as np
from vd4rl_data.simulators import Moment, Simulation
from vd4rl_data.spec import Look
frame = Simulation("hopper_hop", {look!r}).render_state(np.load("state.npy"), 64, Moment(3, 9))
np.save("frame.npy", frame)
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=120)
    here = Drawn(simulations["hopper_hop"], look).at(state, Moment(3, 9))
    np.testing.assert_array_equal(np.load(tmp_path / "frame.npy"), here)
