"""Learning at other scales: normalized states and critics, scaled powers of rewards."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from collection.actor import Actor, Layers
from collection.errors import InvalidSettingError
from collection.keeping import keep
from collection.policy_files import read_policy
from collection.sac.kept import read_kept
from collection.sac.mlp import StackedMLP
from collection.sac.normalization import StateStatistics
from collection.sac.settings import TrainSettings
from tests.collection.sac.conftest import take_up_kept

P, A = 5, 2
ALL = {
    "critic_hidden": (24, 8),
    "critic_layer_norm": True,
    "normalize_states": True,
    "reward_scale": 2.0,
    "reward_power": 0.5,
}


def _states(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(count, P)) * [1e-3, 1, 30, 0, 2] + [0, 5, -100, 7, 0]).astype("f4")


def _network(inputs: int, outputs: int, kind: type[Layers] = Layers) -> Layers:
    rng = np.random.default_rng(1)
    sizes = (inputs, 16, 24, outputs)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = tuple(rng.normal(size=shape).astype("f4") for shape in shapes)
    return kind(weights, tuple(rng.normal(size=out).astype("f4") for out, _ in shapes))


def _stacked(layers: Layers, *, layer_norm: bool) -> StackedMLP:
    sizes = (layers.weights[0].shape[1], *map(len, layers.biases))
    network = StackedMLP(1, sizes, torch.device("cpu"), low_precision=False, layer_norm=layer_norm)
    for layer, weight, bias in zip(network.layers, layers.weights, layers.biases, strict=True):
        layer.weight[0], layer.bias[0, 0] = torch.from_numpy(weight), torch.from_numpy(bias)
    return network


@pytest.mark.parametrize("sizes", [(100,), (1, 1, 98), (40, 60), (1,) * 100])
def test_statistics_are_those_of_all_states(sizes: tuple[int, ...]) -> None:
    states, found, row = _states(100), StateStatistics.none(P), 0
    for size in sizes:
        found = found.added(states[row : row + size])
        row += size
    np.testing.assert_allclose(found.mean, states.mean(0, dtype=np.float64), rtol=1e-9)
    spread = np.sqrt(states.var(0, dtype=np.float64) + 1e-4)
    np.testing.assert_allclose(found.deviation, spread, rtol=1e-9)
    again = StateStatistics.from_plain(json.loads(json.dumps(found.plain())))
    np.testing.assert_array_equal(again.mean, found.mean)
    np.testing.assert_array_equal(again.deviation, found.deviation)
    assert again.count == 100


def test_before_two_states_nothing_is_scaled() -> None:
    for found in (StateStatistics.none(P), StateStatistics.none(P).added(_states(1))):
        np.testing.assert_array_equal(found.deviation, np.ones(P))


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("actions", [0, A])
def test_a_folded_network_takes_states_as_they_are(actions: int, layer_norm: bool) -> None:
    """Actors and critics; a critic's actions are not touched."""
    states = _states(200)
    known = StateStatistics.none(P).added(states)
    others = np.random.default_rng(2).uniform(-1, 1, (200, actions)).astype("f4")
    normal = ((states - known.mean) / known.deviation).astype("f4")
    network = _network(P + actions, 3)

    def output(layers: Layers, given: Any) -> torch.Tensor:
        inputs = torch.from_numpy(np.concatenate((given, others), 1))[None]
        return _stacked(layers, layer_norm=layer_norm).forward(inputs).output

    folded = known.folded(network)
    expected = output(network, normal)
    torch.testing.assert_close(output(folded, states), expected, rtol=1e-3, atol=1e-2)
    assert not torch.allclose(output(network, states), expected, rtol=1e-2, atol=1.0)
    back = known.unfolded(folded)
    torch.testing.assert_close(output(back, normal), expected, rtol=1e-3, atol=1e-2)
    assert isinstance(known.folded(_network(P, 2 * A, Actor)), Actor)


@pytest.mark.parametrize("environments", [1, 2])
def test_stopped_and_gone_on_with(training: Any, environments: int) -> None:
    def stop(steps: int, last_return: float) -> None:
        if steps >= 660:
            raise KeyboardInterrupt

    changes = {"environments": environments, **ALL}
    whole = training("whole", **changes)
    with pytest.raises(KeyboardInterrupt):
        training("stopped", progress=stop, **changes)
    again = training("stopped", **changes)
    for step in (600, 800, 1200):
        assert again.actor_path(step).read_bytes() == whole.actor_path(step).read_bytes()


def test_checkpoints_act_on_states_as_they_are(training: Any) -> None:
    """A checkpoint's file gives the actions that the learner's network gives for normal states."""
    run = training("run", steps=600, **ALL)
    state = run.load_state()
    assert state is not None
    known = StateStatistics.from_plain(state["state_statistics"])
    seen = [item.trajectory.recorded()[1][:-1] for item in run.episodes([200, 400, 600])]
    states = np.concatenate(seen)
    assert known.count == len(states)
    np.testing.assert_allclose(known.mean, states.mean(0, dtype=np.float64), rtol=1e-6)
    actor = run.actor(600)
    network = StackedMLP(
        1,
        (actor.state_size, *map(len, actor.biases)),
        torch.device("cpu"),
        low_precision=False,
    )
    network.parameters.copy_(state["learner"]["actor"])
    normal = torch.from_numpy(((states - known.mean) / known.deviation).astype("f4"))
    means = network.forward(normal[None]).output[0, :, : actor.action_size].tanh()
    np.testing.assert_allclose(actor.mode(states), means.numpy(), rtol=1e-3, atol=1e-3)


