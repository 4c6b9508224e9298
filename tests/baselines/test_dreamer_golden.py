"""Every block against numbers that the published code of Offline DV2 produced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.dreamer.actors import StochasticActor, distribution  # noqa: E402
from baselines.dreamer.cells import LayerNormCell  # noqa: E402
from baselines.dreamer.descent import ClippedDescent  # noqa: E402
from baselines.dreamer.latents import Categorical  # noqa: E402
from baselines.dreamer.losses import (  # noqa: E402
    balanced_divergence,
    image_log_prob,
    lambda_returns,
)
from baselines.dreamer.networks import Decoder, Encoder, Perceptron  # noqa: E402
from baselines.dreamer.penalties import (  # noqa: E402
    log_prob_deviation,
    mean_disagreement,
    squared_disagreement,
)
from baselines.dreamer.rssm import EnsembleRSSM, Sizes  # noqa: E402

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "dreamer.json").read_text())
SMALL = Categorical(3, 4)
CLOSE: dict[str, float] = {"rtol": 1e-5, "atol": 1e-5}


def tensor(values: Any) -> Any:
    return torch.tensor(values, dtype=torch.float32)


def flat(values: Any) -> Any:
    return tensor(values).flatten(-2)


def _fill_dense(layer: Any, weights: dict[str, Any], kernel: str) -> None:
    layer.weight.data.copy_(tensor(weights[kernel]).T)
    layer.bias.data.copy_(tensor(weights[kernel.replace("kernel", "bias")]))


def _fill_cell(cell: LayerNormCell, weights: dict[str, Any]) -> None:
    names = {name.rpartition("/")[2]: name for name in weights if name.startswith("gru_cell")}
    _fill_dense(cell.linear, weights, names["kernel:0"])
    cell.norm.weight.data.copy_(tensor(weights[names["gamma:0"]]))
    cell.norm.bias.data.copy_(tensor(weights[names["beta:0"]]))


def test_the_recurrent_cell() -> None:
    golden = GOLDEN["gru_cell"]
    cell = LayerNormCell(3, 4)
    _fill_cell(cell, golden["weights"])
    found = cell(tensor(golden["x"]), tensor(golden["h"]))
    torch.testing.assert_close(found, tensor(golden["out"]), **CLOSE)


def test_observing() -> None:
    golden = GOLDEN["rssm_discrete_mode"]
    weights, layers = golden["weights"], golden["layer_of_weight"]
    model = EnsembleRSSM(SMALL, Sizes(2, 6, 4, 5, 1), LayerNormCell)
    _fill_cell(model.cell, weights)
    for layer, name in (
        (model.inward, "img_in"),
        (model.observed, "obs_out"),
        (model.posterior, "obs_dist"),
    ):
        _fill_dense(layer, weights, layers[name])
    prior = model.prior
    for number, name in ((1, "img_out_0"), (2, "img_dist_0")):
        kernel = layers[name]
        getattr(prior, f"weight{number}").data[0] = tensor(weights[kernel])
        getattr(prior, f"bias{number}").data[0] = tensor(weights[kernel.replace("kernel", "bias")])
    embed, actions = tensor(golden["embed"]), tensor(golden["action"])
    is_first = torch.tensor(golden["is_first"])
    h = tensor(golden["deter"]).transpose(0, 1)  # time comes first there
    z, post, prior = (
        flat(golden[name]).transpose(0, 1) for name in ("stoch", "post_logit", "prior_logit")
    )
    state = model.initial(2)
    for step in range(3):  # the mode, by the one time step that policies take
        state = model.filtered(state, actions[:, step], embed[:, step], is_first[:, step], None)
        torch.testing.assert_close(state.h, h[:, step], **CLOSE)
        torch.testing.assert_close(state.z, z[:, step], **CLOSE)
    noise = _noise_that_draws(z, post)
    states, posterior = model.observe(embed, actions, noise, is_first)
    torch.testing.assert_close(states.h, h, **CLOSE)
    torch.testing.assert_close(states.z, z, **CLOSE)
    torch.testing.assert_close(posterior, post, **CLOSE)
    found = model.priors(states.h, torch.zeros(3, dtype=torch.int64))
    torch.testing.assert_close(found, prior, **CLOSE)


def _noise_that_draws(z: Any, outputs: Any) -> Any:
    """The middle of what falls to the classes of z."""
    probabilities, chosen = SMALL.probabilities(outputs), z.unflatten(-1, (3, 4)).argmax(-1)
    below = (probabilities * (torch.arange(4) < chosen[..., None])).sum(-1)
    return below + 0.5 * probabilities.gather(-1, chosen[..., None])[..., 0]


@pytest.mark.parametrize("free", [0.0, 1.0, 3.0])
def test_balanced_divergence(free: float) -> None:
    golden = GOLDEN[f"kl_discrete_free{free}"]
    post, prior = (flat(golden[f"{name}_logit"]).requires_grad_() for name in ("post", "prior"))
    loss, mean = balanced_divergence(SMALL, post, prior, 0.8, free)
    values = tensor(golden["value"])
    torch.testing.assert_close(SMALL.divergence(post, prior).detach(), values, **CLOSE)
    torch.testing.assert_close(loss.detach(), tensor(golden["loss"]), **CLOSE)
    torch.testing.assert_close(mean, values.mean(), **CLOSE)
    for name, found in zip(
        ("post", "prior"), torch.autograd.grad(loss, (post, prior)), strict=True
    ):
        torch.testing.assert_close(found, flat(golden[f"grad_{name}"]), **CLOSE)


def test_penalties() -> None:
    golden = GOLDEN["penalty_discrete"]
    outputs, z = flat(golden["ens_logit"]), flat(golden["z"])
    for name, found in (
        ("meandis", mean_disagreement(SMALL, outputs)),
        ("paper_eq1_sum_of_squares", squared_disagreement(SMALL, outputs)),
        ("log_prob_ens", log_prob_deviation(SMALL, outputs, z)),
    ):
        torch.testing.assert_close(found, tensor(golden[name]), **CLOSE)


def test_lambda_returns() -> None:
    golden = GOLDEN["lambda_return"]
    found = lambda_returns(
        *(tensor(golden[name]) for name in ("reward", "value", "bootstrap")),
        golden["disc"],
        golden["lam"],
    )
    torch.testing.assert_close(found, tensor(golden["out"]), **CLOSE)


def test_the_policys_distribution() -> None:
    golden = GOLDEN["trunc_normal_actor"]
    found = distribution(tensor(golden["raw_mean"]), tensor(golden["raw_std"]))
    torch.testing.assert_close(found.mean, tensor(golden["mean_param"]), **CLOSE)
    torch.testing.assert_close(found.mean, tensor(golden["mode"]), **CLOSE)
    torch.testing.assert_close(found.deviation, tensor(golden["std_param"]), **CLOSE)
    torch.testing.assert_close(
        found.log_prob(tensor(golden["action"])), tensor(golden["log_prob"]), **CLOSE
    )
    torch.testing.assert_close(found.entropy(), tensor(golden["entropy"]), **CLOSE)


@pytest.mark.parametrize(
    ("name", "scale"), [("scale1", 1.0), ("scale1e_4", 1e-4), ("scale100", 100.0)]
)
def test_gradient_steps(name: str, scale: float) -> None:
    weight = torch.sin(0.9 * torch.arange(6.0) + 0.3).reshape(2, 3).requires_grad_()
    bias = torch.sin(0.9 * torch.arange(3.0) + 0.9).requires_grad_()
    descent = ClippedDescent([weight, bias], 3e-4)
    for golden in GOLDEN["optimizer"][name]:
        norm = descent.step(scale * (torch.ones(1, 2) @ weight + bias).square().sum())
        torch.testing.assert_close(norm, tensor(golden["norm"]), rtol=1e-5, atol=0.0)
        torch.testing.assert_close(weight.detach(), tensor(golden["w"]), rtol=0.0, atol=1e-6)
        torch.testing.assert_close(bias.detach(), tensor(golden["b"]), rtol=0.0, atol=1e-6)


def test_likelihood_of_images() -> None:
    golden = GOLDEN["image_nll"]
    mean, image = (tensor(golden[name]).movedim(-1, -3) for name in ("mean", "image"))
    torch.testing.assert_close(image_log_prob(mean, image), tensor(golden["log_prob"]))


def test_numbers_of_parameters() -> None:
    """Full-size networks for six action dimensions, on no device."""
    golden = GOLDEN["full_size_counts"]
    with torch.device("meta"):
        encoder = Encoder(64, 48)
        model = EnsembleRSSM(Categorical(), Sizes(6, encoder.size, 200, 200, 7), LayerNormCell)
        networks = {
            "encoder": encoder,
            "rssm": model,
            "decoder": Decoder(model.features, 64, 48),
            "reward_head": Perceptron(model.features, 1, 4, 400),
            "actor_a6": StochasticActor(model.features, 6, 4, 400),
        }
    assert encoder.size == golden["embed"]
    for name, network in networks.items():
        assert sum(each.numel() for each in network.parameters()) == golden[name], name
