"""What else decides a run's numbers: versions, device, the very sources, the dataset's own hash."""

from __future__ import annotations

import functools
import hashlib
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch

import vd4rl_data
from vd4rl_data.dataset import Dataset
from vd4rl_data.processor import find_processor
from vd4rl_data.seeding import EVALUATION_PROTOCOL
from vd4rl_data.version import versions_of

PACKAGES: Final = ("vd4rl-data", "numpy", "torch", "mujoco", "dm_control", "gymnasium")
_ROOT: Final = Path(__file__).parents[2]
_LIBRARY: Final = Path(vd4rl_data.__file__).parent

NOT_DECIDING: Final = {
    "baselines": (
        "cli.py",
        "commands.py",
        "train_command.py",
        "bench/identity.py",
        "bench/report.py",
        "bench/report_files.py",
        "bench/result.py",
        "bench/sweep.py",
        "bench/sweep_progress.py",
    ),
    "vd4rl_data": ("cli", "formats/export.py", "preview", "progress.py", "report.py", "results"),
}
"""Sources that no number of a run depends on: they show, send, or write down what others made."""


def session_facts(device: torch.device) -> dict[str, Any]:
    """What a process that trains runs on, as JSON; the threads are those set at the moment."""
    return {
        "versions": {"python": platform.python_version(), **versions_of(PACKAGES)},
        "device": device_name(device),
        "device_type": device.type,
        "processor": find_processor().record(),
        "threads": torch.get_num_threads(),
        **code_facts(),
        "evaluation_protocol": EVALUATION_PROTOCOL,
    }


def device_name(device: torch.device) -> str:
    """The GPU's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({find_processor().name})"


@functools.cache
def code_facts() -> dict[str, Any]:
    """The sources that run: ``commit`` (``None`` outside of a clone), ``modified`` (whether files
    differ from that commit), ``code_sha256`` of those that decide numbers.
    """
    commit = _git("rev-parse", "HEAD")
    changes = None if commit is None else _git("status", "--porcelain", "--", *NOT_DECIDING)
    return {
        "commit": commit or None,
        "modified": None if changes is None else bool(changes),
        "code_sha256": hash_sources(),
    }


def hash_sources() -> str:
    """SHA-256 over names and bytes of all sources that decide numbers."""
    digest = hashlib.sha256()
    for name, path in sorted(_sources()):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def data_facts(dataset: Dataset) -> dict[str, Any]:
    """What was trained on, as JSON; a composite has a hash per part."""
    origins = {manifest.origin for manifest in dataset.manifests}
    hashes = [manifest.content_sha256 for manifest in dataset.manifests]
    media = {name: sha for manifest in dataset.manifests for name, sha in manifest.media.items()}
    return {
        "origin": origins.pop() if len(origins) == 1 else "other",
        "content_sha256": hashes,
        "transitions": dataset.num_transitions,
        "episodes": len(dataset),
        "complete": dataset.complete,
        **({"media": media} if media else {}),
    }


def _sources() -> Iterator[tuple[str, Path]]:
    for folder in (_ROOT / "baselines", _LIBRARY):
        left_out = NOT_DECIDING[folder.name]
        for path in folder.rglob("*.py"):
            inside = path.relative_to(folder).as_posix()
            if not f"{inside}/".startswith(tuple(f"{name}/" for name in left_out)):
                yield f"{folder.name}/{inside}", path


def _git(*arguments: str) -> str | None:
    """What git says of this clone; ``None`` without git or outside of a clone."""
    try:
        found = subprocess.run(  # noqa: S603 - no input of anybody's
            ["git", "--no-optional-locks", "-C", str(_ROOT), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return found.stdout.strip() if found.returncode == 0 else None
