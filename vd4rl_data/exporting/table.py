"""The table of targets: found by name, imported when first needed."""

from __future__ import annotations

import difflib
import importlib
from typing import Final

from vd4rl_data.errors import UnknownFormatError
from vd4rl_data.exporting.target import Target

TARGETS: Final[dict[str, str]] = {
    "minari": "vd4rl_data.exporting.minari:TARGET",
    "torchrl": "vd4rl_data.exporting.torchrl:TARGET",
    "d3rlpy": "vd4rl_data.exporting.d3rlpy:TARGET",
    "lerobot": "vd4rl_data.exporting.lerobot:TARGET",
    "rlds": "vd4rl_data.exporting.rlds:TARGET",
}
"""Name → where its record is."""


def find_target(name: str) -> Target:
    """Look a target up by its name.

    Raises:
        UnknownFormatError: there is no format of this name; the message lists the known ones.
    """
    if name not in TARGETS:
        close = difflib.get_close_matches(name, TARGETS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UnknownFormatError(
            f"nothing is exported for {name!r}.{hint} Known: {', '.join(TARGETS)}."
        )
    module, _, attribute = TARGETS[name].partition(":")
    target: Target = getattr(importlib.import_module(module), attribute)
    return target
