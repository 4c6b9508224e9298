"""What else decides a run's numbers: versions, device, commit, the dataset's own hash."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Any, Final

import torch

from vd4rl_data.dataset import Dataset
from vd4rl_data.processor import find_processor
from vd4rl_data.version import versions_of

_PACKAGES: Final = ("vd4rl-data", "numpy", "torch", "mujoco", "dm_control", "gymnasium")
_ROOT: Final = Path(__file__).parents[1]


def facts_of(dataset: Dataset, device: torch.device) -> dict[str, Any]:
    """Everything, as JSON."""
    return {
        "versions": {"python": platform.python_version(), **versions_of(_PACKAGES)},
        "device": device_name(device),
        "device_type": device.type,
        "processor": find_processor().record(),
        "threads": torch.get_num_threads(),
        "commit": find_commit(),
        "data": _data(dataset),
    }


def device_name(device: torch.device) -> str:
    """The GPU's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({find_processor().name})"


def find_commit() -> str | None:
    """The commit of the clone that this runs from; ``None`` outside of one."""
    try:
        found = subprocess.run(  # noqa: S603 - no input of anybody's
            ["git", "-C", str(_ROOT), "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return found.stdout.strip() or None


def _data(dataset: Dataset) -> dict[str, Any]:
    origins = {manifest.origin for manifest in dataset.manifests}
    hashes = [manifest.content_sha256 for manifest in dataset.manifests]
    return {
        "origin": origins.pop() if len(origins) == 1 else "other",
        "content_sha256": hashes,
        "transitions": dataset.num_transitions,
        "episodes": len(dataset),
        "complete": dataset.complete,
    }
