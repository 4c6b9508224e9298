"""Choice of the OpenGL library that MuJoCo renders with: the one requested, or one that works here.

By default MuJoCo takes GLFW, which needs a screen. That ``DISPLAY`` is set proves nothing: after
``ssh -X``, in tmux or in a batch job it often names a screen that is long gone. So every library is
tried before it is chosen, and those that need no screen are tried first.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import warnings
from functools import cache
from typing import Any, Final, NamedTuple

from vd4rl_data.errors import RenderBackendError

GL_VARIABLE: Final = "MUJOCO_GL"
OFF: Final = "off"
LIBRARIES: Final = {"egl": "EGL", "glfw": "GLFW", "osmesa": "OSMesa"}
"""Value of :data:`GL_VARIABLE` → name, in the order they are tried: no screen, screen, no GPU."""

_ALSO_OFF: Final = ("off", "disable", "disabled", "false", "0")
_ALSO_GLFW: Final = ("glfw", "glx", "on", "enable", "enabled", "true", "1")
_PYOPENGL: Final = "PYOPENGL_PLATFORM"
_DEVICE: Final = "MUJOCO_EGL_DEVICE_ID"
_LOGGER: Final = logging.getLogger("vd4rl_data")

_HOW_TO_INSTALL: Final = (
    "On Debian and Ubuntu, EGL with Mesa's software renderer is"
    " `apt-get install libegl1 libgl1 libopengl0 libgl1-mesa-dri`;"
    " OSMesa is `apt-get install libosmesa6`."
)


class Choice(NamedTuple):
    """The OpenGL library of this process.

    Attributes:
        library: a key of :data:`LIBRARIES`; :data:`OFF`; or "" if MuJoCo itself chooses, as on
            macOS and Windows.
        asked: whether :data:`GL_VARIABLE` requested it, rather than the trials here.
    """

    library: str
    asked: bool


class Obstacle(NamedTuple):
    """The reason why a library cannot render.

    Attributes:
        reason: the reason, for the user.
        cure: what the user can do about it, if that is not to install something.
    """

    reason: str
    cure: str = ""


@cache
def choose_library() -> Choice:
    """The requested library, else the first one that works, else :data:`OFF`.

    A choice made here is written to :data:`GL_VARIABLE`, so that MuJoCo, dm_control and child
    processes make the same choice, and is logged in one line.

    Raises:
        RenderBackendError: the variable holds a value that MuJoCo does not know.
    """
    asked = os.environ.get(GL_VARIABLE, "").strip().lower()
    _pyopengl_platform()  # before MuJoCo is imported, which sets it
    if sys.platform != "linux":
        return Choice("", bool(asked))
    if asked:
        os.environ[GL_VARIABLE] = _known(asked)  # dm_control reads fewer spellings than MuJoCo
        return Choice(os.environ[GL_VARIABLE], asked=True)
    library = next((name for name in LIBRARIES if why_not(name) is None), OFF)
    os.environ[GL_VARIABLE] = library
    reasons = "; ".join(_reasons(before=library))
    chosen = LIBRARIES.get(library, "no OpenGL library")
    _LOGGER.info("rendering with %s%s", chosen, f" ({reasons})" if reasons else "")
    return Choice(library, asked=False)


def explain(choice: Choice, error: Exception | None = None) -> str:
    """Explain why a choice cannot render, and name a library that works or what to install.

    Args:
        choice: the library that was to render.
        error: how it failed, for failures that the trials do not explain.
    """
    if not choice.library:
        variable = f"{GL_VARIABLE} is {_shown(GL_VARIABLE)}"
        return f"{error}; {variable}. Is an OpenGL driver installed?"
    others = [other for other in LIBRARIES if other != choice.library and why_not(other) is None]
    obstacle = why_not(choice.library) if choice.library in LIBRARIES else None
    if not others:
        failed = choice.library in LIBRARIES and obstacle is None
        return (f"{LIBRARIES[choice.library]}: {error}; " if failed else "") + _no_library()
    if choice.library == OFF:
        return f"{GL_VARIABLE}={OFF} switches rendering off. {_cure(others)}"
    taken = f"{GL_VARIABLE}={choice.library} asks for" if choice.asked else "the default here is"
    reason = error if obstacle is None else obstacle.reason
    return f"{taken} {LIBRARIES[choice.library]} ({reason}). {_cure(others)}"


@cache
def why_not(library: str) -> Obstacle | None:
    """Why a library cannot render here; ``None`` if it can, as far as a trial can tell."""
    if library == "glfw":
        return _why_not_glfw()
    return (_why_not_egl() if library == "egl" else _why_not_osmesa()) or _why_not_pyopengl(library)


def _known(asked: str) -> str:
    if asked in _ALSO_OFF:
        return OFF
    if asked in _ALSO_GLFW:
        return "glfw"
    if asked in LIBRARIES:
        return asked
    works = [name for name in LIBRARIES if why_not(name) is None]
    raise RenderBackendError(
        f"{GL_VARIABLE}: expected one of {', '.join(LIBRARIES)} or {OFF}, got {asked!r}. "
        + (_cure(works) if works else _no_library())
    )


def _reasons(before: str = OFF) -> list[str]:
    """Why each library that is tried before this one cannot render."""
    names = list(LIBRARIES)
    tried = names[: names.index(before)] if before in names else names
    return [f"{LIBRARIES[name]}: {why.reason}" for name in tried if (why := why_not(name))]


def _no_library() -> str:
    """Why each library cannot render, and what to do."""
    obstacles = [obstacle for name in LIBRARIES if (obstacle := why_not(name))]
    cures = dict.fromkeys(obstacle.cure for obstacle in obstacles if obstacle.cure)
    cure = f"{' or '.join(cures)}." if cures else _HOW_TO_INSTALL
    return f"{'; '.join(_reasons())}. {cure[0].upper()}{cure[1:]}"


def _cure(libraries: list[str]) -> str:
    names = " and ".join(LIBRARIES[library] for library in libraries)
    work = "works" if len(libraries) == 1 else "work"
    return f"{names} {work} here: set {GL_VARIABLE}={libraries[0]}, or unset it."


def _shown(variable: str) -> str:
    value = os.environ.get(variable)
    return "unset" if value is None else repr(value)


def _why_not_pyopengl(platform: str) -> Obstacle | None:
    """MuJoCo calls EGL and OSMesa through PyOpenGL, which supports one platform per process."""
    wanted, imported = _pyopengl_platform()
    if wanted and wanted.lower() != platform:
        return Obstacle(f"{_PYOPENGL} is {wanted!r}", f"unset {_PYOPENGL}")
    if not wanted and imported:
        cure = f"set {_PYOPENGL}={platform}, or import OpenGL after the first frame"
        return Obstacle("PyOpenGL is already imported", cure)
    return None


@cache
def _pyopengl_platform() -> tuple[str, bool]:
    """PyOpenGL's platform before anything was chosen, and whether it was already imported."""
    return os.environ.get(_PYOPENGL, ""), "OpenGL.platform" in sys.modules


