"""All algorithms, by the name that the command line takes: one file and one line each."""

from __future__ import annotations

import difflib
from typing import Final

from baselines.algorithm import Algorithm
from baselines.algorithms import bc, cql, drq_bc
from baselines.errors import UnknownAlgorithmError

ALGORITHMS: Final[dict[str, Algorithm]] = {
    "bc": bc.ALGORITHM,
    "drq_bc": drq_bc.ALGORITHM,
    "cql": cql.ALGORITHM,
}


def get_algorithm(name: str) -> Algorithm:
    """Look an algorithm up.

    Raises:
        UnknownAlgorithmError: with the nearest known name.
    """
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    close = difflib.get_close_matches(name, ALGORITHMS, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownAlgorithmError(
        f"no algorithm is called {name!r}.{hint} Known: {', '.join(ALGORITHMS)}."
    )
