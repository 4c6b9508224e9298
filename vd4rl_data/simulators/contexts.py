"""Being a guest among OpenGL contexts: whoever's was current before us is current after us.

dm_control's own renderer remembers which context it made current and does not ask again: left with
ours, it draws into our buffers, and its pictures are wrong.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator
from typing import Any

from vd4rl_data.simulators.backends import choose_library

Restore = Callable[[], object]


@contextlib.contextmanager
def current(context: Any) -> Generator[None]:
    """Make one of MuJoCo's contexts current, and afterwards the one that was before, if any."""
    before, restore = _find_current()
    context.make_current()
    foreign = before is not None and _find_current()[0] != before
    try:
        yield
    finally:
        if foreign:
            restore()


@contextlib.contextmanager
def left_as_it_was() -> Generator[None]:
    """Around whatever leaves no context or another one current, as making one does."""
    before, restore = _find_current()
    try:
        yield
    finally:
        if before is not None and _find_current()[0] != before:
            restore()


def _find_current() -> tuple[object, Restore]:
    """What tells the thread's current context from others, and how to make it current again.

    Asks only libraries that somebody has loaded; with OSMesa, CGL and WGL, nothing is found.
    """
    egl = sys.modules.get("OpenGL.EGL")
    glfw = sys.modules.get("dm_control._render.glfw_renderer")
    found = None if egl is None else _find_egl(egl)
    if found is None and glfw is not None and choose_library().library == "glfw":  # else it warns
        found = _find_glfw(glfw)
    return (None, lambda: None) if found is None else found


def _find_egl(egl: Any) -> tuple[object, Restore] | None:
    context = egl.eglGetCurrentContext()
    if not context:
        return None
    display = egl.eglGetCurrentDisplay()
    surfaces = egl.eglGetCurrentSurface(egl.EGL_DRAW), egl.eglGetCurrentSurface(egl.EGL_READ)
    return context.address, lambda: egl.eglMakeCurrent(display, *surfaces, context)


def _find_glfw(module: Any) -> tuple[object, Restore] | None:
    glfw = module.glfw  # initialized when that module was imported
    window = glfw.get_current_context()
    if not window:
        return None
    return window, lambda: glfw.make_context_current(window)
