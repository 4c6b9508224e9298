"""The one renderer of MuJoCo models: evaluation and data collection draw every frame here.

Pixels equal those of dm_control's ``physics.render``, byte for byte. What is saved is the work
around them: the offscreen buffer is as large as the frame instead of 640 x 480, the scene and its
buffers are built once instead of for every frame, and simulations of one model share one OpenGL
context per process and thread.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import sys
import threading
from typing import Any, Final
from weakref import WeakValueDictionary, ref

import numpy as np
from jaxtyping import UInt8

from vd4rl_data.arguments import checked_count
from vd4rl_data.simulators.changes import Images, changed
from vd4rl_data.simulators.contexts import current
from vd4rl_data.simulators.gl import FORK_GUARD, load_mujoco, make_gl_context, no_rendering
from vd4rl_data.simulators.protocol import View
from vd4rl_data.spec import Camera, FixedCamera

_MOST_GEOMS: Final = 10_000
"""Maximum number of geometries in a scene."""


class Canvases:
    """The canvases that one simulation draws its frames on: one per size and thread.

    Simulations whose models are equal, byte for byte, share canvases within a process and thread. A
    simulation with a look that changes textures has its own.
    """

    def __init__(self) -> None:
        """Build nothing yet: a canvas is made when the first frame is drawn."""
        self._model: Any = None
        self._digest = b""
        self._own_textures = False
        self._by_use: dict[tuple[int, threading.Thread], _Canvas] = {}

    def draw(self, model: Any, data: Any, view: View) -> UInt8[np.ndarray, "size size 3"]:
        """Draw a state.

        Args:
            model: ``mujoco.MjModel``. Its textures and meshes are uploaded for its first frame;
                terrain, and the textures that ``view`` names, for every frame.
            data: ``mujoco.MjData``, at the state to draw.
            view: size, camera and changed textures.

        Returns:
            uint8 (size, size, 3), a new array.

        Raises:
            TypeError: the size is not an integer.
            ValueError: the size is not positive, or the model has no such camera.
            ForkAfterRenderError: this process was forked from one that had rendered.
            RenderBackendError: no OpenGL library works here.
        """
        checked_count("size", view.size)
        place_camera(model, view.camera)  # raises before OpenGL is touched
        FORK_GUARD.check()
        return self._canvas(model, view).draw(model, data, view)

    def adopt(self, model: Any) -> None:
        """Draw this model from now on. Called before episodes write their layouts into it, all its
        simulations share canvases.
        """
        self.release()
        self._model, self._digest = model, _model_digest(model)

    def release(self) -> None:
        """Free the canvases that only this simulation uses. It may draw again afterwards."""
        self._by_use.clear()
        self._model, self._own_textures = None, False

    def _canvas(self, model: Any, view: View) -> _Canvas:
        if model is not self._model:
            self.adopt(model)
        if (view.textures or view.images) and not self._own_textures:
            self._by_use.clear()
            self._own_textures = True
        use = view.size, threading.current_thread()  # an ident may be used again by a later thread
        canvas = self._by_use.get(use)
        if canvas is None:
            key = (self._digest, id(self) if self._own_textures else 0, *use)
            canvas = _ALIVE.get(key)
            if canvas is None:
                canvas = _ALIVE[key] = _Canvas(model, view.size)
            self._by_use[use] = canvas
        return canvas


def place_camera(model: Any, camera: Camera) -> Any:
    """Make MuJoCo's structure of a camera.

    Raises:
        ValueError: the model has no such camera.
    """
    mujoco = load_mujoco()
    placed = mujoco.MjvCamera()
    if isinstance(camera, FixedCamera):
        placed.type = mujoco.mjtCamera.mjCAMERA_FIXED
        placed.fixedcamid = _camera_number(model, camera.id)
        return placed
    placed.type = mujoco.mjtCamera.mjCAMERA_FREE
    placed.lookat[:] = camera.lookat
    placed.distance = camera.distance
    placed.azimuth, placed.elevation = camera.azimuth, camera.elevation
    return placed


def _camera_number(model: Any, camera: int | str) -> int:
    if isinstance(camera, int):
        if not 0 <= camera < model.ncam:
            raise ValueError(f"camera: expected 0 to {model.ncam - 1} (the model's), got {camera}")
        return camera
    names = [model.camera(number).name for number in range(model.ncam)]
    if camera not in names:
        raise ValueError(f"camera: expected one of {', '.join(names)}, got {camera!r}")
    return names.index(camera)


class _Canvas:
    """An OpenGL context holding one model's textures and meshes, with an offscreen buffer of one
    size.

    It is freed with its last reference, if that goes on the thread that made it. On other threads,
    in a forked child and at exit, OpenGL's resources are left to the operating system.
    """

    def __init__(self, model: Any, size: int) -> None:
        mujoco = self._mujoco = load_mujoco()
        self._thread = threading.current_thread()
        self._gl: Any = make_gl_context(size, size)
        # Registered after MuJoCo's own exit handler, which closes the display: called before it.
        atexit.register(_abandon, ref(self))
        offscreen = model.vis.global_
        model_size = offscreen.offwidth, offscreen.offheight
        offscreen.offwidth, offscreen.offheight = size, size
        try:
            with current(self._gl):
                self._context: Any = mujoco.MjrContext(
                    model, mujoco.mjtFontScale.mjFONTSCALE_150.value
                )
                mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        except Exception as error:
            raise no_rendering(error) from error
        finally:
            # Other code that draws this model still gets the buffer size that the model specifies.
            offscreen.offwidth, offscreen.offheight = model_size
        self._scene = mujoco.MjvScene(model, _MOST_GEOMS)
        self._option = mujoco.MjvOption()
        self._option.flags[mujoco.mjtVisFlag.mjVIS_RANGEFINDER] = False  # as dm_control has it
        self._perturb = mujoco.MjvPerturb()
        self._rectangle = mujoco.MjrRect(0, 0, size, size)
        self._images = Images()
        self._pixels = np.empty((size, size, 3), dtype=np.uint8)

    def draw(self, model: Any, data: Any, view: View) -> UInt8[np.ndarray, "size size 3"]:
        """Draw a state of this canvas's model."""
        mujoco, context = self._mujoco, self._context
        camera = place_camera(model, view.camera)
        everything = mujoco.mjtCatBit.mjCAT_ALL
        with changed(model, data, view, camera.fixedcamid):
            mujoco.mjv_updateScene(
                model, data, self._option, self._perturb, camera, everything, self._scene
            )
        with current(self._gl):
            for number in range(model.nhfield):  # terrain may be new in each episode
                mujoco.mjr_uploadHField(model, context, number)
            for number in view.textures:
                mujoco.mjr_uploadTexture(model, context, number)
            self._images.show(model, context, view.images)
            mujoco.mjr_render(self._rectangle, self._scene, context)
            mujoco.mjr_readPixels(self._pixels, None, self._rectangle, context)
        return self._pixels[::-1].copy()  # OpenGL's first row is the bottom one

    def __del__(self) -> None:
        if self.__dict__.get("_context") is None:
            return
        if threading.current_thread() is not self._thread or FORK_GUARD.forked:
            self.abandon()
            return
        with current(self._gl):
            self._context.free()
            self._gl.free()

    def abandon(self) -> None:
        """Make sure that the resources of this canvas are never freed."""
        for thing in (self.__dict__.pop("_context", None), self.__dict__.pop("_gl", None)):
            if thing is not None:
                _keep_for_ever(thing)


_ALIVE: Final[WeakValueDictionary[tuple[bytes, int, int, threading.Thread], _Canvas]] = (
    WeakValueDictionary()
)


def _model_digest(model: Any) -> bytes:
    """A hash of the whole compiled model: equal models have equal textures and meshes."""
    mujoco = load_mujoco()
    content = np.empty(mujoco.mj_sizeModel(model), dtype=np.uint8)
    mujoco.mj_saveModel(model, None, content)
    return hashlib.sha256(content.data).digest()


def _keep_for_ever(thing: object) -> None:
    """Add a reference that is never released, so that the destructor never runs."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _abandon(canvas: ref[_Canvas]) -> None:
    alive = canvas()
    if alive is not None:
        alive.abandon()


def _abandon_in_child() -> None:
    """Let a forked child exit without touching OpenGL, whose threads it did not inherit."""
    if not FORK_GUARD.forked:
        return
    for canvas in list(_ALIVE.values()):
        canvas.abandon()
    egl = sys.modules.get("OpenGL.EGL")
    if egl is not None:
        atexit.unregister(egl.eglTerminate)


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_abandon_in_child)
