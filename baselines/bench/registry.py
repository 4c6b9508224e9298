"""The table of algorithms, by the name that the command line takes.

:mod:`baselines.algorithms` enters this package's; others add theirs by entry points of
``vd4rl_data.algorithms``, or name them ``module:object``.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import entry_points
from typing import Final

from baselines.bench.algorithm import Algorithm
from baselines.errors import UnknownAlgorithmError

GROUP: Final = "vd4rl_data.algorithms"
"""Entry points whose name is that of an algorithm, and whose value its record."""

ALGORITHMS: Final[dict[str, Algorithm]] = {}


def get_algorithm(name: str) -> Algorithm:
    """Look an algorithm up, by its name or as ``module:object``.

    Raises:
        UnknownAlgorithmError: with the nearest known name, or why it cannot be imported.
    """
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    added = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    path = added.get(name, name)
    if ":" in path:
        return _imported(name, path)
    known = (*ALGORITHMS, *added)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownAlgorithmError(
        f"no algorithm is called {name!r}.{hint} Known: {', '.join(known)}; or name one of your own"
        " as 'module:object'."
    )


def _imported(name: str, path: str) -> Algorithm:
    module, _, attribute = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownAlgorithmError(
            f"algorithm {name!r}: {path} cannot be imported: {error}"
        ) from error
    if not isinstance(found, Algorithm):
        raise UnknownAlgorithmError(
            f"algorithm {name!r}: {path}: expected an Algorithm, got {found!r}"
        )
    return found
