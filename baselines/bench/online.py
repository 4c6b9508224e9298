"""What a run's curve says of learning online, for results and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vd4rl_data.results import OnlinePoint

Curve = Sequence[Mapping[str, Any]]


def environment_steps(curve: Curve) -> int:
    """Steps of the simulator that a run's data took beside its dataset; 0 for most runs."""
    return int(curve[-1].get("environment_steps") or 0) if curve else 0


def offline_curve(curve: Curve) -> list[Mapping[str, Any]]:
    """The evaluations of what had seen the dataset alone; the last one is the offline point."""
    return [point for point in curve if not point.get("environment_steps")]


def online_curve(curve: Curve) -> list[OnlinePoint]:
    """The offline point and what follows, the last one of each number of environment steps; empty
    for runs that did not play.
    """
    if not environment_steps(curve):
        return []
    *_, start = offline_curve(curve)
    later = {point["environment_steps"]: point for point in curve if point.get("environment_steps")}
    return [
        OnlinePoint(
            environment_steps=point.get("environment_steps", 0),
            mean_return=point["mean_return"],
            success=point.get("success"),
        )
        for point in (start, *later.values())
    ]
