"""Agents of small networks, and batches for them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.bench.algorithm import Spaces  # noqa: E402
from baselines.bench.phases import PhaseContext  # noqa: E402
from baselines.bench.registry import ALGORITHMS  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.bench.settings import Machine, Protocol, RunSettings  # noqa: E402
from baselines.bench.training import train  # noqa: E402
from tests.baselines import blob  # noqa: E402
from vd4rl_data.frames import FrameArray  # noqa: E402
from vd4rl_data.pytorch import TensorTransitions  # noqa: E402
from vd4rl_data.sampling import Columns  # noqa: E402
from vd4rl_data.spec import DatasetSpec  # noqa: E402

A, B, SIZE, STATE = 2, 6, 16, 3
SPACES = Spaces(channels=9, size=SIZE, action_size=A)
SMALL = {"steps": 10, "batch_size": B, "feature_dim": 8, "hidden_dim": 16}
SMALL_MODEL = {
    "steps": 10,
    "model_steps": 4,
    "batch_size": 2,
    "length": 3,
    "depth": 2,
    "recurrent": 5,
    "hidden": 6,
    "members": 2,
    "units": 7,
    "horizon": 2,
}
SMALL_DISCRETE = {
    **SMALL_MODEL,
    "variables": 2,
    "classes": 3,
    "layers": 1,
    "free_nats": 0.0,
    "slow_every": 2,
}
SMALL_GAUSSIAN = {
    **SMALL_MODEL,
    "dimensions": 4,
    "reward_layers": 1,
    "actor_layers": 1,
    "critic_layers": 1,
    "agent_batch_size": 3,
    "refresh_every": 2,
    "initial_fill": 20,
}
SMALL_JOINT = {
    **{name: value for name, value in SMALL_DISCRETE.items() if name != "model_steps"},
    "offline_steps": 5,
    "updates_per_episode": 2,
}
MODEL_BASED: dict[str, dict[str, Any]] = {
    "offline_dv2": SMALL_DISCRETE,
    "semopo": SMALL_DISCRETE,
    "lompo": SMALL_GAUSSIAN,
    "combo": {**SMALL_GAUSSIAN, "alpha": 2.5, "penalty_weight": 0.0, "num_actions": 2},
    "moto": {**SMALL_JOINT, "cloning_filter": "advantage"},
    "dreamer_v2": SMALL_JOINT,
}
"""Small settings of the algorithms that learn a model, on frames of 64 px."""
MODEL_FREE = [name for name in ALGORITHMS if name not in MODEL_BASED]
PHASES = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name in ALGORITHMS
    for number in range(2 if name in MODEL_BASED else 1)
]
"""Every phase of every algorithm."""

CPU = Machine(device="cpu", workers=1, tensorboard=False)

MakeAgent = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def as_users_run_it(no_type_checks: None) -> None:
    """The library's arrays are checked at run time by its own tests; here that costs an eighth."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def make_agent() -> MakeAgent:
    """An agent by the name of its algorithm, with some settings changed."""

    def make(name: str, *, seed: int = 0, device: str = "cpu", **changes: Any) -> Any:
        algorithm = ALGORITHMS[name]
        settings = dataclasses.replace(small_settings(name), **changes)
        spaces = Spaces(3, 64, A, STATE) if name in MODEL_BASED else SPACES
        generator = torch.Generator().manual_seed(seed)
        return algorithm.agent(settings, spaces, torch.device(device), generator)

    return make


def small_settings(name: str) -> Any:
    """Of ten gradient steps with small networks."""
    return ALGORITHMS[name].settings(**MODEL_BASED.get(name, SMALL))


def dataset_of(name: str) -> DatasetSpec:
    """The toy's dataset that an algorithm can be trained on."""
    return blob.LARGE if name in MODEL_BASED else blob.SPEC


def inputs_of(agent: Any, number: int, count: int, seed: int = 0) -> list[tuple[Any, Any]]:
    """Batches and noise of an agent's phase, on the CPU; all is random."""
    phase, columns = agent.phases()[number], noise_columns(agent.spaces.size, seed)
    rng = np.random.default_rng(seed)
    batches = phase.batches(PhaseContext(dataset=columns, generator=rng, device=agent.device))
    generator = torch.Generator(agent.device).manual_seed(seed)
    return [(_kept(next(batches)), phase.draw(step, generator)) for step in range(count)]


