"""Finding OpenGL, importing the simulator, and the traps around both.

Nothing here runs at import. MuJoCo decides on its OpenGL library when it is imported, so the
decision is taken in :func:`load_mujoco`, which every simulator goes through first.
"""

from __future__ import annotations

import contextlib
import ctypes
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

_GL_VARIABLE: Final = "MUJOCO_GL"
_THREADS_VARIABLE: Final = "LP_NUM_THREADS"
_NO_GL: Final = "off"
_EGL_PLATFORM_DEVICE: Final = 0x313F
_MAX_EGL_DEVICES: Final = 16

_HOW_TO_INSTALL: Final = (
    "On Debian and Ubuntu, EGL with Mesa's software renderer is"
    " `apt-get install libegl1 libgl1 libopengl0 libgl1-mesa-dri`;"
    " OSMesa is `apt-get install libosmesa6` with the environment variable MUJOCO_GL=osmesa."
)


class _ForkGuard:
    """Remembers which process made the first OpenGL context.

    Only a context is dangerous to inherit: forking after importing the simulator or stepping it is
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
                f"process {os.getpid()} was forked from process {self.owner} after that one had"
                " rendered; OpenGL does not survive a fork, and rendering here would hang. Start"
                ' processes by spawn: gymnasium.make_vec(..., vectorization_mode="async",'
                ' vector_kwargs={"context": "spawn"}), or multiprocessing.get_context("spawn").'
            )


FORK_GUARD: Final = _ForkGuard()


def configure_worker_rendering() -> None:
    """Make the software renderer of this process use one thread, as many parallel workers want.

    Sets ``LP_NUM_THREADS=0`` unless it is set already: Mesa's llvmpipe then draws the same pixels
    on the calling thread instead of on one thread per core. Call it first thing in a worker
    process; a single process that has the machine for itself is faster without. Other renderers
    ignore the variable.

    Raises:
        RenderBackendError: this process has already rendered, so that the setting would come too
            late.
    """
    if FORK_GUARD.owner == os.getpid():
        raise RenderBackendError(
            "configure_worker_rendering() was called after this process had rendered;"
            " call it before the first frame, first thing in the worker."
        )
    os.environ.setdefault(_THREADS_VARIABLE, "0")


@cache
def load_mujoco() -> ModuleType:
    """Import MuJoCo, having chosen an OpenGL library for it.

    ``MUJOCO_GL`` is respected. Where it is unset, on Linux without a display, EGL is used if it
    works here, else OSMesa; with neither, physics still runs and rendering raises.

    Raises:
        MissingDependencyError: mujoco is not installed.
        RenderBackendError: ``MUJOCO_GL`` names a library that cannot be loaded.
    """
    if "mujoco" not in sys.modules and importlib.util.find_spec("mujoco") is None:
        raise MissingDependencyError(
            'mujoco is not installed, and drawing needs it: `pip install "vd4rl-data[dmc]"`.'
        )
    choose_backend()
    with backend_errors():
        import mujoco
    return mujoco


@contextlib.contextmanager
def backend_errors() -> Generator[None]:
    """Around the import of a simulator: an OpenGL library that does not load is told in words.

    Raises:
        RenderBackendError: ``MUJOCO_GL`` names a library that cannot be loaded.
    """
    try:
        yield
    except Exception as error:
        # A missing OpenGL library surfaces as ImportError, AttributeError or RuntimeError.
        wanted = os.environ.get(_GL_VARIABLE)
        if wanted in (None, _NO_GL):
            raise
        raise RenderBackendError(
            f"{_GL_VARIABLE}={wanted}, but that OpenGL library does not load here ({error})."
            f" {_HOW_TO_INSTALL} Or unset {_GL_VARIABLE} to have one chosen."
        ) from error


def make_gl_context(width: int, height: int) -> Any:
    """Create MuJoCo's OpenGL context for this platform, current on no thread yet.

    Raises:
        ForkAfterRenderError: this process was forked from one that had rendered.
        RenderBackendError: there is no OpenGL library, or it refuses.
    """
    FORK_GUARD.check()
    mujoco = load_mujoco()
    FORK_GUARD.note_context()
    try:
        return mujoco.GLContext(width, height)  # absent where MUJOCO_GL switches rendering off
    except Exception as error:
        raise no_rendering(error) from error


def no_rendering(reason: Exception) -> RenderBackendError:
    """The error for an OpenGL library that is missing or refuses, with what to do about it."""
    setting = os.environ.get(_GL_VARIABLE)
    hint = ""
    if setting is None:
        hint = f" If mujoco was imported before the environment was made, set {_GL_VARIABLE}=egl."
    elif setting == _NO_GL:
        hint = f" Then see that {_GL_VARIABLE} is not set to {_NO_GL!r}."
    return RenderBackendError(
        f"MuJoCo cannot render here ({reason}; {_GL_VARIABLE} is {setting or 'unset'})."
        f" {_HOW_TO_INSTALL}{hint}"
    )


@cache
def renderer_name() -> str:
    """The OpenGL renderer and version, e.g. ``llvmpipe (LLVM 15.0.6, 256 bits); 4.5 Mesa 22.3.6``.

    Raises:
        ForkAfterRenderError: this process was forked from one that had rendered.
        RenderBackendError: there is no OpenGL library, or it refuses.
    """
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


def choose_backend() -> None:
    """Set ``MUJOCO_GL`` where MuJoCo's own choice would be GLFW, which needs a display."""
    if _GL_VARIABLE in os.environ or "DISPLAY" in os.environ or sys.platform != "linux":
        return
    if "mujoco" in sys.modules or "dm_control._render" in sys.modules:
        return  # too late: the choice has been made
    if _egl_works():
        os.environ[_GL_VARIABLE] = "egl"
    elif _osmesa_loads():
        os.environ[_GL_VARIABLE] = "osmesa"
    else:
        os.environ[_GL_VARIABLE] = _NO_GL


def _osmesa_loads() -> bool:
    return any(_load_library(f"libOSMesa.so{suffix}") for suffix in ("", ".8", ".6"))


def _load_library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def _egl_works() -> bool:
    """Whether EGL can open a display on some device, without a screen.

    The library alone proves nothing: without a driver it loads and finds no device to open.
    """
    egl = _load_library("libEGL.so.1") or _load_library("libEGL.so")
    if egl is None:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    query_address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_address = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query_address or not display_address:
        return False
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    query = ctypes.CFUNCTYPE(ctypes.c_uint, integer, pointer, pointer)(query_address)
    get_display = ctypes.CFUNCTYPE(pointer, ctypes.c_uint, pointer, pointer)(display_address)
    egl.eglInitialize.argtypes = [pointer, pointer, pointer]
    devices, count = (pointer * _MAX_EGL_DEVICES)(), integer()
    if not query(_MAX_EGL_DEVICES, devices, ctypes.byref(count)):
        return False
    displays = (get_display(_EGL_PLATFORM_DEVICE, devices[i], None) for i in range(count.value))
    return any(display and egl.eglInitialize(display, None, None) for display in displays)
