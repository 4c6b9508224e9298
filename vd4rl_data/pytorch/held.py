"""Frames in memory, in the layout of the batches, so that making a batch is plain copying."""

from __future__ import annotations

import logging
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.frames import FrameArray
from vd4rl_data.memory import available_memory
from vd4rl_data.sampling.buffers import aligned_empty
from vd4rl_data.stacks import channels_before

LEAST_MEMORY: Final = 2**30
"""With less than this available no further frames are held."""

_CHECK_BYTES: Final = 2**28
_LOGGER: Final = logging.getLogger("vd4rl_data")


class HeldFrames:
    """Some frames of a dataset, copied to memory one by one when they are first asked for.

    Nothing is read ahead: the first batch comes at once, and a short run takes what it uses. Where
    memory gets scarce the rest stays in the file and is brought into the layout in each batch.

    Pickled without what it holds.
    """

    def __init__(
        self, frames: FrameArray, rows: NDArray[np.int64], *, channels_first: bool
    ) -> None:
        """Reserve room; the system gives it page by page, as it is written to.

        Args:
            frames: where they come from.
            rows: which of them may be asked for.
            channels_first: (3, H, W) instead of (H, W, 3).

        Raises:
            MemoryError: the system refuses.
        """
        self._frames = frames
        self._rows = rows
        self._channels_first = channels_first
        self._reserve()

    def _reserve(self) -> None:
        height, width, channels = self._frames.shape[1:]
        first = self._channels_first
        self._frame_shape = (channels, height, width) if first else (height, width, channels)
        self._frame_bytes = height * width * channels
        memory = aligned_empty(len(self._rows) * self._frame_bytes)
        self._held = memory.reshape(len(self._rows), *self._frame_shape)
        self._is_held = np.zeros(len(self._rows), np.bool_)
        self._places = np.full(len(self._frames), -1, np.int64)
        self._places[self._rows] = np.arange(len(self._rows))
        self._unchecked = 0
        self._full = False

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, H, W) or (N, H, W, 3); N counts all frames of the dataset."""
        return (len(self._frames), *self._frame_shape)

    @property
    def address(self) -> int:
        """Where the first frame lies in memory."""
        return self._held.ctypes.data

    @property
    def nbytes(self) -> int:
        """Bytes of the frames that are held by now."""
        return int(np.count_nonzero(self._is_held)) * self._frame_bytes

    def fetch(self, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        """Copy frames ``rows``, of any shape, to C-contiguous ``out``.

        Several threads may do so at once: at worst a frame is copied to its place twice.
        """
        places = self._places[rows]
        known = self._is_held[places]
        if not known.all() and not self._full:
            self._hold(np.unique(rows[~known]))
            known = self._is_held[places]
        if known.all():
            # "clip" never clips here; "raise" would make numpy fill a second buffer first.
            self._held.take(places, 0, out, "clip")
            return
        flat = out.reshape(-1, *self._frame_shape)
        flat[known.ravel()] = self._held[places[known]]
        flat[~known.ravel()] = self._read(rows[~known])

    def _hold(self, rows: NDArray[np.int64]) -> None:
        if self._unchecked >= _CHECK_BYTES:
            self._unchecked = 0
            available = available_memory()
            if available is not None and available < LEAST_MEMORY:
                self._full = True
                _LOGGER.warning(
                    "memory is scarce: of %.1f GB of frames %.1f GB are held, the rest is read "
                    "from the file again and again, which is slower",
                    self._held.nbytes / 1e9,
                    self.nbytes / 1e9,
                )
                return
        self._unchecked += len(rows) * self._frame_bytes
        places = self._places[rows]
        self._held[places] = self._read(rows)
        self._is_held[places] = True  # last: another thread may look

    def _read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        read = self._frames.take(rows)
        return channels_before(read) if self._channels_first else read

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("_frames", "_rows", "_channels_first")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reserve()
