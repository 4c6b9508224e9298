"""Episodes → parts → dataset file. After a kill at any moment, rerunning gives the same bytes.

    workers ──one atomic part per episode──▶ <name>.h5.parts/ ──final pass──▶ <name>.h5 + sidecar

A part belongs to a recipe: settings, versions and renderer. Parts of another recipe are refused, so
that no dataset ever mixes two recipes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collection.errors import DatasetExistsError, ObjectStoreError, RendererMismatchError
from collection.existing import check_sound, find_existing
from collection.keyframes import warn_about
from collection.plan import DatasetPlan
from collection.progress import EpisodeProgress, FrameProgress
from collection.provenance import deviation_of, noted_deviation, policy_with_deviation
from collection.uploads import Arrivals, PartsUrl, UploadingJob, Uploads
from vd4rl_data.processes import Engine, LocalEngine, Pool
from vd4rl_data.processes.cluster import EngineOf
from vd4rl_data.storage import Manifest, PartStore, StoredDataset, write_dataset
from vd4rl_data.storage.atomic import check_free_space, write_lock
from vd4rl_data.storage.format import STATES_LAYOUT

_PARTS_SHARE: Final = 1 / 3
"""Parts are deflated to an eighth to a third of the pixels they hold."""


@dataclass(frozen=True, slots=True)
class Made:
    """What :func:`make_dataset` did.

    Attributes:
        path: the dataset file.
        manifest: its manifest.
        found: the file existed, complete and undamaged, so nothing was made.
        frames: number of frames (of states: observations) that this run made; earlier runs made the
            others.
        seconds: time that took, in seconds, without the start of the workers.
        workers: number of worker processes that made them.
    """

    path: Path
    manifest: Manifest
    found: bool = False
    frames: int = 0
    seconds: float = 0.0
    workers: int = 0


def make_dataset(
    plan: DatasetPlan,
    *,
    workers: int,
    engine: EngineOf = LocalEngine,
    parts_url: str | None = None,
    overwrite: bool = False,
    show_progress: bool = True,
) -> Made:
    """Find the dataset finished, or make all missing episodes and then the file.

    Args:
        plan: what to make.
        workers: number of worker processes; never more are started than there are episodes.
        engine: where they run.
        parts_url: folder of an object store that finished episodes go through, e.g.
            ``s3://bucket/folder``; by default workers write them beside the file to be made, which
            all of them must see.
        overwrite: make the file again even if it exists.
        show_progress: draw progress bars.

    Raises:
        DatasetExistsError: the existing file was made from another recipe, or is damaged.
        DatasetFormatError: the parts folder holds parts of another recipe.
        DatasetLockedError: another process is making or writing the same file.
        InvalidSettingError, ObjectStoreError: the object store cannot be reached.
        NoSpaceError: the disk has too little free space.
        RendererMismatchError: the workers use different renderers.
        WorkerError: a worker process died. Finished parts are kept, as after any other error.
    """
    existing = None if overwrite else find_existing(plan)
    if existing is not None and len(existing) >= len(plan.lengths):
        check_sound(plan, existing, show_progress=show_progress)
        return Made(plan.path, existing.manifest, found=True)
    place = None if parts_url is None else PartsUrl.of(parts_url, plan.parts_folder)
    return _make(plan, existing, engine(min(workers, len(plan.lengths))), place, show_progress)


def _make(
    plan: DatasetPlan,
    grow_from: StoredDataset | None,
    engine: Engine,
    place: PartsUrl | None,
    show_progress: bool,
) -> Made:
    with write_lock(plan.parts_folder):
        with write_lock(plan.path):
            pass  # fail now, not after an hour of rendering, if another process writes the file
        _check_space(plan)
        job = plan.job if place is None else UploadingJob(plan.job, place)
        with engine.open(job) as pool:
            workers = len(pool.greetings)
            renderer = _common_renderer(pool.greetings)
            store = _open_store(plan, renderer, grow_from)
            uploads = None if place is None else Uploads(place, _recipe(plan, renderer))
            with _resume_hint(plan):
                frames, seconds = _make_parts(plan, store, pool, uploads, show_progress)
        with _resume_hint(plan):
            manifest = _finish(plan, store, renderer, show_progress)
        if uploads is not None and len(uploads.numbers()) <= len(plan.lengths):
            uploads.remove()
        plan.remove_parts()
    return Made(plan.path, manifest, False, frames, seconds, workers)


def _check_space(plan: DatasetPlan) -> None:
    if plan.layout == STATES_LAYOUT:
        return  # a few numbers
    rows = sum(plan.lengths) + len(plan.lengths)
    pixels = rows * plan.spec.size**2 * 3
    have = sum(part.stat().st_size for part in plan.parts_folder.glob("*.h5"))
    check_free_space(plan.path, pixels + max(0, int(pixels * _PARTS_SHARE) - have))


def _common_renderer(found: Sequence[Any]) -> str:
    renderers = sorted({str(renderer) for renderer in found})
    if len(renderers) != 1:
        raise RendererMismatchError(
            f"expected one OpenGL renderer in all worker processes, got {'; '.join(renderers)}; "
            "choose one with MUJOCO_GL, or use one worker"
        )
    return renderers[0]


def _open_store(plan: DatasetPlan, renderer: str, grow_from: StoredDataset | None) -> PartStore:
    if grow_from is not None and grow_from.manifest.provenance.renderer != renderer:
        raise DatasetExistsError(
            f"{plan.path} holds {len(grow_from)} episodes rendered by "
            f"{grow_from.manifest.provenance.renderer!r}; this machine renders with {renderer!r}, "
            "so it cannot add to them. Make all again with --overwrite, or write elsewhere with "
            "--out"
        )
    store = PartStore(plan.parts_folder, _recipe(plan, renderer))
    if grow_from is not None:
        noted = noted_deviation(deviation_of(grow_from.manifest.provenance.behavior_policy))
        for number in store.missing(range(len(grow_from))):
            store.write(number, grow_from.episode(number), noted)
    return store


def _recipe(plan: DatasetPlan, renderer: str) -> Mapping[str, Any]:
    return {**plan.job.part_recipe, "renderer": renderer}


def _make_parts(
    plan: DatasetPlan,
    store: PartStore,
    pool: Pool,
    uploads: Uploads | None,
    show_progress: bool,
) -> tuple[int, float]:
    """Returns the number of frames rendered and the seconds that took."""
    if uploads is not None:
        uploads.fetch_all(store)
    numbers = range(len(plan.lengths))
    missing = store.missing(numbers)
    total = sum(plan.lengths) + len(plan.lengths)
    to_do = sum(plan.lengths[number] + 1 for number in missing)
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

        with _arrivals(uploads, store) as arrive:
            for outcome in pool.map(missing, on_frames):
                arrive(outcome.item)
                progress.add_episode()
    return rendered, time.monotonic() - start


@contextmanager
def _arrivals(uploads: Uploads | None, store: PartStore) -> Generator[Callable[[int], None]]:
    """What to call with each episode that was made; leaving waits for all of their parts."""
    if uploads is None:
        yield lambda _: None
        return
    with Arrivals(uploads, store) as arrivals:
        yield arrivals.expect
        damaged = arrivals.wait()
    if damaged:
        raise ObjectStoreError(
            f"episodes {damaged[:8]}: expected their parts as they were uploaded, got damaged ones;"
            " run the same command again: it makes these anew"
        )


def _finish(plan: DatasetPlan, store: PartStore, renderer: str, show_progress: bool) -> Manifest:
    numbers = range(len(plan.lengths))
    policy = policy_with_deviation(plan.provenance.behavior_policy, map(store.note, numbers))
    warn_about(deviation_of(policy), str(plan.path))
    with EpisodeProgress("writing", len(numbers), show=show_progress) as progress:
        return write_dataset(
            plan.path,
            plan.spec,
            store.episodes(numbers),
            [store.length(number) for number in numbers],
            dataclasses.replace(plan.provenance, renderer=renderer, behavior_policy=policy),
            layout=plan.layout,
            replace=True,  # an existing file was checked before, or is to be made again
            progress=progress.update,
        )


@contextmanager
def _resume_hint(plan: DatasetPlan) -> Generator[None]:
    """Add to any error how many episodes are saved and how to continue."""
    try:
        yield
    except BaseException as error:
        parts = plan.count_parts()
        if parts:
            error.add_note(
                f"{parts} of {len(plan.lengths)} episodes are saved in {plan.parts_folder}; "
                "run the same command again to continue from there."
            )
        raise
