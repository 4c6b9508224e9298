"""Offline DV2's updates against the published code's structure, at the paper's sizes.

    python benchmarks/world_models.py [--rounds 3] [--threads 1] [--parts rssm agent model]
                                      [--batch-size 64] [--quick] [--json FILE]

Both structures have the same weights and get the same batch and noise; they take turns. A round's
ratio is our time / that of the published structure (``benchmarks/published/dreamer.py``: members
one by one at each step, twice in imagination, frames encoded anew in every update).

"rssm" observes 64 x 50 embedded frames and imagines 5 steps of given actions from each, with
gradients for the model and for the actions: no encoder, no decoder, no policy. "agent" is an update
of actor and critic, "model" one of the world model, which takes longest and so has half as many
rounds. The first losses of both structures are compared, too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from baselines.algorithms.offline_dv2 import OfflineDv2, preset
from baselines.bench.algorithm import Spaces
from baselines.bench.guards import numerics
from baselines.bench.settings import Machine
from baselines.dreamer.batches import Chunk, forgotten
from baselines.dreamer.imagination import Dream, dream
from baselines.dreamer.losses import balanced_divergence, image_log_prob, scalar_log_prob
from baselines.dreamer.networks import centered
from baselines.dreamer.noise import AgentNoise, ModelNoise
from benchmarks.published import dreamer as published
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_dataset_spec

CPU = torch.device("cpu")
DATASET = "VD4RL/walker_walk-random-64px-v0"
PARTS = ("rssm", "agent", "model")


def main() -> None:
    arguments = parse_arguments()
    if arguments.quick:
        arguments.rounds, arguments.batch_size = 1, 2
    with numerics(CPU, Machine(threads=arguments.threads), "float32"):
        record: dict[str, Any] = {
            "batch_size": arguments.batch_size,
            "rounds": arguments.rounds,
            "threads": torch.get_num_threads(),
            "processor": find_processor().record(),
            "versions": {"torch": torch.__version__, "python": platform.python_version()},
        }
        pair = Pair(arguments.batch_size, quick=arguments.quick)
        rounds = {**dict.fromkeys(PARTS, arguments.rounds), "model": (arguments.rounds + 1) // 2}
        record["parts"] = {part: pair.measure(part, rounds[part]) for part in arguments.parts}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        record["peak_memory_gigabytes"] = peak / 2**20
    for part, found in record["parts"].items():
        print(
            f"{part:<6} {found['ratio']:.2f} of the published structure's time "
            f"({', '.join(f'{each:.2f}' for each in found['ratios'])}); losses differ by "
            f"{found['relative_difference']:.1e}"
        )
    print(f"peak memory {record['peak_memory_gigabytes']:.1f} GB")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--batch-size", type=int, default=64, help="the paper's is 64")
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how fast")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


class Pair:
    """Both structures on one agent, a batch and its noise."""

    def __init__(self, batch_size: int, *, quick: bool) -> None:
        settings = preset("smoke" if quick else "paper", get_dataset_spec(DATASET))
        settings = dataclasses.replace(settings, batch_size=batch_size, precision="float32")
        generator = torch.Generator().manual_seed(0)
        self.agent = OfflineDv2(settings, Spaces(3, 64, 6), CPU, generator)
        shape = batch_size, settings.length
        self.batch = Chunk(
            torch.randint(0, 256, (*shape, 3, 64, 64), generator=generator, dtype=torch.uint8),
            torch.rand((*shape, 6), generator=generator) * 2.0 - 1.0,
            torch.rand(shape, generator=generator),
        )
        self.embedded = dataclasses.replace(
            self.batch,
            frames=self.agent.encode(self.batch.frames.flatten(0, 1)).unflatten(0, shape),
        )
        self.model_noise: ModelNoise = self.agent.draw_model(0, generator)
        self.agent_noise: AgentNoise = self.agent.draw_agent(0, generator)

    def measure(self, part: str, rounds: int) -> dict[str, Any]:
        """Seconds of both, round by round, and how much their losses differ."""
        calls: tuple[Callable[[], Tensor], ...] = (
            lambda: getattr(self, f"{part}_loss")(naive=True),
            lambda: getattr(self, f"{part}_loss")(naive=False),
        )
        times: list[list[float]] = []
        losses: list[Tensor] = []
        if part != "model":  # which is long enough to be its own warm-up
            for call in calls:
                call()
        for _ in range(rounds):
            losses, seconds = [], []
            for call in calls:
                started = time.perf_counter()
                losses.append(call())
                seconds.append(time.perf_counter() - started)
            times.append(seconds)
        ratios = [ours / theirs for theirs, ours in times]
        theirs, ours = losses
        return {
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "published_seconds": [each[0] for each in times],
            "our_seconds": [each[1] for each in times],
            "relative_difference": float((theirs - ours).abs() / theirs.abs()),
        }

    def observed(self, chunk: Chunk, noise: Tensor, *, naive: bool) -> Any:
        """States, posterior and prior outputs of embedded frames."""
        model, members = self.agent.model, self.model_noise.members
        actions = forgotten(chunk.actions)
        if naive:
            return published.observe(model, chunk.frames, actions, noise, members.tolist())
        states, posterior = model.observe(chunk.frames, actions, noise)
        return states, posterior, model.priors(states.h, members)

    def dreamed(self, states: Any, noise: AgentNoise, act: Any, *, naive: bool) -> Dream:
        """The future from all states."""
        agent = self.agent
        arguments = agent.model, states.flat(), noise, act
        if naive:
            return published.dream(*arguments, partial(published.mean_disagreement, agent.latent))
        return dream(*arguments, agent.penalize)

    def rssm_loss(self, *, naive: bool) -> Tensor:
        """Both halves with their gradients; returns the sum of the losses."""
        agent = self.agent
        states, posterior, prior = self.observed(
            self.embedded, self.model_noise.latents, naive=naive
        )
        loss, _ = balanced_divergence(agent.latent, posterior, prior, 0.8, 0.0)
        actions = (2.0 * self.agent_noise.actions - 1.0).requires_grad_()
        noise = dataclasses.replace(self.agent_noise, actions=actions)
        future = self.dreamed(states, noise, _as_given, naive=naive)
        imagined = future.penalties[1:].mean() + future.features.mean()
        torch.autograd.grad(loss, list(agent.model.parameters()))
        torch.autograd.grad(imagined, actions)
        return (loss + imagined).detach()

    def model_loss(self, *, naive: bool) -> Tensor:
        """An update of the world model without the optimizer, which is the same in both."""
        agent = self.agent
        parameters = agent.descents["model"].parameters
        if not naive:
            loss, _ = agent.model_loss(self.batch, self.model_noise)
        else:
            embedded = dataclasses.replace(self.batch, frames=agent.encoder(self.batch.frames))
            states, posterior, prior = self.observed(embedded, self.model_noise.latents, naive=True)
            loss, _ = balanced_divergence(agent.latent, posterior, prior, 0.8, 1.0)
            pixels = centered(self.batch.frames)
            loss = loss - image_log_prob(agent.decoder(states.features), pixels).mean()
            rewards = agent.reward(states.features)[..., 0]
            loss = loss - scalar_log_prob(rewards, self.batch.rewards).mean()
        torch.autograd.grad(loss, parameters)
        return loss.detach()

    def agent_loss(self, *, naive: bool) -> Tensor:
        """An update of actor and critic without the optimizers."""
        agent, noise = self.agent, self.agent_noise
        with torch.no_grad():
            if naive:
                embedded = dataclasses.replace(self.batch, frames=agent.encode(self.batch.frames))
                states, *_ = self.observed(embedded, noise.posteriors, naive=True)
            else:
                actions = forgotten(self.embedded.actions)
                states, _ = agent.model.observe(self.embedded.frames, actions, noise.posteriors)
        future = self.dreamed(states, noise, agent.sample, naive=naive)
        returns = agent.returns(future, agent.reward(future.features[:-1])[..., 0])
        weights = agent.weights(len(returns))
        actor_loss, _ = agent.actor_loss(future, returns, weights)
        critic_loss, _ = agent.critic_loss(future, returns, weights)
        for name, loss in (("actor", actor_loss), ("critic", critic_loss)):
            torch.autograd.grad(loss, agent.descents[name].parameters)
        return (actor_loss + critic_loss).detach()


def _as_given(_: Tensor, actions: Tensor) -> Tensor:
    """In place of a policy."""
    return actions


if __name__ == "__main__":
    main()
