"""Which OpenGL library is taken, under every setting that can be a lie."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = [
    pytest.mark.render,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MuJoCo has one library"),
]

_SETTINGS = (
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "MUJOCO_GL",
    "MUJOCO_EGL_DEVICE_ID",
    "PYOPENGL_PLATFORM",
    "__EGL_VENDOR_LIBRARY_DIRS",
)
_NO_EGL_DRIVER = {"__EGL_VENDOR_LIBRARY_DIRS": "/nowhere"}
_DEAD_SCREENS = (":9473", "localhost:9473.0")
_SCRIPT = """
import logging, sys
logger, handler = logging.getLogger("vd4rl_data"), logging.StreamHandler(sys.stdout)
handler.setFormatter(logging.Formatter("log %(message)s"))
logger.addHandler(handler)
logger.setLevel("INFO")
logger.propagate = False
from vd4rl_data.errors import RenderBackendError
from vd4rl_data.simulators.gl import renderer_name
try:
    print("drawn", renderer_name())
except RenderBackendError as error:
    print("refused", error)
"""


class Outcome(NamedTuple):
    """What became of an attempt to draw.

    Attributes:
        renderer: what drew; empty if nothing did.
        error: what was said instead.
        log: what the library logged.
    """

    renderer: str
    error: str
    log: list[str]


Draw = Callable[..., Outcome]


@pytest.fixture(scope="module")
def draw(repository: Path) -> Draw:
    """Draw in a fresh process, with these variables and none of the test's own settings."""

    def run(variables: dict[str, str], before: str = "") -> Outcome:
        kept = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
        done = subprocess.run(
            [sys.executable, "-c", before + _SCRIPT],
            env={**kept, "PYTHONPATH": str(repository), **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        said = [line.partition(" ")[::2] for line in done.stdout.splitlines()]
        by_word = {word: [text for key, text in said if key == word] for word, _ in said}
        (renderer,), (error,) = by_word.get("drawn", [""]), by_word.get("refused", [""])
        assert bool(renderer) != bool(error)
        return Outcome(renderer, error, by_word.get("log", []))

    return run


@pytest.fixture(scope="module")
def plain(draw: Draw) -> str:
    """What draws where nothing is set."""
    return draw({}).renderer


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A screen that answers."""
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("no Xvfb here")
    there, here = os.pipe()
    command = [server, "-displayfd", str(here), "-screen", "0", "64x64x24"]
    with subprocess.Popen(command, pass_fds=[here], stderr=subprocess.DEVNULL) as process:
        os.close(here)
        with os.fdopen(there) as numbers:
            number = numbers.readline().strip()
        try:
            yield f":{number}"
        finally:
            process.terminate()


def _followed(error: str, variables: dict[str, str]) -> dict[str, str]:
    """The variables after doing what an error says."""
    asked = re.search(r"set (\w+)=(\w+), or", error)
    if asked is not None:
        return {**variables, asked[1]: asked[2]}
    unset = re.search(r"\bunset (\w+)\.$", error, re.IGNORECASE)
    assert unset is not None, error
    return {name: value for name, value in variables.items() if name != unset[1]}


@pytest.mark.parametrize("display", ["", *_DEAD_SCREENS])
@pytest.mark.parametrize("setting", [None, "", "glfw"])
def test_a_screen_that_is_gone_changes_nothing(
    setting: str | None, display: str, draw: Draw, plain: str
) -> None:
    variables = {"DISPLAY": display} | ({} if setting is None else {"MUJOCO_GL": setting})
    found = draw(variables)
    if not setting:
        assert found.renderer == plain, found.error
    else:
        shown = f"DISPLAY={display!r} does not answer" if display else "DISPLAY is ''"
        assert shown in found.error


@pytest.mark.parametrize("setting", ["egl", "EGL", "glfw", "osmesa", "wrong", "off"])
def test_whatever_is_asked_for_works_or_its_advice_does(
    setting: str, draw: Draw, plain: str
) -> None:
    variables = {"DISPLAY": _DEAD_SCREENS[0], "MUJOCO_GL": setting}
    found = draw(variables)
    assert bool(found.error) >= (setting in ("glfw", "wrong", "off"))
    if found.error:
        assert "MUJOCO_GL" in found.error
        assert "apt-get" not in found.error
        assert draw(_followed(found.error, variables)).renderer == plain


@pytest.mark.parametrize("setting", [None, "glfw", "glx"])
def test_a_screen_that_answers_serves_where_egl_does_not(
    setting: str | None, draw: Draw, screen: str
) -> None:
    variables = {**_NO_EGL_DRIVER, "DISPLAY": screen}
    found = draw(variables if setting is None else {**variables, "MUJOCO_GL": setting})
    assert found.renderer
    if setting is None:
        (line,) = found.log
        assert line.startswith("drawing with GLFW (EGL: ")
    refused = draw({**variables, "MUJOCO_GL": "egl"})
    assert "GLFW works here" in refused.error
    assert draw(_followed(refused.error, variables)).renderer


def test_without_any_library_each_reason_and_what_to_install_are_told(draw: Draw) -> None:
    found = draw({**_NO_EGL_DRIVER, "DISPLAY": _DEAD_SCREENS[0]})
    if found.renderer:
        assert "drawing with OSMesa" in found.log[0]
        return
    for part in ("EGL: ", f"GLFW: it needs a screen, and DISPLAY={_DEAD_SCREENS[0]!r}", "OSMesa: "):
        assert part in found.error
    assert "apt-get install libegl1" in found.error


@pytest.mark.parametrize(
    "variables",
    [
        {"PYOPENGL_PLATFORM": "glx"},
        {"PYOPENGL_PLATFORM": "glx", "MUJOCO_GL": "egl"},
        {"MUJOCO_EGL_DEVICE_ID": "97"},
        {"MUJOCO_EGL_DEVICE_ID": "gpu", "MUJOCO_GL": "egl"},
    ],
    ids=lambda variables: "-".join(variables.values()),
)
def test_other_variables_that_are_in_the_way_are_named(
    variables: dict[str, str], draw: Draw
) -> None:
    found = draw(variables)
    if found.renderer:  # by OSMesa
        return
    first = next(iter(variables))
    assert f"{first} is {variables[first]!r}" in found.error
    assert "apt-get" not in found.error
    assert draw(_followed(found.error, variables)).renderer


@pytest.mark.parametrize("package", ["mujoco", "dm_control.suite", "glfw", "OpenGL.GL"])
def test_whatever_was_imported_before(package: str, draw: Draw, plain: str) -> None:
    """MuJoCo, imported first, has chosen GLFW; PyOpenGL serves one library per process."""
    quiet = f"import warnings\nwith warnings.catch_warnings(action='ignore'):\n  import {package}\n"
    found = draw({"DISPLAY": _DEAD_SCREENS[0]}, before=quiet)
    if package == "OpenGL.GL":
        assert "Set PYOPENGL_PLATFORM=egl" in found.error
        assert draw({"PYOPENGL_PLATFORM": "egl"}, before=quiet).renderer
    else:
        assert found.renderer == plain, found.error


def test_physics_needs_no_library(draw: Draw) -> None:
    """Only drawing is refused."""
    step = (
        "from vd4rl_data.simulators import Simulation\n"
        "simulation = Simulation('walker_walk')\n"
        "simulation.reset(seed=0)\n"
        "print('log', simulation.step([0.0] * 6).discount)\n"
    )
    for variables in (_NO_EGL_DRIVER, {"MUJOCO_GL": "off"}):
        found = draw(variables, before=step)
        assert "1.0" in found.log
