"""Makes ``lompo.json`` with LOMPO's published code (commit a7ea140), outside the tests.

    tf/bin/python -m tests.baselines.golden.make_lompo CLONE tests/baselines/golden/lompo.json

``CLONE`` is a folder with that repository's files; see :mod:`tensorflow_2` for ``tf``. Sizes are
small; what is random there is given. Three steps of the model; two imagined steps; and, each from
the first weights again, two steps of actor and critics for LOMPO and for COMBO.
"""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tests.baselines.golden.tensorflow_2 import fill, fingerprints, variables_of
from tests.baselines.waves import fingerprint, pixels, wave

SIZES = {
    "members": 3,
    "dimensions": 3,
    "recurrent": 4,
    "hidden": 4,
    "depth": 2,
    "units": 5,
    "batch_size": 2,
    "length": 3,
    "horizon": 2,
    "agent_batch_size": 3,
    "num_actions": 2,
}
B, T, H, K, Z, D, N = (
    SIZES[name]
    for name in (
        "batch_size",
        "length",
        "horizon",
        "members",
        "dimensions",
        "recurrent",
        "agent_batch_size",
    )
)
ACTIONS, STEPS = 2, 3


class Given:
    """What comes in place of random numbers, in the order in which the code asks for it."""

    members: list[int] = []  # noqa: RUF012
    latents: list[object] = []  # noqa: RUF012
    actions: list[object] = []  # noqa: RUF012


def draw_member(_count, *size):
    """One, or a list of one."""
    member = Given.members.pop(0)
    return [member] if size else member


def published(clone: Path):
    """Its main module; nothing of the environments is loaded."""
    sys.path.insert(0, str(clone))
    sys.modules["wrappers"] = types.ModuleType("wrappers")
    module = importlib.import_module("lompo")

    def draw_latent(self, *_args, **_kwargs):
        return self.mean() + self.stddev() * Given.latents.pop(0)

    def draw_action(self, *_args, **_kwargs):
        return self.loc + self.scale * Given.actions.pop(0)

    tfd.MultivariateNormalDiag.sample = draw_latent
    tfd.Normal.sample = draw_action
    tf.random.uniform = lambda *_args, **_kwargs: tf.constant(Given.actions.pop(0))
    np.random.choice = draw_member
    return module


def make_agent(module):
    """With its defaults but for sizes; no data, no files."""
    config = module.define_config()
    config.update(
        deter_size=D,
        stoch_size=Z,
        num_models=K,
        num_units=SIZES["units"],
        cnn_depth=SIZES["depth"],
        horizon=H,
        agent_batch_size=N,
        cql_samples=SIZES["num_actions"],
    )
    agent = module.Lompo.__new__(module.Lompo)
    tf.Module.__init__(agent)
    agent._c, agent._actdim, agent._metrics = config, ACTIONS, {}
    agent.lmbd, agent.alpha = config.lmbd, config.alpha
    agent._model_step, agent._agent_step = 1, 1  # at multiples of 1,000 it writes summaries
    agent._build_model()
    return agent


def modules_of(agent):
    """All that has weights."""
    return {
        "encode": agent._encode,
        "dynamics": agent._dynamics,
        "decode": agent._decode,
        "reward": agent._reward,
        "qf1": agent._qf1,
        "qf2": agent._qf2,
        "target_qf1": agent._target_qf1,
        "target_qf2": agent._target_qf2,
        "actor": agent._actor,
    }


def begin_again(agent):
    """First weights, and optimizers that have seen nothing."""
    for each, rate in ((agent._model_opt, 6e-4), (agent._qf_opt, 3e-4), (agent._actor_opt, 3e-4)):
        each._opt = tf.optimizers.Adam(rate)
    fill(variables_of(modules_of(agent)))


def sequences():
    """Preprocessed, as its data pipeline gives them."""
    return {
        "image": tf.constant(pixels((B, T, 64, 64, 3), 0.5).astype(np.float32) / 255.0 - 0.5),
        "action": tf.constant(wave((B, T, ACTIONS), 0.8, 0.2)),
        "reward": tf.constant(wave((B, T), 1.1, 0.4)),
        "mask": tf.ones((B, T), tf.bool),
    }


