"""Behavior cloning in JAX alone: PyTorch is never imported. Prints a normalized score."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import vd4rl_data

DATASET = "VD4RL/walker_walk-random-sample-64px-v0"
RATE = 1e-3


def act(weights: dict[str, jax.Array], frames: jax.Array) -> jax.Array:
    """uint8 (B, 64, 64, 9) → actions (B, A)."""
    pixels = frames.astype(jnp.float32) / 255 - 0.5
    for name in ("low", "high"):
        pixels = jax.nn.relu(
            jax.lax.conv_general_dilated(
                pixels, weights[name], (3, 3), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
        )
    return jnp.tanh(pixels.reshape(len(frames), -1) @ weights["out"])


@jax.jit
def update(
    weights: dict[str, jax.Array], frames: jax.Array, actions: jax.Array
) -> tuple[dict[str, jax.Array], jax.Array]:
    """One step of gradient descent."""
    loss, slopes = jax.value_and_grad(
        lambda weights: jnp.square(act(weights, frames) - actions).mean()
    )(weights)
    return jax.tree.map(lambda weight, slope: weight - RATE * slope, weights, slopes), loss


def main(updates: int = 100, batch_size: int = 128) -> float:
    data = vd4rl_data.load_dataset(DATASET)
    size = data[0].actions.shape[1]
    rng = np.random.default_rng(0)
    weights = {
        name: jnp.asarray(rng.normal(scale=np.prod(shape[:-1]) ** -0.5, size=shape), jnp.float32)
        for name, shape in {
            "low": (5, 5, 9, 32), "high": (5, 5, 32, 32), "out": (36 * 32, size),
        }.items()
    }  # fmt: skip
    batches = data.transitions(batch_size, frame_stack=3, rng=0)
    for _, batch in zip(range(updates), batches, strict=False):
        frames = vd4rl_data.stacked(batch.observations, channels="last")
        weights, loss = update(weights, frames, batch.actions)
        loss.block_until_ready()  # on a CPU, at most one update at a time

    fast = jax.jit(act)

    def policy(observations: np.ndarray) -> np.ndarray:
        return np.asarray(fast(weights, vd4rl_data.stacked(observations, channels="last")))

    result = vd4rl_data.evaluate(policy, DATASET, episodes=1, seed=0, frame_stack=3)
    return float(result.normalized(DATASET).mean())


if __name__ == "__main__":
    print(main())