def test_a_kept_run_is_taken_up_as_it_was(training: Any, tmp_path: Path) -> None:
    run = training("run", steps=600, **ALL)
    keep(run, tmp_path / "kept")
    found = read_kept(tmp_path / "kept")
    assert found.critic_layer_norm
    assert found.critic_hidden == ALL["critic_hidden"] != found.hidden
    assert found.statistics is not None
    later = take_up_kept(
        training, tmp_path / "kept", "later", steps=200, learning_starts=999, **ALL
    )
    before, after = run.load_state(), later.load_state()
    assert before is not None
    assert after is not None
    for name in ("actor", "critics"):
        torch.testing.assert_close(before["learner"][name], after["learner"][name])
    known = StateStatistics.from_plain(after["state_statistics"])
    assert known.count == found.statistics.count + later.curve()[-1]["time_steps"]


@pytest.mark.parametrize(
    ("name", "kept", "given"),
    [
        ("critic_layer_norm", True, False),
        ("critic_layer_norm", False, True),
        ("normalize_states", True, False),
        ("normalize_states", False, True),
        ("reward_scale", 2.0, 1.0),
        ("reward_power", 0.5, 1.0),
    ],
)
def test_a_kept_run_of_another_kind_is_refused(
    training: Any, tmp_path: Path, name: str, kept: Any, given: Any
) -> None:
    keep(training("run", steps=600, **{**ALL, name: kept}), tmp_path / "kept")
    with pytest.raises(InvalidSettingError, match=f"{name}: .* from has {kept}, got {given}"):
        take_up_kept(training, tmp_path / "kept", "later", **{**ALL, name: given})


def test_critics_of_other_widths_begin_anew(training: Any, tmp_path: Path) -> None:
    """They learn while the actor waits, and the actor begins as it was kept."""
    run = training("run", steps=600, **ALL)
    keep(run, tmp_path / "kept")
    changes = {**ALL, "critic_hidden": (8,), "learning_starts": 50, "actor_starts": 50}
    with pytest.raises(
        InvalidSettingError, match=r"critic_hidden: the kept .* \(24, 8\), got \(8,\)"
    ):
        take_up_kept(training, tmp_path / "kept", "refused", **changes)
    changes["actor_starts"] = 999
    later = take_up_kept(training, tmp_path / "kept", "later", steps=400, **changes)
    before, after = run.load_state(), later.load_state()
    assert before is not None
    assert after is not None
    torch.testing.assert_close(before["learner"]["actor"], after["learner"]["actor"])
    assert later.curve()[-1]["updates"] > 0
    keep(later, tmp_path / "again")
    assert read_kept(tmp_path / "again").critic_hidden == (8,)


def test_an_actor_alone_has_no_statistics(training: Any, tmp_path: Path) -> None:
    keep(training("run", steps=600, **ALL), tmp_path / "kept")
    policy = read_policy(tmp_path / "kept" / "actor.safetensors")
    with pytest.raises(InvalidSettingError, match="normalize_states: the run to start from"):
        training("later", start=policy, initial_policy=policy.sha256, normalize_states=True)
    training("plain", start=policy, initial_policy=policy.sha256, steps=200)


def test_the_power_of_rewards_rises(settings: TrainSettings) -> None:
    raised = dataclasses.replace(settings, reward_power=0.25, raise_power=(200, 600))
    powers = [raised.reward_power_at(step) for step in (0, 200, 300, 400, 600, 9999)]
    assert powers == pytest.approx([0.25, 0.25, 0.4375, 0.625, 1.0, 1.0])
    assert dataclasses.replace(raised, raise_power=None).reward_power_at(9999) == 0.25
    for span in ((600, 600), (-1, 600)):
        with pytest.raises(InvalidSettingError, match="raise_power: expected two steps"):
            dataclasses.replace(raised, raise_power=span)


def test_raising_can_be_decided_late_but_not_twice(training: Any, tmp_path: Path) -> None:
    span = (400, 600)
    whole = training("whole", reward_power=0.25, raise_power=span, steps=800)
    training("late", reward_power=0.25, steps=400)
    late = training("late", reward_power=0.25, raise_power=span, steps=800)
    assert late.actor_path(800).read_bytes() == whole.actor_path(800).read_bytes()
    plain = training("plain", reward_power=0.25, steps=800)
    assert plain.actor_path(400).read_bytes() == whole.actor_path(400).read_bytes()
    assert plain.actor_path(800).read_bytes() != whole.actor_path(800).read_bytes()
    with pytest.raises(InvalidSettingError, match=r"raise_power: \[400, 600\] there"):
        training("late", reward_power=0.25, raise_power=(400, 1000), steps=1000)
    keep(whole, tmp_path / "kept")
    assert read_kept(tmp_path / "kept").reward_power == 1.0
