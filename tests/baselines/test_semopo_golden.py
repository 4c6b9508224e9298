"""SeMOPO's gradient steps against numbers that its published code produced."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.algorithms.semopo import ALGORITHM, SeparatedNoise, preset  # noqa: E402
from baselines.bench.algorithm import Spaces  # noqa: E402
from baselines.dreamer.batches import Chunk  # noqa: E402
from baselines.dreamer.noise import AgentNoise  # noqa: E402
from tests.baselines import tensorflow_layout as layout  # noqa: E402
from tests.baselines.waves import pixels, uniform, wave  # noqa: E402
from vd4rl_data.registry import get_dataset_spec  # noqa: E402

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "semopo.json").read_text())
SIZES = GOLDEN["sizes"]
B, T, H, K = (SIZES[name] for name in ("batch_size", "length", "horizon", "members"))
ACTIONS = 2
CLOSE: dict[str, float] = {"rtol": 1e-5, "atol": 1e-5}


CONVOLUTIONS = [f"conv{number}" for number in range(4)]
HIDDEN = [f"dense{number}" for number in range(SIZES["layers"])]


def model_places(label: str, encoder: Any, model: Any) -> layout.Places:
    """An encoder and its ensemble."""
    sizes = model.sizes
    rows = layout.embedding_rows(sizes.recurrent, sizes.embedding)
    places = {
        **layout.layer_norm_cell(model.cell),
        **layout.under("img_in", layout.dense(model.inward, missing=ACTIONS - sizes.actions)),
        **layout.under("obs_out", layout.dense(model.observed, rows)),
        **layout.under("obs_dist", layout.dense(model.posterior)),
        **layout.ensemble(model.prior, "img_out", "img_dist"),
    }
    seen = layout.convolutions(encoder, CONVOLUTIONS)
    return layout.under(f"{label}rssm", places) | layout.under(f"{label}encoder", seen)


def decoder_places(decoder: Any) -> layout.Places:
    first = layout.under("convin", layout.dense(decoder.linear))
    return first | layout.convolutions(decoder.convnet, CONVOLUTIONS)


def head_places(network: Any) -> layout.Places:
    return layout.perceptron(network, [*HIDDEN, "out/out"])


def actor_places(network: Any) -> layout.Places:
    """The last layer gives means, then deviations; there they are two."""
    *hidden, last = (each for each in network if isinstance(each, torch.nn.Linear))
    places = layout.perceptron(hidden, HIDDEN)
    for number, name in enumerate(("out/out", "out/std")):
        part = slice(number * ACTIONS, (number + 1) * ACTIONS)
        places[f"{name}/kernel"] = layout.whole(last.weight.data[part].T)
        places[f"{name}/bias"] = layout.whole(last.bias.data[part])
    return places


def places_of(agent: Any) -> layout.Places:
    decoder = agent.decoder
    mask = {
        "mask1/kernel": layout.whole(decoder.mask.weight.data.T[None, None]),
        "mask1/bias": layout.whole(decoder.mask.bias.data),
    }
    return {
        **model_places("", agent.encoder, agent.model),
        **model_places("disen_", agent.exogenous_encoder, agent.exogenous_model),
        **layout.under("image", decoder_places(decoder.endogenous)),
        **layout.under("disen_image", decoder_places(decoder.exogenous)),
        **layout.under("disen_only", decoder_places(agent.exogenous_decoder)),
        **layout.under("mask", mask),
        **layout.under("reward", head_places(agent.reward)),
        **layout.under("actor", actor_places(agent.actor.network)),
        **layout.under("critic", head_places(agent.critic)),
        **layout.under("slow_critic", head_places(agent.slow_critic)),
    }


@pytest.fixture
def agent() -> Any:
    """With the settings of the published commands, but for sizes and free nats."""
    spec = get_dataset_spec("LQVD4RL/walker_walk-random-video_street-64px-v0")
    settings = dataclasses.replace(
        preset("official_code", spec), **SIZES, free_nats=0.0, precision="float32"
    )
    spaces, device = Spaces(3, 64, ACTIONS), torch.device("cpu")
    made = ALGORITHM.agent(settings, spaces, device, torch.Generator().manual_seed(0))
    layout.fill(places_of(made))
    return made


def chunk() -> Chunk:
    frames = torch.from_numpy(pixels((B, T, 64, 64, 3), 0.5)).movedim(-1, -3)
    actions, rewards = wave((B, T, ACTIONS), 0.8, 0.2), wave((B, T), 1.1, 0.4)
    return Chunk(frames, torch.from_numpy(actions), torch.from_numpy(rewards))


def drawn(phase: float) -> Any:
    return torch.from_numpy(uniform((B, T, SIZES["variables"]), phase))


def test_every_variable_of_the_published_code_has_its_place(agent: Any) -> None:
    found = {name: place.shape for name, place in places_of(agent).items()}
    assert found == GOLDEN["shapes"]


def test_gradient_steps_of_both_models(agent: Any) -> None:
    for step, published in enumerate(GOLDEN["model_steps"]):
        golden = dict(published)
        noise = SeparatedNoise(
            members=torch.tensor([(step + t) % K for t in range(T)]),
            latents=drawn(0.3 + step),
            exogenous_members=torch.tensor([(step + 2 * t + 1) % K for t in range(T)]),
            exogenous_latents=drawn(0.6 + step),
        )
        found = {name: float(each) for name, each in agent.update_model(chunk(), noise).items()}
        # The shared picture is in both of its losses, and its exogenous one is told with w.
        both = golden.pop("model_loss") + golden.pop("exogenous_loss")
        expected = both - golden["image_loss"]
        golden["exogenous_image_loss"] /= agent.settings.exogenous_weight
        assert found.pop("model_loss") == pytest.approx(expected, rel=1e-5)
        assert found == pytest.approx(golden, rel=1e-5, abs=1e-5)
    layout.compare(places_of(agent), GOLDEN["after_model_steps"], rtol=1e-5, atol=2e-5)


def test_a_gradient_step_of_actor_and_critic(agent: Any) -> None:
    batch = chunk()
    embeddings = agent.encode(batch.frames.flatten(0, 1)).unflatten(0, (B, T))
    embedded = Chunk(embeddings, batch.actions, batch.rewards)
    noise = AgentNoise(
        members=torch.tensor([(2 * step + 1) % K for step in range(H)]),
        latents=torch.from_numpy(uniform((H, B * T, SIZES["variables"]), 1.2)),
        actions=torch.from_numpy(uniform((H, B * T, ACTIONS), 0.9)),
        posteriors=drawn(7.3),
    )
    found = agent.update_agent(embedded, noise)
    for name in ("actor_loss", "critic_loss", "entropy", "value"):
        assert float(found[name]) == pytest.approx(GOLDEN["agent_step"][name], rel=1e-5), name
    layout.compare(places_of(agent), GOLDEN["after_agent_step"], **CLOSE)
