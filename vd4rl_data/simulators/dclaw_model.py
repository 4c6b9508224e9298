"""The model of the D'Claw, out of the wheel of ROBEL 0.1.2 (Ahn et al., 2019; Apache-2.0).

The wheel asks for packages of 2019, so it is never installed: it is a file that models are read
from. One of its XML files begins with a comment before its declaration, which no parser takes.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from vd4rl_data.errors import MissingRobotError
from vd4rl_data.paths import ROBEL_WHEEL, robel_wheel
from vd4rl_data.simulators.gl import load_mujoco

WHEEL_SHA256: Final = "6f14db7ce37e00e2b9a6ea792fcd5af23e857dea905033531699edb03a86edcc"
_MODEL: Final = "robel/dclaw/assets/dclaw3xh_valve3_v0.xml"
_DECLARATION: Final = re.compile(rb"<\?xml[^>]*\?>")
_FILES: Final = "robel/robel-scenes/dclaw"
"""Where paths of meshes and textures begin, as the model says."""

_DIRECTORIES: Final = ("meshdir", "texturedir")


def load_claw() -> Any:
    """``mujoco.MjModel`` of the D'Claw above a valve of three arms, as the wheel has it.

    Raises:
        MissingRobotError: the wheel is not there, or is another file.
        MissingDependencyError: MuJoCo is not installed.
    """
    mujoco, path = load_mujoco(), robel_wheel()
    check_wheel(path)
    with zipfile.ZipFile(path) as wheel:
        root = _parsed(wheel, _MODEL)
        assets = dict(_assets(wheel, root))
    return mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"), assets)


def check_wheel(path: Path) -> None:
    """Refuse what is not the wheel.

    Raises:
        MissingRobotError: there is no such file, or it has another SHA-256.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MissingRobotError(
            f"{path}: expected the wheel of robel 0.1.2, which has the D'Claw's model, got"
            f" {error.strerror or error}. Fetch it: {' && '.join(wheel_commands(path.parent))}; or"
            f" set {ROBEL_WHEEL} to a copy"
        ) from error
    if found != WHEEL_SHA256:
        raise MissingRobotError(
            f"{path}: expected the wheel of robel 0.1.2, SHA-256 {WHEEL_SHA256}, got a file with"
            f" {found}; fetch it again: {' && '.join(wheel_commands(path.parent))}"
        )


def fetch_commands() -> tuple[str, ...]:
    """What fetches the wheel into its place, on any machine."""
    return wheel_commands('"${VD4RL_DATA_DIR:-$HOME/.cache/vd4rl_data}/wheels"')


def wheel_commands(folder: Path | str) -> tuple[str, ...]:
    """What fetches the wheel into a folder. Versions of pip from 24.1 on refuse its metadata."""
    return (
        "python -m venv old-pip",
        'old-pip/bin/pip install "pip<24.1"',
        f"old-pip/bin/pip download --no-deps robel==0.1.2 --dest {folder}",
    )


def _parsed(wheel: zipfile.ZipFile, name: str) -> ET.Element:
    """A model file with those that it includes in their places."""
    text = _DECLARATION.sub(b"", wheel.read(name))
    root = ET.fromstring(text)  # noqa: S314 - the hash of the wheel is known
    for element in list(root.iter()):
        for attribute in _DIRECTORIES:
            element.attrib.pop(attribute, None)
        element[:] = list(_included(wheel, name, element))
    return root


def _included(wheel: zipfile.ZipFile, name: str, element: ET.Element) -> Iterator[ET.Element]:
    for child in element:
        if child.tag == "include":
            path = posixpath.join(posixpath.dirname(name), child.attrib["file"])
            yield from _parsed(wheel, posixpath.normpath(path))
        else:
            yield child


def _assets(wheel: zipfile.ZipFile, root: ET.Element) -> Iterator[tuple[str, bytes]]:
    """Name and content of each mesh and texture, which the model then calls by these names: robots
    have meshes of the same name in other folders.
    """
    for element in root.iter():
        if "file" in element.attrib:
            path = posixpath.normpath(posixpath.join(_FILES, element.attrib["file"]))
            name = path.replace("/", "_")
            element.set("file", name)
            yield name, wheel.read(path)
