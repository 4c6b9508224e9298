"""Importing MuJoCo, making OpenGL contexts, and the traps of both.

Nothing here runs at import. MuJoCo chooses its OpenGL library when it is imported, so the choice
is made in :func:`load_mujoco`, which every simulator that needs MuJoCo calls first.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Generator
from functools import cache
from types import ModuleType
from typing import Any, Final

from vd4rl_data.errors import (
    ForkAfterRenderError,
    MissingDependencyError,
    RenderBackendError,
)
from vd4rl_data.simulators.backends import OFF, choose_library, explain, why_not
from vd4rl_data.simulators.contexts import left_as_it_was

_THREADS_VARIABLE: Final = "LP_NUM_THREADS"


class _ForkGuard:
    """Remembers which process made the first OpenGL context.

    Only a context is dangerous to inherit: forking after importing or stepping the simulator is
    safe.
    """

    def __init__(self) -> None:
        self.owner: int | None = None

    def note_context(self) -> None:
        if self.owner is None:
            self.owner = os.getpid()

    @property
    def forked(self) -> bool:
        return self.owner is not None and self.owner != os.getpid()

    def check(self) -> None:
        if self.forked:
            raise ForkAfterRenderError(
                f"process {os.getpid()} was forked from process {self.owner}, which had already"
                " rendered; OpenGL does not survive a fork, and rendering here would hang. Spawn"
                ' the processes instead: gymnasium.make_vec(..., vectorization_mode="async",'
                ' vector_kwargs={"context": "spawn"}), or multiprocessing.get_context("spawn").'
            )


FORK_GUARD: Final = _ForkGuard()


def configure_worker_rendering() -> None:
    """Make the software renderer of this process use one thread, which suits parallel workers.

    Sets ``LP_NUM_THREADS=0`` unless the variable is set: Mesa's llvmpipe then draws the same pixels
    on the calling thread instead of on one thread per core. Call it first in a worker process; a
    single process that has the machine to itself is faster without it. Other renderers ignore the
    variable.

    Raises:
        RenderBackendError: this process has already rendered, so the setting would come too late.
    """
    if FORK_GUARD.owner == os.getpid():
        raise RenderBackendError(
            "configure_worker_rendering() was called after this process had rendered;"
            " call it at the start of the worker, before the first frame."
        )
    os.environ.setdefault(_THREADS_VARIABLE, "0")


@cache
def load_mujoco() -> ModuleType:
    """Choose an OpenGL library and import MuJoCo.

    ``MUJOCO_GL`` is respected. If it is unset or empty, on Linux, EGL is used if it works here,
    else GLFW, else OSMesa; if none works, physics still runs and rendering raises an error.

    Raises:
        MissingDependencyError: mujoco is not installed.
        RenderBackendError: ``MUJOCO_GL`` names a library that cannot be loaded.
    """
    if "mujoco" not in sys.modules and importlib.util.find_spec("mujoco") is None:
        raise MissingDependencyError(
            'mujoco is not installed, and rendering needs it: `pip install "vd4rl-data[dmc]"`.'
        )
    choose_library()
    with backend_errors():
        import mujoco
    return mujoco


@contextlib.contextmanager
def backend_errors() -> Generator[None]:
    """Turn the errors of a simulator's import into one that explains why OpenGL does not load.

    Raises:
        RenderBackendError: ``MUJOCO_GL`` names a library that cannot be loaded.
    """
    try:
        yield
    except Exception as error:
        # A missing OpenGL library surfaces as ImportError, AttributeError or RuntimeError.
        if choose_library().library in ("", OFF):
            raise
        raise no_rendering(error) from error


def make_gl_context(width: int, height: int) -> Any:
    """Create MuJoCo's OpenGL context for this platform, not yet current on any thread.

    Raises:
        ForkAfterRenderError: this process was forked from one that had rendered.
        RenderBackendError: no OpenGL library works here.
    """
    FORK_GUARD.check()
    mujoco = load_mujoco()
    library = choose_library().library
    if library == OFF or (library and why_not(library)):  # a failed attempt prints warnings
        raise no_rendering()
    FORK_GUARD.note_context()
    try:
        # If MuJoCo was imported before our choice, it has made its own.
        module = importlib.import_module(f"mujoco.{library}") if library else mujoco
        with left_as_it_was():
            return module.GLContext(width, height)
    except Exception as error:
        raise no_rendering(error) from error


def no_rendering(error: Exception | None = None) -> RenderBackendError:
    """The error for an OpenGL library that is missing or fails, with what to do about it."""
    return RenderBackendError(f"MuJoCo cannot render here: {explain(choose_library(), error)}")


@cache
def renderer_name() -> str:
    """The OpenGL renderer and version, e.g. ``llvmpipe (LLVM 15.0.6, 256 bits); 4.5 Mesa 22.3.6``.

    Raises:
        ForkAfterRenderError: this process was forked from one that had rendered.
        RenderBackendError: no OpenGL library works here.
    """
    with left_as_it_was():
        context = make_gl_context(1, 1)
        try:
            context.make_current()
            return _renderer_strings()
        except Exception as error:
            raise no_rendering(error) from error
        finally:
            context.free()


def _renderer_strings() -> str:
    from OpenGL import GL

    get_string: Any = GL.glGetString
    return "; ".join(get_string(name).decode() for name in (GL.GL_RENDERER, GL.GL_VERSION))
