"""What agents with a world model have in common: networks, optimizers, saving, acting."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from baselines.bench.algorithm import Spaces
from baselines.bench.policy import View
from baselines.dreamer.descent import ClippedDescent
from baselines.dreamer.latents import Latent
from baselines.dreamer.networks import initialize
from baselines.dreamer.rssm import EnsembleRSSM
from baselines.errors import InvalidSettingError
from baselines.optimization import Average
from vd4rl_data import seeding
from vd4rl_data.seeding import Purpose

Metrics = dict[str, Tensor]
"""Scalars on the device, by name."""

Function = Callable[[Tensor], Tensor]

_NOISE_STEPS: Final = 1000
"""Time steps after which a policy's draws of latent states repeat."""


class DreamerAgent:
    """Networks, optimizers and their state; algorithms add phases.

    Attributes:
        networks, descents: by name, all that is saved.
        averages: by name, targets that follow other networks.
    """

    def __init__(
        self, precision: str, spaces: Spaces, device: torch.device, generator: torch.Generator
    ) -> None:
        """Args:
        precision: of products.
        spaces: what goes in and out.
        device: where everything lives.
        generator: of initial weights, on the CPU: a seed means the same ones everywhere.

        Raises:
            InvalidSettingError: frames are stacked.
        """
        if spaces.channels != 3:
            raise InvalidSettingError(
                f"frame_stack: expected 1, as a world model remembers by itself, got "
                f"{spaces.channels // 3}"
            )
        self.spaces, self.device = spaces, device
        self._precision, self._generator = precision, generator
        self.networks: dict[str, nn.Module] = {}
        self.descents: dict[str, ClippedDescent] = {}
        self.averages: dict[str, Average] = {}

    def add(self, name: str, network: nn.Module) -> None:
        """Initialize a network, move it to the device and let it be saved."""
        initialize(network, self._generator)
        self.networks[name] = network.to(self.device)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Where products are taken in bfloat16, if the settings say so."""
        low = self._precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=low)

    def state(self) -> dict[str, Any]:
        """Everything that the next update depends on, beside batch and noise."""
        return {
            "networks": {name: net.state_dict() for name, net in self.networks.items()},
            "optimizers": {name: each.state_dict() for name, each in self.descents.items()},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """The opposite of :meth:`state`.

        Raises:
            KeyError, RuntimeError, ValueError: it is of other networks.
        """
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, descent in self.descents.items():
            descent.load_state_dict(state["optimizers"][name])

    def tensors(self) -> list[Tensor]:
        """All that updates change, as the very tensors that they change in place."""
        changing = [*self.descents.values(), *self.averages.values()]
        return [tensor for part in changing for tensor in part.tensors()]

    def compile(self) -> None:
        """Let torch fuse what single networks do; parameters keep their names."""
        for network in self.networks.values():
            if not isinstance(network, EnsembleRSSM):  # its loop takes minutes to compile
                network.compile()


class RecurrentPolicy:
    """Acts on a latent state that it carries on, lane by lane.

    Attributes:
        wants_state: whether it is called with proprioception, too.
    """

    def __init__(
        self,
        encode: Callable[[Tensor, Tensor | None], Tensor],
        model: EnsembleRSSM,
        act: Function,
        *,
        draw: bool,
        seed: int | None = None,
        wants_state: bool = False,
    ) -> None:
        """Args:
        encode: uint8 (B, 3, S, S), and proprioception (B, P) or ``None`` → (B, E).
        model: of the world.
        act: features (B, F) → actions (B, A).
        draw: whether latent states are drawn; else their mode is taken. The draws of the t-th time
            step are the same in every episode, so an episode's actions do not depend on which
            others are played beside it.
        seed: of the draws; by default that of every evaluation of every agent.
        wants_state: whether it sees proprioception.
        """
        self.wants_state = wants_state
        self._encode, self._model, self._act = encode, model, act
        self._noise = _fixed_noise(model.latent, model.inward.weight.device, seed) if draw else None
        self._state, self._action, self._step = model.initial(0), torch.empty(0), torch.empty(0)

    @torch.no_grad()
    def __call__(self, view: View) -> Tensor:
        """Actions (B, A)."""
        if len(self._step) != len(view.first):
            self._begin(view.first)
        self._step = torch.where(view.first, 0, self._step)
        noise = None if self._noise is None else self._noise[self._step % _NOISE_STEPS]
        embedding = self._encode(view.observations, view.state)
        self._state = self._model.filtered(self._state, self._action, embedding, view.first, noise)
        self._action = self._act(self._state.features)
        self._step = self._step + 1
        return self._action

    def _begin(self, first: Tensor) -> None:
        lanes = len(first)
        self._state = self._model.initial(lanes)
        self._action = first.new_zeros((lanes, self._model.sizes.actions), dtype=torch.float32)
        self._step = first.new_zeros(lanes, dtype=torch.int64)


def _fixed_noise(latent: Latent, device: torch.device, seed: int | None) -> Tensor:
    """The same on every device, and of every agent."""
    seed = seeding.word(Purpose.AGENT_ACTING) if seed is None else seed
    (noise,) = latent.noise((1, _NOISE_STEPS), torch.Generator().manual_seed(seed))
    return noise.to(device)
