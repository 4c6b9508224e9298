"""Where a policy or a replay comes from: the repository, a path of the user's, or the Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from collection.policy_files import FOLDER, policy_in, shipped_policy
from collection.replay_files import replay_in, shipped_replay
from collection.weight_files import SUFFIX
from vd4rl_data.download.policies import acquire_policies
from vd4rl_data.download.repository import PublishedSource, parse_source
from vd4rl_data.paths import data_dir
from vd4rl_data.suites.policies import find_published, lender_of, policy_name, replay_name

Source = Path | PublishedSource
"""A file, a folder that ``select`` wrote, or a repository of them on the Hub."""

_HUB: str = "hf://"


def parse(text: str) -> Source:
    """A source as command lines name it: a path, or ``hf://USER/NAME[@REVISION]``.

    Raises:
        InvalidSourceError: it begins like a repository and is none.
    """
    return parse_source(text) if text.startswith(_HUB) else Path(text)


def is_one_file(source: Source | None) -> bool:
    """Whether a source can serve one task and one tier alone."""
    return isinstance(source, Path) and not source.is_dir()


def find_policy(source: Source | None, task: str, tier: str, level: float | None) -> Path | None:
    """The file of a policy; ``None`` if there is no source and none comes with the repository.

    What a folder of policies lacks is taken from the repository.

    Raises:
        Vd4rlError: see :func:`vd4rl_data.download.policies.acquire_policies`.
    """
    if source is None:
        shipped = shipped_policy(task, tier, level)
        name = policy_name(lender_of(task, tier, level), tier, level)
        return shipped or _published(name, "policies", ".safetensors")
    name = policy_name(task, tier, level)
    found = _inside(source, name, "policies", lambda folder: policy_in(folder, task, tier, level))
    if isinstance(source, Path) and not found.is_file() and any(source.rglob(f"*{SUFFIX}")):
        return find_policy(None, task, tier, level) or found
    return found


def trained_on(path: Path, source: Source | None, task: str, tier: str, level: float | None) -> str:
    """The task that a policy of :func:`find_policy` was trained on: one may lend it to another."""
    shipped = source is None or path.parent == FOLDER
    return lender_of(task, tier, level) if shipped else task


def find_replay(
    source: Source | None, task: str, level: float | None, behavior: str
) -> Path | None:
    """The file of a replay; as :func:`find_policy`."""
    name = replay_name(task, level, behavior)
    if source is None:
        return shipped_replay(task, level, behavior) or _published(name, "replays", ".h5")
    return _inside(source, name, "replays", lambda folder: replay_in(folder, task, level, behavior))


def _inside(source: Source, name: str, inner: str, place: Callable[[Path], Path]) -> Path:
    if isinstance(source, PublishedSource):
        return place(acquire_policies(source, [name], data_dir()) / inner)
    if not source.is_dir():
        return source
    found = place(source / inner)
    return found if found.is_file() else place(source)


def _published(name: str, inner: str, suffix: str) -> Path | None:
    """A file that is too large for the repository: fetched from the commit that is pinned."""
    shelf = find_published(name)
    if shelf is None:
        return None
    folder = acquire_policies(shelf.source, [name], data_dir(), list_sha256=shelf.list_sha256)
    return folder / inner / f"{name}{suffix}"