def noise_columns(size: int, seed: int) -> Columns:
    """Two episodes of seven transitions; all is random."""
    rng = np.random.default_rng(seed)
    return Columns(
        frames=FrameArray([rng.integers(0, 256, (16, size, size, 3), np.uint8)]),
        starts=np.array([0, 8, 16]),
        actions=rng.uniform(-1, 1, (16, A)).astype(np.float32),
        rewards=rng.uniform(0, 1, 16).astype(np.float32),
        discounts=np.ones(16, np.float32),
        terminals=np.zeros(16, np.bool_),
        states=rng.normal(0, 1, (16, STATE)).astype(np.float32),
    )


def _kept(batch: Any) -> Any:
    """A batch may lie in memory that the next one is written to."""
    values = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    return dataclasses.replace(
        batch, **{name: each.clone() for name, each in values.items() if each is not None}
    )


def random_batch(seed: int = 0, size: int = B) -> TensorTransitions:
    """Noise in place of observations, and everything else random, too."""
    generator = torch.Generator().manual_seed(seed)

    def pixels() -> Any:
        shape = (size, SPACES.channels, SIZE, SIZE)
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)

    return TensorTransitions(
        observations=pixels(),
        actions=torch.rand((size, A), generator=generator) * 1.6 - 0.8,
        rewards=torch.rand(size, generator=generator),
        next_observations=pixels(),
        discounts=torch.full((size,), 0.97),
        terminated=torch.zeros(size, dtype=torch.bool),
        truncated=torch.zeros(size, dtype=torch.bool),
    )


def without_noise(agent: Any, step: int = 0) -> Any:
    """The noise of a step with nothing in it: no shift, mean actions."""
    noise = agent.draw(step, torch.Generator().manual_seed(0))
    return dataclasses.replace(
        noise, stddev=torch.zeros(()), shifts=torch.full_like(noise.shifts, 4)
    )


def parameters(agent: Any) -> dict[str, Any]:
    """Copies of all weights, by network and name."""
    return {
        f"{name}.{key}": value.detach().clone()
        for name, network in agent.networks.items()
        for key, value in network.named_parameters()
    }


def moved_by(update: Callable[..., Any], agent: Any, given: tuple[Any, Any]) -> set[str]:
    """Names of the networks that one update changes."""
    before = parameters(agent)
    update(*given)
    after = parameters(agent)
    return {key.partition(".")[0] for key in before if not torch.equal(before[key], after[key])}


@pytest.fixture(scope="session")
def blob_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the toy's dataset."""
    folder = tmp_path_factory.mktemp("blob")
    for spec in (blob.SPEC, blob.LARGE):
        blob.make_dataset(folder, spec=spec)
    return folder


@pytest.fixture
def blob_root(blob_folder: Path) -> Iterator[Path]:
    """The same; the toy is in the catalog while a test runs."""
    blob.register()
    yield blob_folder
    blob.unregister()


def run_settings(algorithm: str) -> RunSettings:
    """Ten gradient steps of an algorithm with small networks; two evaluations."""
    return RunSettings(
        algorithm=algorithm,
        dataset=dataset_of(algorithm).name,
        hyperparameters=small_settings(algorithm),
        protocol=Protocol(evaluate_every=5, evaluation_episodes=2, log_every=3),
    )


@pytest.fixture
def settings(blob_root: Path) -> RunSettings:
    """Of DrQ+BC."""
    return run_settings("drq_bc")


@pytest.fixture(scope="session")
def trained(
    blob_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], RunFolder]:
    """The run of an algorithm that was never interrupted; trained once, and must not be changed."""
    folder = tmp_path_factory.mktemp("trained")

    @functools.cache
    def make(algorithm: str) -> RunFolder:
        return train(run_settings(algorithm), folder / algorithm, CPU, root=blob_folder)

    return make


@pytest.fixture
def whole(blob_root: Path, trained: Callable[[str], RunFolder]) -> Callable[..., RunFolder]:
    """The same; the toy is in the catalog, as training needs it."""
    return trained


@pytest.fixture
def run(settings: RunSettings, blob_root: Path, tmp_path: Path) -> Callable[..., RunFolder]:
    """Train into a folder of the given name, with some settings changed."""

    def start(
        name: str,
        *,
        progress: Any = None,
        machine: Machine = CPU,
        algorithm: str | None = None,
        hyper: dict[str, Any] | None = None,
        **changes: Any,
    ) -> RunFolder:
        if algorithm is not None:
            changes.update(
                algorithm=algorithm,
                hyperparameters=small_settings(algorithm),
                dataset=dataset_of(algorithm).name,
            )
        changed = dataclasses.replace(settings, **changes)
        values = dataclasses.replace(changed.hyperparameters, **(hyper or {}))
        changed = dataclasses.replace(changed, hyperparameters=values)
        return train(changed, tmp_path / name, machine, root=blob_root, progress=progress)

    return start
