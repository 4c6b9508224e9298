"""The one renderer: evaluation and data collection draw every frame here, with the same settings.

Pixels are those of dm_control's ``physics.render``, byte for byte. What is spared is work around
them: the offscreen buffer is as large as the frame instead of 640 x 480, the scene and its buffers
are built once instead of for every frame, and simulations of one model share one OpenGL context per
process and thread.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib
import os
import sys
import threading
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary, ref

import numpy as np
from jaxtyping import Float64, UInt8

from vd4rl_data.envs.backend import (
    FORK_GUARD,
    configure_worker_rendering,
    make_gl_context,
    no_rendering,
    renderer_name,
)

__all__ = [
    "configure_worker_rendering",
    "release",
    "render_frame",
    "render_state",
    "renderer_name",
]


def render_frame(physics: Any, size: int, camera_id: int = 0) -> UInt8[np.ndarray, "size size 3"]:
    """Draw what a fixed camera sees now.

    Args:
        physics: a dm_control ``Physics`` whose positions are up to date, as they are after a reset
            or step.
        size: height and width of the frame in pixels.
        camera_id: index of a camera of the model.

    Returns:
        uint8 (size, size, 3), RGB, top row first; a fresh array. Equal to
        ``physics.render(size, size, camera_id=camera_id)``. Textures and meshes are those that the
        model had when its first frame was drawn; :func:`release` forgets them.

    Raises:
        ValueError: the size is not positive or the model has no such camera.
        ForkAfterRenderError: this process was forked from one that had rendered.
        RenderBackendError: there is no OpenGL library, or it refuses.
    """
    if size < 1:
        raise ValueError(f"size: expected at least 1 pixel, got {size}")
    if not 0 <= camera_id < physics.model.ncam:
        raise ValueError(
            f"camera_id: expected 0 to {physics.model.ncam - 1} (the model's), got {camera_id}"
        )
    FORK_GUARD.check()
    return _canvas_for(physics, size).draw(physics, camera_id)


def render_state(
    physics: Any,
    physics_state: Float64[np.ndarray, " S"],
    size: int,
    camera_id: int = 0,
) -> UInt8[np.ndarray, "size size 3"]:
    """Draw a recorded physics state: byte-equal to the frame drawn when that state was visited.

    The state of ``physics`` is overwritten, and what a step needs beyond it (time, warm start) is
    not restored: use a physics that nobody steps.

    Args:
        physics: a dm_control ``Physics`` of the same model.
        physics_state: float64 (S,): qpos, qvel and act, as ``physics.get_state()`` returned them.
        size: height and width of the frame in pixels.
        camera_id: index of a camera of the model.

    Raises:
        ValueError: the state has the wrong number of entries for this model, or as in
            :func:`render_frame`.
        ForkAfterRenderError: this process was forked from one that had rendered.
        RenderBackendError: there is no OpenGL library, or it refuses.
    """
    physics.set_state(physics_state)
    physics.forward()
    return render_frame(physics, size, camera_id)


def release(physics: Any) -> None:
    """Let go of the OpenGL contexts that only this physics uses. It may render again afterwards."""
    _CANVASES_OF.pop(physics, None)


class _Canvas:
    """An OpenGL context holding one model's textures and meshes, with an offscreen buffer of one
    size.

    Freed with its last reference: dm_control's wrappers free what they hold when they are deleted.
    That must happen on the thread that drew; elsewhere the memory is left to the end of the
    process.
    """

    def __init__(self, model: Any, size: int) -> None:
        from dm_control.mujoco import wrapper

        mujoco = self._mujoco = _mujoco()
        self._thread = threading.current_thread()
        self._gl = make_gl_context(size, size)
        if threading.current_thread() is not threading.main_thread():
            # Registered after dm_control's own exit handler for this context, so called before it.
            atexit.register(_abandon_at_exit, ref(self))
        offscreen = model.vis.global_
        model_size = offscreen.offwidth, offscreen.offheight
        offscreen.offwidth, offscreen.offheight = size, size
        try:
            self._context = wrapper.MjrContext(model, self._gl)
        except Exception as error:
            raise no_rendering(error) from error
        finally:
            # `physics.render` of someone else still gets the buffer that the model asks for.
            offscreen.offwidth, offscreen.offheight = model_size
        self._scene = wrapper.MjvScene(model)
        self._option = wrapper.MjvOption()
        self._perturb = wrapper.MjvPerturb()
        self._perturb.active = self._perturb.select = 0
        self._camera = wrapper.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._rectangle = mujoco.MjrRect(0, 0, size, size)
        self._pixels = np.empty((size, size, 3), dtype=np.uint8)

    def draw(self, physics: Any, camera_id: int) -> UInt8[np.ndarray, "size size 3"]:
        """Draw a physics of this canvas's model."""
        model = physics.model
        self._camera.fixedcamid = camera_id
        self._mujoco.mjv_updateScene(
            model.ptr,
            physics.data.ptr,
            self._option.ptr,
            self._perturb.ptr,
            self._camera.ptr,
            self._mujoco.mjtCatBit.mjCAT_ALL,
            self._scene.ptr,
        )
        with self._gl.make_current() as gl:
            gl.call(self._draw_on_gl_thread, model)
        return self._pixels[::-1].copy()  # OpenGL's first row is the bottom one

    def _draw_on_gl_thread(self, model: Any) -> None:
        context = self._context.ptr
        for index in range(model.nhfield):  # terrain may be new in each episode
            self._mujoco.mjr_uploadHField(model.ptr, context, index)
        self._mujoco.mjr_render(self._rectangle, self._scene.ptr, context)
        self._mujoco.mjr_readPixels(self._pixels, None, self._rectangle, context)

    def __del__(self) -> None:
        if hasattr(self, "_gl") and threading.current_thread() is not self._thread:
            self.abandon()

    def abandon(self) -> None:
        """Make every later attempt to free this canvas do nothing."""
        self._gl._render_executor._terminated = True


