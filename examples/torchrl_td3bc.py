"""TorchRL: its TD3+BC on our batches, as the TensorDicts it expects. Prints a normalized score."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.data import Bounded
from torchrl.modules import ConvNet, ValueOperator
from torchrl.objectives import SoftUpdate, TD3BCLoss, ValueEstimators

import vd4rl_data
from vd4rl_data.pytorch import TensorTransitions, TorchPolicy, TorchTransitions

DATASET = "VD4RL/walker_walk-random-sample-64px-v0"
N_STEP, DISCOUNT = 3, 0.99


class Head(nn.Module):
    """Pixels (B, 9, 64, 64), and actions for a critic, to (B, outputs)."""

    def __init__(self, outputs: int, bound: nn.Module) -> None:
        super().__init__()
        self.pixels = ConvNet(9, num_cells=[32, 32, 32], kernel_sizes=3, strides=2)
        self.out = nn.Sequential(nn.LazyLinear(256), nn.ReLU(), nn.Linear(256, outputs), bound)

    def forward(self, pixels: Tensor, *actions: Tensor) -> Tensor:
        return self.out(torch.cat([self.pixels(pixels / 255), *actions], -1))


def as_tensordict(batch: TensorTransitions) -> TensorDict:
    """TorchRL's layout: what follows a step stands under "next", scalars are (B, 1)."""
    ends = {"terminated": batch.terminated[:, None], "truncated": batch.truncated[:, None]}
    later = {
        "pixels": batch.next_observations,
        "reward": batch.rewards[:, None],  # of N_STEP steps
        "done": ends["terminated"] | ends["truncated"],
        **ends,
    }
    steps = torch.full_like(batch.rewards[:, None], N_STEP)
    now = {"pixels": batch.observations, "action": batch.actions, "steps_to_next_obs": steps}
    return TensorDict({**now, "next": later}, batch_size=len(batch.actions))


def main(updates: int = 200, batch_size: int = 64) -> float:
    torch.manual_seed(0)
    data = vd4rl_data.load_dataset(DATASET)
    batches = TorchTransitions(data, batch_size, 3, N_STEP, DISCOUNT, rng=0, layout="stacked")
    size = data[0].actions.shape[1]
    actor = TensorDictModule(Head(size, nn.Tanh()), in_keys=["pixels"], out_keys=["action"])
    critic = ValueOperator(Head(1, nn.Identity()), in_keys=["pixels", "action"])
    first = as_tensordict(next(batches))
    critic(actor(first))  # lazy layers take their sizes
    loss = TD3BCLoss(actor, critic, action_spec=Bounded(-1, 1, (size,)))
    loss.make_value_estimator(ValueEstimators.TD0, gamma=DISCOUNT)
    targets = SoftUpdate(loss, tau=0.01)
    steps = torch.optim.Adam(loss.parameters(), lr=3e-4)
    for _, batch in zip(range(updates), batches, strict=False):
        values = loss(as_tensordict(batch))
        steps.zero_grad()
        (values["loss_actor"] + values["loss_qvalue"]).backward()
        steps.step()
        targets.step()
    result = vd4rl_data.evaluate(
        TorchPolicy(actor.module, layout="stacked"), DATASET, episodes=1, seed=0, frame_stack=3
    )
    return float(result.normalized(DATASET).mean())


if __name__ == "__main__":
    print(main())
