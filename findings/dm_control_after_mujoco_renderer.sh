#!/usr/bin/env bash
# dm_control 1.0.28 with mujoco 3.3.0 under EGL: once a mujoco.Renderer has drawn on the same thread,
# Physics.render of a physics that has drawn before gives wrong pictures, without an error.
#
# Observed: two programs in one process, each valid: a dm_control physics draws (cheetah run, mean gray
# level 79), a mujoco.Renderer draws a sphere, the physics draws again: nearly white (mean 253), and so are
# all its later pictures, while the Renderer's stay right. dm_control notes which of its OpenGL contexts it
# made current on a thread and does not ask OpenGL again; the Renderer makes its own current, so the physics
# draws there, with numbers of buffers and textures that belong to another context. A physics that draws
# for the first time afterwards is right, since making its context makes it current. At exit dm_control also
# reports EGL_BAD_DISPLAY, ignored: MuJoCo's handler has closed the display that both of them share.
# Remedy: whoever draws beside dm_control makes the context current again that was before.
#
# Needs EGL (Mesa's software renderer will do). Exits with 0 while this is so, with 1 once it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  mujoco==3.3.0 dm_control==1.0.28 numpy==2.3.5 PyOpenGL==3.1.10
MUJOCO_GL=egl PYOPENGL_PLATFORM=egl "$folder/venv/bin/python" - 2>"$folder/errors" <<'PYTHON' || { tail -n 3 "$folder/errors"; exit 1; }
import platform
from importlib.metadata import version

import mujoco
import numpy
from dm_control import suite
from OpenGL import EGL

packages = ", ".join(f"{name} {version(name)}" for name in ("mujoco", "dm_control", "numpy"))
print(f"Python {platform.python_version()}, {packages}")


def make_physics():
    environment = suite.load("cheetah", "run", task_kwargs={"random": 1})
    environment.reset()
    return environment.physics


physics = make_physics()
first = physics.render(64, 64, camera_id=0)
assert numpy.array_equal(physics.render(64, 64, camera_id=0), first), "it repeats itself"

model = mujoco.MjModel.from_xml_string(
    "<mujoco><worldbody><light pos='0 0 3'/><geom size='.5' rgba='1 0 0 1'/></worldbody></mujoco>"
)
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 64, 64)
renderer.update_scene(data)
sphere = renderer.render()

second = physics.render(64, 64, camera_id=0)
renderer.update_scene(data)
assert numpy.array_equal(renderer.render(), sphere), "the Renderer is right all the time"
assert numpy.array_equal(make_physics().render(64, 64, camera_id=0), first), "a new one is right"
print(f"dm_control's picture, mean gray level: {first.mean():.1f} before, {second.mean():.1f} after")
if numpy.array_equal(first, second):
    raise SystemExit("changed: the same picture before and after the Renderer drew")

again = make_physics()
again.render(64, 64, camera_id=0)
display, context = EGL.eglGetCurrentDisplay(), EGL.eglGetCurrentContext()
renderer.update_scene(data)
renderer.render()
EGL.eglMakeCurrent(display, EGL.EGL_NO_SURFACE, EGL.EGL_NO_SURFACE, context)
assert numpy.array_equal(again.render(64, 64, camera_id=0), first), "the remedy"
print("as observed: another picture of the same state, no error; with the context put back, the same")
PYTHON
