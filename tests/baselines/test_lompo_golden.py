"""LOMPO's and COMBO's gradient steps against numbers that the published code produced."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.algorithms.lompo import ALGORITHM, AgentNoise  # noqa: E402
from baselines.bench.algorithm import Spaces  # noqa: E402
from baselines.dreamer.batches import Chunk  # noqa: E402
from baselines.dreamer.imagination import DreamNoise  # noqa: E402
from baselines.dreamer.lompo_settings import preset  # noqa: E402
from baselines.dreamer.noise import ModelNoise  # noqa: E402
from baselines.dreamer.replay import LatentTransitions  # noqa: E402
from tests.baselines import tensorflow_layout as layout  # noqa: E402
from tests.baselines.waves import fingerprint, pixels, wave  # noqa: E402
from vd4rl_data.registry import get_dataset_spec  # noqa: E402

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "lompo.json").read_text())
SIZES = GOLDEN["sizes"]
B, T, H, K = (SIZES[name] for name in ("batch_size", "length", "horizon", "members"))
Z, D, N = (SIZES[name] for name in ("dimensions", "recurrent", "agent_batch_size"))
ACTIONS = 2
CLOSE: dict[str, float] = {"rtol": 1e-5, "atol": 1e-5}


def head_places(network: Any) -> layout.Places:
    layers = sum(isinstance(each, torch.nn.Linear) for each in network)
    return layout.perceptron(network, [*(f"h{number}" for number in range(layers - 1)), "hout"])


def places_of(agent: Any) -> layout.Places:
    model, decoder = agent.model, agent.decoder
    rows = layout.embedding_rows(D, model.sizes.embedding)
    dynamics = {
        **layout.gated_cell(model.cell),
        **layout.under("img1", layout.dense(model.inward)),
        **layout.under("obs1", layout.dense(model.observed, rows)),
        **layout.under("obs2", layout.dense(model.posterior)),
        **layout.ensemble(model.prior, "img2", "img3"),
    }
    seen = layout.convolutions(agent.encoder, ["h1", "h2", "h3", "h4"])
    shown = layout.convolutions(decoder.convnet, ["h2", "h3", "h4", "h5"])
    places = {
        **layout.under("dynamics", dynamics),
        **layout.under("encode", seen),
        **layout.under("decode", layout.under("h1", layout.dense(decoder.linear)) | shown),
        **layout.under("reward", head_places(agent.reward)),
        **layout.under("actor", head_places(agent.actor)),
    }
    for number in range(2):
        label = f"qf{number + 1}"
        places |= layout.under(label, head_places(agent.critics[number]))
        places |= layout.under(f"target_{label}", head_places(agent.slow_critics[number]))
    return places


@pytest.fixture
def make() -> Any:
    """An agent of the published settings, but for sizes."""

    def make(**changes: Any) -> Any:
        settings = dataclasses.replace(
            preset("official_code", get_dataset_spec("VD4RL/walker_walk-random-64px-v0")),
            **SIZES,
            precision="float32",
            penalty_weight=5.0,
            **changes,
        )
        spaces, device = Spaces(3, 64, ACTIONS), torch.device("cpu")
        made = ALGORITHM.agent(settings, spaces, device, torch.Generator().manual_seed(0))
        layout.fill(places_of(made))
        return made

    return make


def wave_tensor(shape: tuple[int, ...], step: float, phase: float) -> Any:
    return torch.from_numpy(wave(shape, step, phase))


def chunk() -> Chunk:
    frames = torch.from_numpy(pixels((B, T, 64, 64, 3), 0.5)).movedim(-1, -3)
    return Chunk(frames, wave_tensor((B, T, ACTIONS), 0.8, 0.2), wave_tensor((B, T), 1.1, 0.4))


def transitions(step: int) -> LatentTransitions:
    return LatentTransitions(
        features=wave_tensor((2 * N, Z + D), 0.7, 0.1 + step),
        actions=wave_tensor((2 * N, ACTIONS), 0.6, 0.2 + step),
        rewards=wave_tensor((2 * N,), 0.4, 0.4 + step),
        next_features=wave_tensor((2 * N, Z + D), 0.5, 0.3 + step),
    )


def test_every_variable_of_the_published_code_has_its_place(make: Any) -> None:
    found = {name: place.shape for name, place in places_of(make()).items()}
    assert found == GOLDEN["shapes"]


def test_gradient_steps_of_the_model(make: Any) -> None:
    agent = make()
    for step, golden in enumerate(GOLDEN["model_steps"]):
        members = torch.tensor([(step + t) % K for t in range(T)])
        noise = ModelNoise(members, wave_tensor((B, T, Z), 1.3, 0.3 + step))
        found = {name: float(each) for name, each in agent.update_model(chunk(), noise).items()}
        for name, value in golden.items():
            assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-5), name
    layout.compare(places_of(agent), GOLDEN["after_model_steps"], rtol=1e-5, atol=2e-5)


def test_an_imagined_future_and_its_penalized_rewards(make: Any) -> None:
    agent, batch = make(), chunk()
    embeddings = agent.encode(batch.frames.flatten(0, 1)).unflatten(0, (B, T))
    with torch.no_grad():
        states, _ = agent.model.observe(embeddings, batch.actions, wave_tensor((B, T, Z), 1.3, 7.3))
    noise = DreamNoise(
        members=torch.tensor([(2 * step + 1) % K for step in range(H)]),
        latents=wave_tensor((H, B * T, Z), 1.3, 1.2),
        actions=wave_tensor((H, B * T, ACTIONS), 1.3, 0.9),
    )
    found, golden = agent.dream(states.features.flatten(0, 1), noise), GOLDEN["imagined"]
    torch.testing.assert_close(found.rewards, torch.tensor(golden["rewards"]), **CLOSE)
    for name in ("features", "actions", "next_features"):
        pair = torch.tensor(fingerprint(getattr(found, name).numpy())), torch.tensor(golden[name])
        torch.testing.assert_close(*pair, **CLOSE, msg=name)


@pytest.mark.parametrize(("name", "alpha"), [("agent", 0.0), ("combo", 2.5)])
def test_gradient_steps_of_actor_and_critics(make: Any, name: str, alpha: float) -> None:
    agent = make(alpha=alpha)
    for step in range(2):
        shape = SIZES["num_actions"], 2 * N, ACTIONS
        uniform = wave_tensor(shape, 0.9, 0.5 + step).transpose(0, 1)
        agent.update_agent(transitions(step), AgentNoise(uniform if alpha else None))
    layout.compare(places_of(agent), GOLDEN[f"after_{name}_steps"], **CLOSE)
