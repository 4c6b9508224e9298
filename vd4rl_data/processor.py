"""The processor of this machine: its name and capabilities, for records and warnings.

Whether low precision is faster depends on the processor: without instructions for bfloat16,
products are emulated and take several times as long as in float32.
"""

from __future__ import annotations

import functools
import os
import platform
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vd4rl_data.errors import SlowPrecisionWarning

BFLOAT16_FLAGS: Final = ("amx_bf16", "avx512_bf16", "bf16", "svebf16")
"""Linux's names of instructions that multiply bfloat16: the first two of x86, the others of ARM."""

_CPUINFO: Final = Path("/proc/cpuinfo")
_ARITHMETIC: Final = ("amx", "avx", "f16c", "fma", "sse4", "asimd", "sve", "sme", "i8mm", "bf16")
_NAMES: Final = ("model name", "Processor", "Hardware")
_FLAGS: Final = ("flags", "Features")


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor and its capabilities.

    Attributes:
        name: the name that the system reports, else the architecture.
        architecture: e.g. ``x86_64``.
        cores: number of cores that the system reports; ``None`` if it does not.
        flags: extensions for arithmetic (vectors, matrices, half precision), under Linux's names,
            sorted; ``None`` if the system does not list them.
    """

    name: str
    architecture: str
    cores: int | None
    flags: tuple[str, ...] | None

    @property
    def multiplies_bfloat16(self) -> bool | None:
        """Whether it has instructions to multiply bfloat16; ``None`` if that is unknown."""
        if self.flags is None:
            return None
        return any(flag in self.flags for flag in BFLOAT16_FLAGS)

    def record(self) -> dict[str, Any]:
        """All fields as JSON values, for records of benchmarks and training runs."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "cores": self.cores,
            "flags": None if self.flags is None else list(self.flags),
        }


@functools.cache
def find_processor() -> Processor:
    """The processor of this machine."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return parse_cpuinfo(text)


def parse_cpuinfo(text: str) -> Processor:
    """The processor described by the text of Linux's ``/proc/cpuinfo``, as far as it says."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and value.strip():
            fields.setdefault(name.strip(), value.strip())
    name = _first(fields, _NAMES) or platform.processor() or platform.machine() or "unknown"
    flags = _first(fields, _FLAGS)
    kept = None if flags is None else {word for word in flags.split() if _is_arithmetic(word)}
    return Processor(
        name=name,
        architecture=platform.machine() or "unknown",
        cores=os.cpu_count(),
        flags=None if kept is None else tuple(sorted(kept)),
    )


def warn_about_bfloat16(processor: Processor | None = None) -> None:
    """Give a :class:`~vd4rl_data.errors.SlowPrecisionWarning` if bfloat16 is slow here.

    Call it before computing in bfloat16 on a CPU. It is silent if the capabilities are unknown.
    Python shows the same warning only once per process.

    Args:
        processor: the processor to check; by default this machine's.
    """
    found = find_processor() if processor is None else processor
    if found.multiplies_bfloat16 is not False:
        return
    warnings.warn(
        f"precision bfloat16: {found.name} has no instructions for it (looked for "
        f"{', '.join(BFLOAT16_FLAGS)}; found {', '.join(found.flags or ()) or 'nothing similar'}), "
        "so products are emulated and take several times as long as in float32; pass "
        "--precision float32 unless you need exactly the rounding of bfloat16",
        SlowPrecisionWarning,
        stacklevel=2,
    )


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if name in fields), None)


def _is_arithmetic(flag: str) -> bool:
    return flag.startswith(_ARITHMETIC)
