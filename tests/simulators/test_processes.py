"""Rendering and processes: forks, spawned workers, clean exits, missing libraries."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.simulators import dmc, gl
from vd4rl_data.simulators.gl import configure_worker_rendering

pytestmark = pytest.mark.render

RunScript = Callable[..., subprocess.CompletedProcess[str]]

ID = "VD4RL/walker_walk-random-64px-v0"
HEAD = f"""
import os, sys
import gymnasium
import vd4rl_data
from vd4rl_data.envs import make_env
from vd4rl_data.simulators import Simulation, gl
from vd4rl_data.errors import ForkAfterRenderError, RenderBackendError
ID = "{ID}"
"""
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")


def output_of(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines printed by a script that must end well and say nothing else."""
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split("\n")[:-1]


FORK = """
env = make_env("walker_walk")
env.reset(seed=0)
{before}
child = os.fork()
if child == 0:
    try:
        env.reset(seed=0)
    except ForkAfterRenderError as error:
        print(error, flush=True)
    {inside}
    sys.exit(3)  # an ordinary exit, with every exit handler
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
print(env.reset(seed=0)[0].shape)
"""


@needs_fork
@pytest.mark.parametrize(
    ("before", "inside"), [("", ""), ("", "env.close()"), ("env.close()", ""), ("", "del env")]
)
def test_a_forked_child_gets_an_error_instead_of_a_hang(
    run_script: RunScript, before: str, inside: str
) -> None:
    """Forked with threads of the software renderer running: those are what would be missing."""
    source = HEAD + FORK.format(before=before, inside=inside)
    message, code, shape = output_of(
        run_script(source, LP_NUM_THREADS="2", PYTHONWARNINGS="ignore::DeprecationWarning")
    )
    assert 'vector_kwargs={"context": "spawn"}' in message
    assert code == "3"
    assert shape == "(64, 64, 3)"


@needs_fork
def test_a_fork_before_the_first_frame_renders(run_script: RunScript) -> None:
    """Physics in the parent is no obstacle: only an OpenGL context is."""
    source = """
from vd4rl_data.simulators import Simulation
Simulation("walker_walk").reset(seed=0)
child = os.fork()
if child == 0:
    print(make_env("walker_walk").reset(seed=0)[0].shape, flush=True)
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    result = run_script(HEAD + source, PYTHONWARNINGS="ignore::DeprecationWarning")
    assert output_of(result) == ["(64, 64, 3)", "3"]


VECTOR = """
if __name__ == "__main__":
    envs = gymnasium.make_vec(
        ID, num_envs=2, vectorization_mode="async", vector_kwargs={"context": "spawn"}
    )
    single = gymnasium.make(ID)
    frames, _ = envs.reset(seed=7)
    print((frames[1] == single.reset(seed=8)[0]).all())
    print(envs.step(envs.action_space.sample())[0].shape)
    envs.close()
"""
SPAWN_AFTER_RENDER = VECTOR.replace(
    "    envs = gymnasium", "    gymnasium.make(ID).reset()\n    envs = gymnasium"
)


def test_spawned_vector_environments_work_after_rendering(run_script: RunScript) -> None:
    assert output_of(run_script(HEAD + SPAWN_AFTER_RENDER)) == ["True", "(2, 64, 64, 3)"]


@pytest.mark.parametrize(
    "ending",
    [
        "a.close(); b.close()",
        "",
        "a.close()",
        "a.close(); a.reset(seed=0)",
        "holder = [a]; holder.append(holder)",
        "import threading; t = threading.Thread(target=a.reset); t.start(); t.join()",
        "a.unwrapped.simulation._simulator._load().physics.render(48, 48, camera_id=0)",
    ],
)
def test_a_process_that_rendered_exits_without_noise(run_script: RunScript, ending: str) -> None:
    source = f"""
a, b = gymnasium.make(ID), make_env("walker_walk", 84)
a.reset(seed=0), b.reset(seed=0)
{ending}
"""
    assert output_of(run_script(HEAD + source)) == []


def test_making_environments_imports_no_simulator(run_script: RunScript) -> None:
    source = """
env = gymnasium.make(ID)
print(env.observation_space, env.action_space)
heavy = ("torch", "mujoco", "dm_control", "h5py", "PIL", "OpenGL")
print([name for name in heavy if name in sys.modules])
"""
    assert output_of(run_script(HEAD + source))[1] == "[]"


@pytest.mark.parametrize("package", ["mujoco", "dm_control"])
def test_a_missing_simulator_names_the_extra(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    monkeypatch.delitem(sys.modules, package, raising=False)
    load = gl.load_mujoco if package == "mujoco" else dmc.load_suite
    with pytest.raises(MissingDependencyError, match=r'pip install "vd4rl-data\[dmc\]"') as caught:
        load.__wrapped__()
    assert str(caught.value).startswith(package)


def test_workers_configure_rendering_before_they_render(run_script: RunScript) -> None:
    source = """
from vd4rl_data.simulators.gl import configure_worker_rendering
configure_worker_rendering()
print(os.environ["LP_NUM_THREADS"])
make_env("walker_walk").reset(seed=0)
os.environ["LP_NUM_THREADS"] = "3"
try:
    configure_worker_rendering()
except RenderBackendError as error:
    print(error)
"""
    result = run_script("import os; os.environ.pop('LP_NUM_THREADS', None)" + HEAD + source)
    threads, message = output_of(result)
    assert threads == "0"
    assert "before the first frame" in message


def test_a_choice_of_threads_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl.FORK_GUARD, "owner", None)
    monkeypatch.setenv("LP_NUM_THREADS", "3")
    configure_worker_rendering()
    assert os.environ["LP_NUM_THREADS"] == "3"
