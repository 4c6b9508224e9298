"""Makes ``semopo.json`` with SeMOPO's published code (commit 69afd53), outside the tests.

    tf/bin/python -m tests.baselines.golden.make_semopo CLONE tests/baselines/golden/semopo.json

``CLONE`` is a folder with that repository's files; see :mod:`tensorflow_2` for ``tf``. Sizes are
small; what is random there is given. Three steps of both models, then, from the first weights
again, one of actor and critic.
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
from tests.baselines.waves import pixels, uniform, wave

SIZES = {
    "members": 3,
    "variables": 3,
    "classes": 4,
    "recurrent": 4,
    "hidden": 5,
    "depth": 2,
    "layers": 2,
    "units": 5,
    "batch_size": 2,
    "length": 3,
    "horizon": 5,
}
B, T, H, K = (SIZES[name] for name in ("batch_size", "length", "horizon", "members"))
ACTIONS, STEPS = 2, 3


class Given:
    """What comes in place of random numbers, in the order in which the code asks for it."""

    members: list[int] = []  # noqa: RUF012
    latents: list[object] = []  # noqa: RUF012
    actions: list[object] = []  # noqa: RUF012


def published(clone: Path):
    """The agent's module; of its package, what it needs."""
    folder = clone / "semopo" / "dreamerv2"
    for name, path in (("dreamerv2", folder), ("dreamerv2.common", folder / "common")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
    root, common = sys.modules["dreamerv2"], sys.modules["dreamerv2.common"]
    sys.modules["dreamerv2.expl"] = root.expl = types.ModuleType("dreamerv2.expl")
    root.common = common
    for part in ("config", "tfutils", "dists", "other", "nets"):
        module = importlib.import_module(f"dreamerv2.common.{part}")
        for name, found in vars(module).items():
            if not name.startswith("_"):
                setattr(common, name, found)
    common.dists.OneHotDist.sample = draw_latent
    common.dists.TruncNormalDist.sample = draw_action
    tf.random.uniform = lambda *_args: tf.constant(Given.members.pop(0))
    return importlib.import_module("dreamerv2.agent"), common


def draw_latent(self, *_args, **_kwargs):
    """The first class whose cumulative probability exceeds the given number."""
    probabilities, given = self.probs_parameter(), Given.latents.pop(0)
    below = tf.cast(tf.cumsum(probabilities, -1) <= given[..., None], tf.int32)
    chosen = tf.minimum(tf.reduce_sum(below, -1), probabilities.shape[-1] - 1)
    vectors = tf.one_hot(chosen, probabilities.shape[-1])
    return (vectors + probabilities - tf.stop_gradient(probabilities))[None]


def draw_action(self, *_args, **_kwargs):
    """The given share of what lies between -1 and 1."""
    normal, given = tfd.Normal(self.loc, self.scale), Given.actions.pop(0)
    low, high = normal.cdf(-1.0), normal.cdf(1.0)
    event = normal.quantile(low + given * (high - low))
    held = tf.clip_by_value(event, -1.0 + 1e-6, 1.0 - 1e-6)
    return (event - tf.stop_gradient(event) + tf.stop_gradient(held))[None]


def configuration(common):
    """Of the published commands, for small networks."""
    layers = {"layers": SIZES["layers"], "units": SIZES["units"], "act": "elu", "norm": "none"}
    pictures = {"mlp_keys": "$^", "cnn_keys": "image", "act": "elu", "norm": "none"}
    pictures["cnn_depth"] = SIZES["depth"]

    def optimizer(rate):
        return {"opt": "adam", "lr": rate, "eps": 1e-5, "clip": 100, "wd": 1e-6}

    rssm = {"ensemble": K, "hidden": SIZES["hidden"], "deter": SIZES["recurrent"]}
    rssm |= {"stoch": SIZES["variables"], "discrete": SIZES["classes"]}
    rssm |= {"act": "elu", "norm": "none", "std_act": "sigmoid2", "min_std": 0.1}
    model = {
        "rssm": rssm,
        "encoder": {**pictures, "cnn_kernels": (4, 4, 4, 4)},
        "decoder": {**pictures, "cnn_kernels": (5, 5, 6, 6)},
        "reward_head": {**layers, "dist": "mse"},
        "loss_scales": {"kl": 1.0, "reward": 1.0},
        "kl": {"free": 0.0, "forward": False, "balance": 0.8, "free_avg": True},
        "model_opt": optimizer(3e-4),
        "pred_discount": False,
        "grad_heads": "none",
        "clip_rewards": "identity",
        "separate_wm": True,
        "num_reward_opt_iters": 1,
        "disen_scales": {"reward": 0.0, "disen_only": 1.5, "kl_disen": 1.0},
        "disen_action_type": "none",
    }
    behavior = {
        "actor": {**layers, "dist": "auto", "min_std": 0.1},
        "critic": {**layers, "dist": "mse"},
        "actor_opt": optimizer(8e-5),
        "critic_opt": optimizer(8e-5),
        "discount": 0.99,
        "discount_lambda": 0.95,
        "imag_horizon": H,
        "actor_grad": "auto",
        "actor_ent": 1e-4,
        "slow_target": True,
        "slow_target_update": 100,
        "slow_target_fraction": 1,
        "reward_norm": {"momentum": 1.0, "scale": 1.0, "eps": 1e-8},
        "expl_behavior": "greedy",
        "offline_tune_lmbd": False,
        "offline_lmbd": 5.0,
        "offline_penalty_type": "meandis",
    }
    return common.Config({**model, **behavior})


def data():
    """Sequences that each begin with nothing remembered."""
    return {
        "image": tf.constant(pixels((B, T, 64, 64, 3), 0.5)),
        "action": tf.constant(wave((B, T, ACTIONS), 0.8, 0.2)),
        "reward": tf.constant(wave((B, T), 1.1, 0.4)),
        "is_first": tf.constant([[1.0, 0.0, 0.0]] * B),
        "is_terminal": tf.zeros((B, T), tf.bool),
    }


def give_posterior(members, phase):
    """For each time step: a prior, whose draw nothing depends on, and a posterior."""
    drawn = uniform((B, T, SIZES["variables"]), phase)
    for step in range(T):
        Given.members.append(members[step])
        Given.latents += [drawn[:, step], drawn[:, step]]


def give_model_step(step):
    """Members and draws of both models."""
    give_posterior([(step + t) % K for t in range(T)], 0.3 + step)
    give_posterior([(step + 2 * t + 1) % K for t in range(T)], 0.6 + step)


def give_agent_step():
    """Of the posterior, and of the future."""
    give_posterior([0] * T, 7.3)
    actions = uniform((H, B * T, ACTIONS), 0.9)
    latents = uniform((H, B * T, SIZES["variables"]), 1.2)
    for step in range(H):
        Given.actions.append(actions[step])
        Given.members.append((2 * step + 1) % K)
        Given.latents.append(latents[step])


def modules_of(agent):
    """All that has weights."""
    world, behavior = agent.wm, agent._task_behavior
    return {
        "encoder": world.encoder,
        "rssm": world.rssm,
        "reward": world.heads["reward"],
        "image": world.image_head,
        "disen_encoder": world.disen_encoder,
        "disen_rssm": world.disen_rssm,
        "disen_image": world.disen_image_head,
        "disen_only": world.disen_only_image_head,
        "mask": world.joint_image_head,
        "actor": behavior.actor,
        "critic": behavior.critic,
        "slow_critic": behavior._target_critic,
    }


def make_agent(clone):
    """With weights by their names; what it has learned while they were made is forgotten."""
    module, common = published(clone)

    class Space:
        def __init__(self, *shape):
            self.shape = shape

    spaces = {"image": Space(64, 64, 3)}, {"action": Space(ACTIONS)}
    agent = module.Agent(configuration(common), *spaces, 0)
    give_model_step(0)
    agent.wm.loss(data())
    give_agent_step()
    agent.agent_train(data())
    behavior = agent._task_behavior
    for each in (agent.wm.model_opt, agent.wm.disen_model_opt):
        each._opt = tf.optimizers.Adam(3e-4, epsilon=1e-5)
    for each in (behavior.actor_opt, behavior.critic_opt):
        each._opt = tf.optimizers.Adam(8e-5, epsilon=1e-5)
    fill(variables_of(modules_of(agent)))
    return agent


MODEL = {
    "model_loss": "model_loss",
    "gradient_norm": "model_grad_norm",
    "exogenous_loss": "disen_loss",
    "exogenous_gradient_norm": "disen_grad_norm",
    "image_loss": "image_loss",
    "reward_loss": "reward_loss",
    "divergence": "model_kl",
    "exogenous_image_loss": "disen/disen_only_image_loss",
    "exogenous_divergence": "disen/kl",
}
AGENT = {
    "actor_loss": "actor_loss",
    "critic_loss": "critic_loss",
    "actor_gradient_norm": "actor_grad_norm",
    "critic_gradient_norm": "critic_grad_norm",
    "entropy": "actor_ent",
    "value": "critic",
}


def numbers(metrics, names):
    """Some of what a step tells."""
    return {ours: float(np.mean(np.asarray(metrics[theirs]))) for ours, theirs in names.items()}


def main() -> None:
    """Run the published code and write what it gives."""
    agent = make_agent(Path(sys.argv[1]))
    variables = variables_of(modules_of(agent))
    golden = {
        "source": "github.com/yixiaoshenghua/SeMOPO at 69afd53, run in TensorFlow 2.15.1",
        "sizes": SIZES,
        "shapes": {name: list(each.shape) for name, each in variables.items()},
        "model_steps": [],
    }
    for step in range(STEPS):
        give_model_step(step)
        golden["model_steps"].append(numbers(agent.model_train(data()), MODEL))
    golden["after_model_steps"] = fingerprints(variables)
    fill(variables)
    give_agent_step()
    golden["agent_step"] = numbers(agent.agent_train(data()), AGENT)
    golden["after_agent_step"] = fingerprints(variables)
    Path(sys.argv[2]).write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
