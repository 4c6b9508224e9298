"""The floor: uniformly random actions, with traces, so that there is something to replay."""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass

import numpy as np

from leaderboard.benchmarks import benchmarks
from vd4rl_data.errors import UnknownDatasetError
from vd4rl_data.evaluation import ActionTrace
from vd4rl_data.results import Algorithm, Data, Protocol, Submission, make_submission
from vd4rl_data.results.episodes import protocol_seeds
from vd4rl_data.seeding import EVALUATION_PROTOCOL, Purpose, generator
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec

NAME = "Uniform random"


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """Returns and traces of one seed's episodes, as an evaluation has them."""

    returns: np.ndarray
    traces: tuple[ActionTrace, ...]


def random_policy(benchmark: str, seeds: int, episodes: int) -> Submission:
    """Play uniformly random actions in a benchmark's task, without drawing.

    Args:
        benchmark: one whose task the library simulates.
        seeds: how many runs.
        episodes: per run.

    Raises:
        UnknownDatasetError: no benchmark has this id, or the library cannot simulate its task.
    """
    row = benchmarks().get(benchmark)
    if row is None:
        close = difflib.get_close_matches(benchmark, benchmarks(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UnknownDatasetError(f"{benchmark!r} is no benchmark{hint}")
    if row.task is None:
        raise UnknownDatasetError(f"{benchmark}: the library has no simulation of it")
    with contextlib.closing(Simulation(row.task)) as simulation:
        runs = {seed: play_randomly(simulation, row.task, seed, episodes) for seed in range(seeds)}
    return make_submission(
        Algorithm(name=NAME),
        str(row.id.at(row.sizes[0])),
        runs,
        Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="all"),
        data=Data(origin="none"),
        hyperparameters={"low": -1.0, "high": 1.0},
        note="Learns nothing and uses no data: the floor of the table.",
    )


def play_randomly(simulation: Simulation, task: TaskSpec, seed: int, episodes: int) -> Played:
    """Episodes of uniformly random actions, physics only; a function of the seed alone."""
    returns: list[float] = []
    traces: list[ActionTrace] = []
    reset_seeds = protocol_seeds(EVALUATION_PROTOCOL, seed, episodes)
    for episode, reset_seed in enumerate(reset_seeds):
        rng = generator(Purpose.RANDOM_POLICY, seed, episode)
        shape = (task.time_steps, task.action_size)
        actions = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
        simulation.reset(reset_seed)
        returns.append(sum(simulation.step(action).reward for action in actions))
        traces.append(ActionTrace(reset_seed, actions))
    return Played(np.array(returns, dtype=np.float64), tuple(traces))