class _Canvases:
    """The canvases that one physics draws on, by size and thread, and their model."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.digest = _model_digest(model)
        self.by_use: dict[tuple[int, threading.Thread], _Canvas] = {}


_CANVASES_OF: Final[WeakKeyDictionary[Any, _Canvases]] = WeakKeyDictionary()
_SHARED: Final[WeakValueDictionary[tuple[bytes, int, threading.Thread], _Canvas]] = (
    WeakValueDictionary()
)


def _canvas_for(physics: Any, size: int) -> _Canvas:
    canvases = _CANVASES_OF.get(physics)
    if canvases is None or canvases.model is not physics.model:
        canvases = _CANVASES_OF[physics] = _Canvases(physics.model)
    use = size, threading.current_thread()  # an ident may be used again by a later thread
    canvas = canvases.by_use.get(use)
    if canvas is None:
        canvas = _SHARED.get((canvases.digest, *use))
        if canvas is None:
            canvas = _SHARED[canvases.digest, *use] = _Canvas(physics.model, size)
        canvases.by_use[use] = canvas
    return canvas


def _model_digest(model: Any) -> bytes:
    """A hash of the whole compiled model: equal ones have equal textures and meshes."""
    mujoco = _mujoco()
    content = np.empty(mujoco.mj_sizeModel(model.ptr), dtype=np.uint8)
    mujoco.mj_saveModel(model.ptr, None, content)
    return hashlib.sha256(content.data).digest()


def _mujoco() -> Any:
    return importlib.import_module("mujoco")  # its stubs lack what we call


def _abandon_at_exit(canvas: ref[_Canvas]) -> None:
    alive = canvas()
    if alive is not None:
        alive.abandon()


def _abandon_in_child() -> None:
    """Let a forked child leave without touching OpenGL, whose threads it did not inherit."""
    if not FORK_GUARD.forked:
        return
    for canvas in list(_SHARED.values()):
        canvas.abandon()
    egl = sys.modules.get("OpenGL.EGL")
    if egl is not None:
        atexit.unregister(egl.eglTerminate)


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_abandon_in_child)
