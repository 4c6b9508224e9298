"""The package versions that determine the bytes of a dataset."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Final

from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.simulators.table import find_simulator
from vd4rl_data.spec import TaskSpec
from vd4rl_data.version import __version__

_PACKAGES: Final = ("numpy", "gymnasium", "h5py")


def installed_versions(task: TaskSpec) -> dict[str, str]:
    """Versions by package name, ``python`` included: ours and those of the task's simulator.

    Raises:
        MissingDependencyError: a package is not installed.
    """
    versions = {"python": platform.python_version(), "vd4rl_data": __version__}
    for name in dict.fromkeys((*_PACKAGES, *find_simulator(task.simulator).PACKAGES)):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingDependencyError(
                f'{name} is not installed; collecting needs: pip install -e ".[collection]"'
            ) from error
    return versions