def transitions(step):
    """Of the replay: 2 N, half from the data, half imagined."""
    return {
        "obs": tf.constant(wave((2 * N, Z + D), 0.7, 0.1 + step)),
        "actions": tf.constant(wave((2 * N, ACTIONS), 0.6, 0.2 + step)),
        "next_obs": tf.constant(wave((2 * N, Z + D), 0.5, 0.3 + step)),
        "rewards": tf.constant(wave((2 * N, 1), 0.4, 0.4 + step)),
        "terminals": tf.zeros((2 * N, 1)),
    }


def give_model_step(step):
    """For each time step: a prior, whose draw nothing depends on, and a posterior."""
    drawn = wave((B, T, Z), 1.3, 0.3 + step)
    for t in range(T):
        Given.members.append((step + t) % K)
        Given.latents += [drawn[:, t], drawn[:, t]]


def give_future():
    """For each step: an action, draws of all members that nothing depends on, and of one."""
    latents, actions = wave((H, B * T, Z), 1.3, 1.2), wave((H, B * T, ACTIONS), 1.3, 0.9)
    for step in range(H):
        Given.actions.append(actions[step])
        Given.members.append((2 * step + 1) % K)
        Given.latents += [latents[step]] * (K + 1)


def model_losses(agent, step):
    """The parts of the model's loss, of networks as they are."""
    give_model_step(step)
    data = sequences()
    post, prior = agent._dynamics.observe(agent._encode(data), data["action"])
    features = agent._dynamics.get_feat(post)
    distribution = agent._dynamics.get_dist
    parts = {
        "divergence": tfd.kl_divergence(distribution(post), distribution(prior)),
        "image_loss": -agent._decode(features).log_prob(data["image"]),
        "reward_loss": -agent._reward(features).log_prob(data["reward"]),
    }
    return {name: float(tf.reduce_mean(each)) for name, each in parts.items()}


def imagined(agent):
    """What a future adds to the replay."""
    found = []

    class Replay:
        @staticmethod
        def add_samples(*arrays, sample_type):
            assert sample_type == "latent"
            found.append([np.asarray(each) for each in arrays[:4]])

    agent.latent_buffer = Replay
    give_model_step(7)
    give_future()
    agent._generate_latent_data(sequences())
    names = "features", "actions", "next_features", "rewards"
    arrays = [np.concatenate(each).astype(np.float64) for each in zip(*found, strict=True)]
    named = dict(zip(names, arrays, strict=True))
    return {
        **{name: fingerprint(named[name]) for name in names[:3]},
        "rewards": named["rewards"].tolist(),
    }


def agent_steps(agent, alpha):
    """Two steps of actor and critics."""
    begin_again(agent)
    agent.alpha = alpha
    for step in range(2):
        Given.actions.append(wave((SIZES["num_actions"], 2 * N, ACTIONS), 0.9, 0.5 + step))
        agent._agent_train_step(transitions(step))
        agent._update_target_critics()
    return fingerprints(variables_of(modules_of(agent)))


def build(agent):
    """Layers come into being when they are used."""
    give_model_step(0)
    agent._model_train_step(sequences())
    for member in range(K):
        Given.latents.append(np.zeros((1, Z), np.float32))
        agent._dynamics.img_step(agent._dynamics.initial(1), tf.zeros((1, ACTIONS)), k=member)
    agent_steps(agent, 0.0)


def main() -> None:
    """Run the published code and write what it gives."""
    agent = make_agent(published(Path(sys.argv[1])))
    build(agent)
    begin_again(agent)
    variables = variables_of(modules_of(agent))
    golden = {
        "source": "github.com/rmrafailov/LOMPO at a7ea140, run in TensorFlow 2.15.1",
        "sizes": SIZES,
        "shapes": {name: list(each.shape) for name, each in variables.items()},
        "imagined": imagined(agent),
        "model_steps": [],
    }
    for step in range(STEPS):
        golden["model_steps"].append(model_losses(agent, step))
        give_model_step(step)
        agent._model_train_step(sequences())
    golden["after_model_steps"] = fingerprints(variables)
    golden["after_agent_steps"] = agent_steps(agent, 0.0)
    golden["after_combo_steps"] = agent_steps(agent, 2.5)
    Path(sys.argv[2]).write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
