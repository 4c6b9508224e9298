"""Which MuJoCo goes with which dm_control: the pairs that are proved to draw our pixels.

``scripts/pairs.sh`` installs each pair and proves it again; ``docs/fidelity.md`` tells what it
shows. Other pairs crash, or nobody has compared their pixels: they are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from vd4rl_data.errors import IncompatibleVersionsError
from vd4rl_data.version import versions_of

PACKAGES: Final = ("mujoco", "dm_control")
"""The two distributions whose versions make a pair."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Versions that work together and draw a state as :data:`REFERENCE` does, byte for byte.

    Attributes:
        mujoco, dm_control: the versions.
        same_states: whether the same actions lead to the very states of :data:`REFERENCE`. Else
            the last bits differ, and whole episodes may come to differ.
    """

    mujoco: str
    dm_control: str
    same_states: bool = True

    def __str__(self) -> str:
        return f"mujoco {self.mujoco} and dm_control {self.dm_control}"

    @property
    def command(self) -> str:
        """What puts it in the place of another pair, whose dependencies are there already."""
        return f"pip install --no-deps mujoco=={self.mujoco} dm_control=={self.dm_control}"


PAIRS: Final = (
    Pair("3.3.0", "1.0.28"),
    Pair("3.3.1", "1.0.28"),
    Pair("3.3.2", "1.0.28"),
    Pair("3.3.2", "1.0.30"),
    Pair("3.3.3", "1.0.31"),
    Pair("3.3.4", "1.0.31"),
    Pair("3.3.5", "1.0.31"),
    Pair("3.3.6", "1.0.34", same_states=False),
    Pair("3.3.7", "1.0.34", same_states=False),
    Pair("3.4.0", "1.0.34", same_states=False),
    Pair("3.4.0", "1.0.36", same_states=False),
)
"""From the oldest to the newest; ``pyproject.toml`` allows the versions in between."""

REFERENCE: Final = PAIRS[0]
"""The pair that the recorded data, the golden files and the tests are made with."""

_USES_IN1D: Final = {pair.dm_control for pair in PAIRS[:-1]}
"""Versions of dm_control whose quadruped calls ``numpy.in1d``, which numpy 2.4 no longer has."""


def installed_pair() -> Pair:
    """The pair that is installed.

    Raises:
        IncompatibleVersionsError: one of the two is missing, or they are no pair of :data:`PAIRS`;
            the message names the one to install.
    """
    found = versions_of(PACKAGES)
    for pair in PAIRS:
        if found == {"mujoco": pair.mujoco, "dm_control": pair.dm_control}:
            return pair
    here = " and ".join(f"{name} {found.get(name, '(not installed)')}" for name in PACKAGES)
    advice = nearest_pair(found.get("mujoco"), found.get("dm_control"))
    raise IncompatibleVersionsError(
        f"{here}: expected two versions that are proved to draw our pixels, such as {advice}:"
        f" `{advice.command}`. All such pairs: {describe_pairs()}."
    )


def describe_installed(packages: Iterable[str]) -> str:
    """Which versions of a simulator's packages are installed, and what is wrong with them, if so.

    Args:
        packages: of the simulator, see :attr:`~vd4rl_data.simulators.Simulator.PACKAGES`.
    """
    wanted = tuple(packages)
    found = versions_of(wanted)
    shown = ", ".join(f"{name} {found.get(name, '(not installed)')}" for name in wanted)
    if set(PACKAGES) <= found.keys():
        try:
            installed_pair()
        except IncompatibleVersionsError as error:
            return str(error)
    return shown


def nearest_pair(mujoco: str | None, dm_control: str | None) -> Pair:
    """The pair to install: the newest with this MuJoCo, else with this dm_control, else
    :data:`REFERENCE`.
    """
    newest_first = PAIRS[::-1]
    same_mujoco = [pair for pair in newest_first if pair.mujoco == mujoco]
    same_control = [pair for pair in newest_first if pair.dm_control == dm_control]
    return next(iter(same_mujoco or same_control), REFERENCE)


def describe_pairs() -> str:
    """Each version of dm_control with the MuJoCo that it goes with, in one line."""
    goes_with: dict[str, list[str]] = {}
    for pair in PAIRS:
        goes_with.setdefault(pair.dm_control, []).append(pair.mujoco)
    return "; ".join(f"dm_control {old} with mujoco {', '.join(n)}" for old, n in goes_with.items())


def same_states(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether the same actions lead to the same states, bit for bit, on one kind of processor.

    Both map packages to versions, as manifests and result files do. What is missing is unknown,
    and nothing is known of pairs that are not in :data:`PAIRS`.
    """
    ours, theirs = ([versions.get(name) for name in PACKAGES] for versions in (one, other))
    if None in ours or None in theirs:
        return False
    faithful = [[pair.mujoco, pair.dm_control] for pair in PAIRS if pair.same_states]
    return ours == theirs or (ours in faithful and theirs in faithful)


def states_drift(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether both are pairs of :data:`PAIRS`, and not :func:`same_states`: then episodes of the
    same actions are known to differ, and nobody is to blame.
    """
    known = [{"mujoco": pair.mujoco, "dm_control": pair.dm_control} for pair in PAIRS]
    pairs = [{name: versions.get(name) for name in PACKAGES} for versions in (one, other)]
    return all(pair in known for pair in pairs) and not same_states(one, other)


def check_domain(domain: str) -> None:
    """Refuse the one domain of the suite that needs an older numpy than is installed.

    Raises:
        IncompatibleVersionsError: naming what to install.
    """
    pair = installed_pair()
    if domain == "quadruped" and pair.dm_control in _USES_IN1D and not hasattr(np, "in1d"):
        raise IncompatibleVersionsError(
            f"quadruped: dm_control {pair.dm_control} calls numpy.in1d, which numpy"
            f' {np.__version__} does not have: `pip install "numpy<2.4"`, or {PAIRS[-1]}:'
            f" `{PAIRS[-1].command}`."
        )