def _why_not_osmesa() -> Obstacle | None:
    found = any(_load(f"libOSMesa.so{suffix}") for suffix in ("", ".8", ".6"))
    return None if found else Obstacle("libOSMesa is not installed")


def _why_not_glfw() -> Obstacle | None:
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        return Obstacle(f"it needs a screen, and DISPLAY is {_shown('DISPLAY')}")
    try:
        import glfw
    except (ImportError, OSError) as error:
        return Obstacle(f"it does not load ({error})")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how it reports errors, which are read from the results
        if not glfw.init():
            return Obstacle(f"it needs a screen, and DISPLAY={_shown('DISPLAY')} does not answer")
    return None


def _load(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


_POINTER: Final = ctypes.c_void_p
_INTEGER: Final = ctypes.c_int
_PLATFORM_DEVICE: Final = 0x313F
_MAX_DEVICES: Final = 16
# surface type: pbuffer; renderable type: OpenGL; depth and stencil as MuJoCo wants them; end
_CONFIG: Final = (0x3033, 0x0001, 0x3040, 0x0008, 0x3025, 24, 0x3026, 8, 0x3038)


def _why_not_egl() -> Obstacle | None:
    """Check that MuJoCo will find a device that it can open without a screen.

    That the library loads proves nothing: without a driver it finds no device to open. No context
    is made here, because a process that has made one cannot be forked safely.
    """
    egl = _load("libEGL.so.1") or _load("libEGL.so")
    if egl is None:
        return Obstacle("libEGL is not installed")
    if _load("libOpenGL.so.0") is None and _load("libGL.so.1") is None:
        return Obstacle("neither libOpenGL nor libGL is installed")
    displays = _egl_displays(egl)
    device = os.environ.get(_DEVICE)
    asked = int(device) if device is not None and device.isdecimal() else len(displays)
    if any(_draws(egl, display) for display in displays[asked : asked + 1]):
        return None
    if not any(_draws(egl, display) for display in displays):  # no more devices than must be
        return Obstacle("it finds no device that it can use")
    if device is None:
        return None
    return Obstacle(f"{_DEVICE} is {device!r}", f"unset {_DEVICE}")


def _draws(egl: ctypes.CDLL, display: Any) -> bool:
    """Whether this display can be opened and has a configuration that MuJoCo needs."""
    return bool(display and egl.eglInitialize(display, None, None)) and _offers(egl, display)


def _egl_displays(egl: ctypes.CDLL) -> list[Any]:
    """One display per device; ``None`` for a device that has none."""
    egl.eglGetProcAddress.restype = _POINTER
    egl.eglInitialize.argtypes = [_POINTER, _POINTER, _POINTER]
    query_address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_address = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query_address or not display_address:
        return []
    query = ctypes.CFUNCTYPE(ctypes.c_uint, _INTEGER, _POINTER, _POINTER)(query_address)
    get_display = ctypes.CFUNCTYPE(_POINTER, ctypes.c_uint, _POINTER, _POINTER)(display_address)
    devices, count = (_POINTER * _MAX_DEVICES)(), _INTEGER()
    if not query(_MAX_DEVICES, devices, ctypes.byref(count)):
        return []
    return [get_display(_PLATFORM_DEVICE, devices[i], None) for i in range(count.value)]


def _offers(egl: ctypes.CDLL, display: Any) -> bool:
    egl.eglChooseConfig.argtypes = [_POINTER, _POINTER, _POINTER, _INTEGER, _POINTER]
    config, count = _POINTER(), _INTEGER()
    wanted = (_INTEGER * len(_CONFIG))(*_CONFIG)
    chosen = egl.eglChooseConfig(display, wanted, ctypes.byref(config), 1, ctypes.byref(count))
    return bool(chosen) and count.value > 0
