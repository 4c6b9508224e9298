"""Episodes → parts → dataset file. Killed at any moment, the next run ends in the same bytes.

    workers ──one atomic part per episode──▶ <name>.h5.parts/ ──final pass──▶ <name>.h5 + sidecar

A part belongs to a recipe: settings, versions and renderer. Parts of another recipe are refused, so
that no dataset is ever stitched together from two.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collection.errors import DatasetExistsError, RendererMismatchError
from collection.existing import check_sound, find_existing
from collection.progress import EpisodeProgress, FrameProgress
from collection.work import Work
from vd4rl_data.processes import LocalEngine, LocalPool
from vd4rl_data.storage import Manifest, PartStore, StoredDataset, write_dataset
from vd4rl_data.storage.atomic import check_free_space, write_lock

_PARTS_SHARE: Final = 1 / 3
"""Parts are deflated to an eighth to a third of the pixels they hold."""


@dataclass(frozen=True, slots=True)
class Made:
    """What :func:`make_dataset` did.

    Attributes:
        path: the dataset file.
        manifest: its manifest.
        found: it was there already, sound and complete; nothing was made.
        frames: how many frames this run rendered; the others were there.
        seconds: how long that took, without the start of the workers.
        workers: how many worker processes rendered.
    """

    path: Path
    manifest: Manifest
    found: bool = False
    frames: int = 0
    seconds: float = 0.0
    workers: int = 0


def make_dataset(
    work: Work, *, workers: int, overwrite: bool = False, show_progress: bool = True
) -> Made:
    """Find the dataset finished, or make every episode that is missing, and then the file.

    Args:
        work: what to make.
        workers: worker processes; no more are started than there are episodes.
        overwrite: make the file again although it is there.
        show_progress: draw progress bars.

    Raises:
        DatasetExistsError: the file there was made otherwise, or is damaged.
        DatasetFormatError: the parts folder holds parts of another recipe.
        DatasetLockedError: another process makes or writes the same file.
        NoSpaceError: the disk is too small.
        RendererMismatchError: the workers draw with different renderers.
        WorkerError: a worker died. Finished parts stay, in this case as in all others.
    """
    existing = None if overwrite else find_existing(work)
    if existing is not None and len(existing) >= len(work.lengths):
        check_sound(work, existing, show_progress=show_progress)
        return Made(work.path, existing.manifest, found=True)
    return _make(work, existing, min(workers, len(work.lengths)), show_progress)


def _make(work: Work, grow_from: StoredDataset | None, workers: int, show_progress: bool) -> Made:
    with write_lock(work.parts_folder):
        with write_lock(work.path):
            pass  # somebody else's final pass is told now, not after an hour of rendering
        _check_space(work)
        with LocalEngine(workers).open(work.job) as pool:
            renderer = _common_renderer(pool.greetings)
            store = _open_store(work, renderer, grow_from)
            with _resume_hint(work):
                frames, seconds = _make_parts(work, store, pool, show_progress)
        with _resume_hint(work):
            manifest = _finish(work, store, renderer, show_progress)
        work.remove_parts()
    return Made(work.path, manifest, False, frames, seconds, workers)


def _check_space(work: Work) -> None:
    rows = sum(work.lengths) + len(work.lengths)
    pixels = rows * work.spec.size**2 * 3
    have = sum(part.stat().st_size for part in work.parts_folder.glob("*.h5"))
    check_free_space(work.path, pixels + max(0, int(pixels * _PARTS_SHARE) - have))


def _common_renderer(found: Sequence[Any]) -> str:
    renderers = sorted({str(renderer) for renderer in found})
    if len(renderers) != 1:
        raise RendererMismatchError(
            f"expected one OpenGL renderer in all worker processes, got {'; '.join(renderers)}; "
            "choose one with MUJOCO_GL, or use one worker"
        )
    return renderers[0]


def _open_store(work: Work, renderer: str, grow_from: StoredDataset | None) -> PartStore:
    if grow_from is not None and grow_from.manifest.provenance.renderer != renderer:
        raise DatasetExistsError(
            f"{work.path} holds {len(grow_from)} episodes drawn by "
            f"{grow_from.manifest.provenance.renderer!r}; this machine draws with {renderer!r} and "
            "cannot add to them. Make all anew with --overwrite, or write elsewhere with --out"
        )
    store = PartStore(work.parts_folder, {**work.job.part_recipe, "renderer": renderer})
    if grow_from is not None:
        for number in store.missing(range(len(grow_from))):
            store.write(number, grow_from.episode(number))
    return store


def _make_parts(
    work: Work, store: PartStore, pool: LocalPool, show_progress: bool
) -> tuple[int, float]:
    """Returns the number of frames rendered and the seconds that took."""
    numbers = range(len(work.lengths))
    missing = store.missing(numbers)
    total = sum(work.lengths) + len(work.lengths)
    to_do = sum(work.lengths[number] + 1 for number in missing)
    rendered = 0
    start = time.monotonic()
    with FrameProgress(
        episodes=len(numbers),
        done=len(numbers) - len(missing),
        frames=total,
        frames_done=total - to_do,
        show=show_progress,
    ) as progress:

        def on_frames(_episode: Any, count: int) -> None:
            nonlocal rendered
            rendered += count
            progress.add_frames(count)

        for _ in pool.map(missing, on_frames):
            progress.add_episode()
    return rendered, time.monotonic() - start


def _finish(work: Work, store: PartStore, renderer: str, show_progress: bool) -> Manifest:
    numbers = range(len(work.lengths))
    with EpisodeProgress("writing", len(numbers), show=show_progress) as progress:
        return write_dataset(
            work.path,
            work.spec,
            store.episodes(numbers),
            [store.length(number) for number in numbers],
            dataclasses.replace(work.provenance, renderer=renderer),
            replace=True,  # a file that is there was looked at before, or is to be made again
            progress=progress.update,
        )


@contextmanager
def _resume_hint(work: Work) -> Generator[None]:
    """Whatever goes wrong, say what is safe and how to go on."""
    try:
        yield
    except BaseException as error:
        parts = work.count_parts()
        if parts:
            error.add_note(
                f"{parts} of {len(work.lengths)} episodes are safe in {work.parts_folder}; "
                "the same command goes on from there."
            )
        raise
