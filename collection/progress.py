"""Progress bars that move with every frame, since an episode takes many seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

_T = TypeVar("_T")

# tqdm's default lock is a named semaphore; when a process is killed, its clean-up prints a warning.
tqdm.set_lock(threading.RLock())


class FrameProgress:
    """A bar over frames that names the episodes; use it in a ``with`` statement."""

    def __init__(
        self, *, episodes: int, done: int, frames: int, frames_done: int, show: bool = True
    ) -> None:
        """Start at ``done`` of ``episodes`` episodes, ``frames_done`` of ``frames`` frames."""
        self._episodes = episodes
        self._done = done
        self._bar = tqdm(
            total=frames,
            initial=frames_done,
            unit=" frames",
            smoothing=0.1,
            mininterval=0.5,
            disable=not show,
            dynamic_ncols=True,
        )
        self._describe()

    def __enter__(self) -> FrameProgress:
        """Return the bar, which is drawn as soon as it is created."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the bar a last time and close it."""
        self._bar.close()

    def add_frames(self, count: int) -> None:
        """Advance the bar by ``count`` frames."""
        self._bar.update(count)

    def add_episode(self) -> None:
        """Count one more finished episode."""
        self._done += 1
        self._describe()

    def _describe(self) -> None:
        self._bar.set_description(f"episode {self._done}/{self._episodes}", refresh=False)


class EpisodeProgress:
    """A bar over episodes, where each takes milliseconds; use it in a ``with`` statement."""

    def __init__(self, title: str, episodes: int, *, show: bool = True) -> None:
        """Start a bar with this title."""
        self._bar = tqdm(
            total=episodes, desc=title, unit=" episodes", disable=not show, dynamic_ncols=True
        )

    def __enter__(self) -> EpisodeProgress:
        """Return the bar, which is drawn as soon as it is created."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the bar a last time and close it."""
        self._bar.close()

    def update(self, done: int) -> None:
        """Move the bar to ``done`` episodes in all."""
        self._bar.update(done - self._bar.n)


def watched_episodes(title: str, *, show: bool) -> Callable[[Sequence[_T]], Iterator[_T]]:
    """A way to iterate over episodes which draws a bar with this title."""

    def watched(episodes: Sequence[_T]) -> Iterator[_T]:
        with EpisodeProgress(title, len(episodes), show=show) as bar:
            for number, episode in enumerate(episodes, 1):
                yield episode
                bar.update(number)

    return watched
