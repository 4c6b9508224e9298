"""What stands around a training loop: numerics as asked for, words for a full memory."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Final

import numpy as np
import torch

from baselines.bench.settings import Machine
from baselines.errors import DeviceMemoryError
from vd4rl_data.processor import warn_about_bfloat16

_NO_HOST_MEMORY: Final = ("can't allocate memory", "not enough memory")
_ADVICE: Final = (
    "memory ran out: close what else uses it, pass --storage stream (frames stay on the "
    "host), or take a smaller batch_size, which changes results. It said: "
)


@contextlib.contextmanager
def numerics(device: torch.device, machine: Machine, precision: str) -> Generator[None]:
    """Set threads, denormals and the precision of products; put them back afterwards.

    Gives a :class:`~vd4rl_data.errors.SlowPrecisionWarning` where the device is slow in it.
    """
    if device.type == "cpu" and precision == "bfloat16":
        warn_about_bfloat16()
    threads, products = torch.get_num_threads(), torch.get_float32_matmul_precision()
    for kind in ("half", "single", "double", "longdouble"):
        np.finfo(kind)  # numpy measures each kind once: before tiny numbers vanish, else it warns
    torch.set_flush_denormal(True)  # vanishing moments of Adam would slow everything down
    if machine.threads is not None:
        torch.set_num_threads(machine.threads)
    try:
        with contextlib.ExitStack() as stack:
            if device.type == "cuda":
                stack.enter_context(torch.cuda.device(device))
                exact = precision == "float32"
                torch.set_float32_matmul_precision("highest" if exact else "high")
                stack.enter_context(
                    torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=not exact)
                )
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.set_float32_matmul_precision(products)


@contextlib.contextmanager
def exact_denormals() -> Generator[None]:
    """Keep tiny numbers for a while inside of :func:`numerics`.

    What flushes them is a mode of the processor's thread, which simulators obey, too: episodes
    played with it need not be those of another process.
    """
    torch.set_flush_denormal(False)
    try:
        yield
    finally:
        torch.set_flush_denormal(True)


@contextlib.contextmanager
def memory_errors() -> Generator[None]:
    """Turn the errors of a full device or host into :class:`DeviceMemoryError`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _explained(error) from error
    except RuntimeError as error:
        if not any(words in str(error) for words in _NO_HOST_MEMORY):
            raise
        raise _explained(error) from error


def _explained(error: BaseException) -> DeviceMemoryError:
    explained = DeviceMemoryError(f"{_ADVICE}{error}")
    for note in getattr(error, "__notes__", ()):
        explained.add_note(note)
    return explained
