"""Policies as files: read back exactly, refused when anything is wrong with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from collection.actor import Actor
from collection.errors import PolicyFileError
from collection.policy_files import description_path, read_policy, write_policy
from tests.disk import snapshot

LAYOUT = (("orientations", 14), ("height", 1), ("velocity", 9))
P, A = 24, 6
MakeActor = Callable[..., Actor]


@pytest.fixture
def path(tmp_path: Path, make_actor: MakeActor) -> Path:
    path = tmp_path / "walker_walk-medium.safetensors"
    _write(path, make_actor())
    return path


def _write(path: Path, actor: Actor, **fields: Any) -> None:
    given = {"task": "walker_walk", "tier": "medium", "observations": LAYOUT, "training": {"x": 1}}
    write_policy(path, actor, **{**given, **fields})


def test_round_trip(path: Path, make_actor: MakeActor) -> None:
    policy, actor = read_policy(path), make_actor()
    for ours, theirs in zip(policy.actor.weights, actor.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (policy.task, policy.tier, policy.observations) == ("walker_walk", "medium", LAYOUT)
    assert policy.description["sha256"] == policy.sha256
    assert policy.description["training"] == {"x": 1}


def test_same_weights_same_bytes(path: Path, tmp_path: Path, make_actor: MakeActor) -> None:
    other = tmp_path / "other.safetensors"
    _write(other, make_actor())
    assert other.read_bytes() == path.read_bytes()
    _write(other, make_actor(1))
    assert read_policy(other).sha256 != read_policy(path).sha256


def _cut(path: Path, make_actor: MakeActor) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _alter(path: Path, make_actor: MakeActor) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _empty(path: Path, make_actor: MakeActor) -> None:
    path.write_bytes(b"")


def _other_weights(path: Path, make_actor: MakeActor) -> None:
    other = path.with_name("other.safetensors")
    _write(other, make_actor(1))
    other.replace(path)


@pytest.mark.parametrize("damage", [_cut, _alter, _empty, _other_weights])
def test_damaged_weights(
    path: Path, damage: Callable[[Path, MakeActor], None], make_actor: MakeActor
) -> None:
    damage(path, make_actor)
    with pytest.raises(PolicyFileError, match=r"altered or truncated.*expected SHA-256 .* got"):
        read_policy(path)


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    description = json.loads(description_path(path).read_text())
    change(description)
    description_path(path).write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format="x"), "format: expected"),
        (lambda d: d.update(version=2), "version: expected 1, got 2"),
        (lambda d: d.pop("sha256"), "field is missing.*sha256"),
        (lambda d: d.pop("training"), "field is missing.*training"),
        (
            lambda d: d["architecture"].update(hidden=[8, 6]),
            "the architecture is not",
        ),
        (
            lambda d: d["architecture"].update(kind="transformer"),
            "the architecture is not",
        ),
        (lambda d: d.update(observations=3), "has the wrong type"),
        (lambda d: d["observations"].pop(), "15 numbers, the policy takes 24"),
        (lambda d: d.update(task="cheetah_run", observations=[]), "0 numbers"),
        (lambda d: d.update(task="hopper_hop"), "actions of 4 dimensions"),
    ],
)
def test_bad_descriptions(
    path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    _edit(path, change)
    with pytest.raises(PolicyFileError, match=message):
        read_policy(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_descriptions_that_are_none(path: Path, text: str) -> None:
    description_path(path).write_text(text)
    with pytest.raises(PolicyFileError, match="not the description of a behavior policy"):
        read_policy(path)


def test_missing_files(path: Path) -> None:
    description_path(path).unlink()
    with pytest.raises(PolicyFileError, match=r"cannot be read: No such file.*\.json") as caught:
        read_policy(path)
    assert "JSON" not in str(caught.value)
    with pytest.raises(PolicyFileError, match=r"ends in \.safetensors"):
        read_policy(path.with_suffix(".pt"))


def _float64(actor: Actor) -> Actor:
    return Actor(tuple(weight.astype(np.float64) for weight in actor.weights), actor.biases)  # pyright: ignore[reportArgumentType]


def _not_finite(actor: Actor) -> Actor:
    actor.weights[1][0, 0] = np.nan
    return actor


def _no_fit(actor: Actor) -> Actor:
    return Actor(actor.weights[1:], actor.biases[:-1])


def _odd(actor: Actor) -> Actor:
    return Actor(
        (*actor.weights[:-1], actor.weights[-1][1:]), (*actor.biases[:-1], actor.biases[-1][1:])
    )


@pytest.mark.parametrize("spoil", [_float64, _not_finite, _no_fit, _odd])
def test_weights_that_are_no_policy(
    path: Path, spoil: Callable[[Actor], Actor], make_actor: MakeActor
) -> None:
    """Neither written, nor read when somebody else wrote them."""
    spoiled, before = spoil(make_actor()), snapshot(path.parent)
    with pytest.raises(PolicyFileError, match="not the layers of a policy"):
        _write(path, spoiled)
    assert snapshot(path.parent) == before
    content = save(spoiled.tensors())
    path.write_bytes(content)
    _edit(path, lambda d: d.update(sha256=hashlib.sha256(content).hexdigest()))
    with pytest.raises(PolicyFileError, match="not the layers of a policy"):
        read_policy(path)


def test_the_actor_is_a_squashed_gaussian(make_actor: MakeActor) -> None:
    actor = make_actor()
    states = np.random.default_rng(3).normal(size=(4, P)).astype(np.float32)
    samples = np.stack([actor.sample(states, np.random.default_rng(n)) for n in range(4000)])
    assert samples.dtype == np.float32
    assert np.abs(samples).max() <= 1
    hidden = states
    for weight, bias in zip(actor.weights[:-1], actor.biases[:-1], strict=True):
        hidden = np.maximum(hidden @ weight.T + bias, 0)
    out = hidden @ actor.weights[-1].T + actor.biases[-1]
    means, stds = out[:, :A], np.exp(out[:, A:])
    np.testing.assert_allclose(actor.mode(states), np.tanh(means), rtol=1e-5)
    inside = np.abs(samples) < 0.999
    raw = np.arctanh(np.clip(samples, -0.999, 0.999))
    keep = inside.all(0) & (stds < 0.8)
    assert keep.any()
    np.testing.assert_allclose(raw.mean(0)[keep], means[keep], atol=0.06)
    np.testing.assert_allclose(raw.std(0)[keep], stds[keep], rtol=0.1)
