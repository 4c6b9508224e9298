"""Being a guest among OpenGL contexts: whoever's was current before us is current after us.

dm_control's own renderer remembers which context it made current and does not ask again: left with
ours, it draws into our buffers, and its pictures are wrong.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Generator
from typing import Any, Final

from vd4rl_data.simulators.backends import choose_library

Restore = Callable[[], object]


_IDENTITIES: Final = weakref.WeakKeyDictionary[Any, object]()
"""What tells contexts that were made current here from others: asking is most of what drawing as a
guest costs."""


@contextlib.contextmanager
def current(context: Any) -> Generator[None]:
    """Make one of MuJoCo's contexts current, and afterwards the one that was before, if any."""
    own = _IDENTITIES.get(context)
    if own is not None and _identity() == own:
        yield
        return
    before, restore = _find_current()
    context.make_current()
    _IDENTITIES[context] = own = _identity()
    foreign = before is not None and own != before
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
        if before is not None and _identity() != before:
            restore()


def _identity() -> object:
    """What tells the thread's current context from others; ``None`` where that cannot be known."""
    egl = sys.modules.get("OpenGL.EGL")
    context = None if egl is None else egl.eglGetCurrentContext()
    return context.address if context else _find_current()[0]


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

    def restore() -> None:
        try:
            egl.eglMakeCurrent(display, *surfaces, context)
        except Exception as error:
            if getattr(error, "err", None) != egl.EGL_BAD_CONTEXT:
                raise  # else it was freed meanwhile, as by the garbage collector: nobody misses it

    return context.address, restore


def _find_glfw(module: Any) -> tuple[object, Restore] | None:
    glfw = module.glfw  # initialized when that module was imported
    window = glfw.get_current_context()
    if not window:
        return None
    return window, lambda: glfw.make_context_current(window)
