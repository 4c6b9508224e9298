"""Playing episodes with a policy, with identical results for any number of processes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray
from tqdm import tqdm

from vd4rl_data import seeding
from vd4rl_data.arguments import checked_count, shown
from vd4rl_data.envs.lanes import LaneStep, LocalLanes, Start, WorkerLanes, open_lanes
from vd4rl_data.envs.registration import EnvOrId, find_env_specs
from vd4rl_data.envs.shown_media import media_of
from vd4rl_data.errors import InvalidArgumentError
from vd4rl_data.evaluation.policy import ActionTrace, Evaluation, Policy
from vd4rl_data.simulators.actions import checked_actions, to_array


def episode_seed(seed: int, episode: int) -> int:
    """The seed that the environment of one episode is reset with, in [0, 2**32).

    It is the first word of the stream ``EVALUATION_EPISODE`` of :mod:`vd4rl_data.seeding` and
    depends on nothing else, so an episode is the same in any group or process. No episode of the
    data or of a behavior policy's training starts from the same seed.
    """
    return seeding.word(seeding.Purpose.EVALUATION_EPISODE, seed, episode)


def evaluate(
    policy: Policy,
    env_or_id: EnvOrId,
    episodes: int,
    seed: int,
    frame_stack: int = 1,
    workers: int = 1,
    inference_batch: int = 10,
    progress: bool = False,
    evaluation: str | None = None,
) -> Evaluation:
    """Play episodes with a policy.

    The policy runs in this process and always sees ``inference_batch`` episodes at once: finished
    episodes keep their last frames, and unused places of the batch are black. So the results are
    identical, bit for bit, for any number of workers.

    Args:
        policy: a callable as in :class:`Policy`.
        env_or_id: a dataset id, or an environment (or vector of them) made from one. A given
            environment is not stepped: new ones are made from its spec. Observations must be single
            frames; they are stacked here.
        episodes: number of episodes, at least 1.
        seed: episode i is reset with :func:`episode_seed` (seed, i).
        frame_stack: K, the number of frames that the policy sees; at the start the first one is
            repeated, as ``FrameStackObservation(env, K, padding_type="reset")`` does.
        workers: number of processes for the environments; 1 keeps them in this process.
        inference_batch: B, the batch size that the policy sees.
        progress: show a progress bar of time steps; an episode that ends early counts in full.
        evaluation: one of the dataset's evaluations, e.g. ``distracted_train``; by default the
            environment's own, which is ``original`` for an id. If it has several environments, they
            take turns: episode i is played in environment i modulo their number.

    Raises:
        InvalidArgumentError: the policy cannot be called, a count or the seed is not an integer, a
            count is below 1, or the seed below 0.
        ValueError: the spaces of the environment are not frames and [-1, 1], there is no such
            evaluation, or the policy wants a state and the environment has none.
        InvalidActionError: the policy returned anything other than finite (B, A) in [-1, 1].
        WorkerError: a worker process raised an error or died; the message has its traceback.
        OtherMediaError, MediaNotFoundError: the environments show pictures that are not here, or
            the local data were made with others.
        InvalidIdError, UnknownDatasetError: as in :func:`vd4rl_data.envs.find_env_spec`.
    """
    if isinstance(policy, type) or not callable(policy):
        raise InvalidArgumentError(
            "policy: expected a callable from frames (B, K, H, W, 3) to actions (B, A), got"
            f" {shown(policy)}"
        )
    episodes = checked_count("episodes", episodes)
    frame_stack = checked_count("frame_stack", frame_stack)
    workers = checked_count("workers", workers)
    inference_batch = checked_count("inference_batch", inference_batch)
    seed = checked_count("seed", seed, least=0)
    specs = find_env_specs(env_or_id, evaluation)
    frame_shape, action_size = _shapes(specs[0])
    shape = (inference_batch, frame_stack, *frame_shape)
    longest = specs[0].max_episode_steps
    group = _Group(policy, shape, action_size, longest or 0)
    starts = [Start(i % len(specs), episode_seed(seed, i)) for i in range(episodes)]
    media = media_of(specs)
    records: list[_Record] = []
    processes = min(workers, inference_batch, episodes)
    total = longest and longest * episodes
    with open_lanes(specs, processes) as lanes, _bar(total, episodes, show=progress) as bar:
        for first in range(0, episodes, inference_batch):
            records += group.play(lanes, starts[first : first + inference_batch], bar.update)
            bar.set_description(f"episode {len(records)}/{episodes}")
    return dataclasses.replace(_evaluation(records), media=media)


@dataclass(slots=True, eq=False)
class _Record:
    """One episode that is being played."""

    start: Start
    episode_return: float = 0.0
    actions: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    success: bool | None = None
    final_success: bool | None = None
    final_completed: float | None = None
    running: bool = True

    def add(self, action: NDArray[np.float32], step: LaneStep) -> None:
        self.actions.append(action)
        self.episode_return += step.reward
        self.final_success, self.final_completed = step.success, step.completed
        if step.success is not None:
            self.success = step.success or bool(self.success)
        self.running = not (step.terminated or step.truncated)


class _Group:
    """Plays up to B episodes in lockstep, showing the policy a batch of exactly B."""

    def __init__(
        self, policy: Policy, shape: tuple[int, ...], action_size: int, longest: int
    ) -> None:
        self._policy = policy
        self._longest = longest
        self._shape = shape  # (B, K, H, W, 3)
        self._action_size = action_size

    def play(
        self, lanes: LocalLanes | WorkerLanes, starts: list[Start], count: Callable[[int], Any]
    ) -> list[_Record]:
        records = [_Record(start) for start in starts]
        stacks = np.zeros(self._shape, dtype=np.uint8)
        states: dict[int, NDArray[np.float32] | None] = {}
        for lane, seen in lanes.reset(dict(enumerate(starts))).items():
            stacks[lane] = seen.observation  # repeated K times
            states[lane] = seen.state
        reset = getattr(self._policy, "reset", None)
        if reset is not None:
            reset(self._shape[0])
        while running := [lane for lane, record in enumerate(records) if record.running]:
            actions = self._act(stacks, states, running)
            for lane, step in lanes.step(actions).items():
                records[lane].add(actions[lane], step)
                stacks[lane, :-1] = stacks[lane, 1:]
                stacks[lane, -1] = step.observation
                states[lane] = step.state
            count(len(running))
            early = (records[lane] for lane in running if not records[lane].running)
            count(sum(max(0, self._longest - len(record.actions)) for record in early))
        return records

    def _act(
        self,
        stacks: UInt8[np.ndarray, "B K H W 3"],
        states: Mapping[int, NDArray[np.float32] | None],
        running: list[int],
    ) -> dict[int, NDArray[np.float32]]:
        shape = (self._shape[0], self._action_size)
        shown: tuple[NDArray[Any], ...] = (stacks.copy(),)
        if getattr(self._policy, "wants_state", False):
            shown = (*shown, _batch_of(states, self._shape[0]))
        policy: Callable[..., Any] = self._policy
        batch = to_array(policy(*shown), shape, "policy")
        where = "policy: episode {} of the batch"
        return {
            lane: checked_actions(batch[lane], shape[1:], where.format(lane)) for lane in running
        }


def _batch_of(
    states: Mapping[int, NDArray[np.float32] | None], size: int
) -> Float32[np.ndarray, "B P"]:
    """The states of a batch; unused places are zero.

    Raises:
        ValueError: the environment does not report a state.
    """
    known = {lane: state for lane, state in states.items() if state is not None}
    if len(known) < len(states):
        raise ValueError(
            "the policy wants a state, but the environment reports none: it has no info['state']"
        )
    batch = np.zeros((size, len(known[0])), np.float32)
    for lane, state in known.items():
        batch[lane] = state
    return batch


def _bar(total: int | None, episodes: int, *, show: bool) -> tqdm[NoReturn]:
    return tqdm(
        total=total,
        desc=f"episode 0/{episodes}",
        unit=" steps",
        disable=not show,
        dynamic_ncols=True,
    )


def _shapes(spec: EnvSpec) -> tuple[tuple[int, ...], int]:
    """Frame shape and number of action dimensions; refuses environments that do not fit."""
    with contextlib.closing(gymnasium.make(spec)) as env:
        observations, actions = env.observation_space, env.action_space
    shape = observations.shape or ()
    if observations.dtype != np.uint8 or len(shape) != 3 or shape[-1] != 3:
        raise ValueError(
            f"{spec.id}: expected observations of uint8 (H, W, 3), got {observations}; pass the"
            " environment without a frame stack or other observation wrappers"
        )
    bounded = isinstance(actions, Box) and bool(np.all(np.abs([actions.low, actions.high]) == 1.0))
    if not bounded or len(actions.shape or ()) != 1:
        raise ValueError(f"{spec.id}: expected actions (A,) in [-1, 1], got {actions}")
    return shape, cast("tuple[int]", actions.shape)[0]


def _evaluation(records: list[_Record]) -> Evaluation:
    told = any(record.success is not None for record in records)
    parts = [record.final_completed for record in records]
    return Evaluation(
        returns=np.array([record.episode_return for record in records], dtype=np.float64),
        lengths=np.array([len(record.actions) for record in records], dtype=np.int64),
        successes=np.array([bool(record.success) for record in records]) if told else None,
        traces=tuple(
            ActionTrace(record.start.seed, np.stack(record.actions), record.start.member)
            for record in records
        ),
        final_successes=(
            np.array([bool(record.final_success) for record in records]) if told else None
        ),
        final_completed=(None if None in parts else np.array(parts, dtype=np.float64)),
    )
