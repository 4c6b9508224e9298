"""The wrapper that gives an environment its dataset."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import ArrayLike

from vd4rl_data.envs.drift import warn_on_drift
from vd4rl_data.envs.pixel import PixelEnv
from vd4rl_data.envs.shown_media import check_media
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.scores import normalized_score
from vd4rl_data.spec import DatasetSpec


class OfflineDataset(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """The outermost wrapper of every registered environment: adds its dataset and its score.

    The first ``reset`` of a process compares this machine's renderer with the local dataset file,
    if there is one, and warns if the pixels differ.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], dataset_id: str) -> None:
        """Args:
        env: the environment that the dataset was collected in.
        dataset_id: a catalog id.
        """
        RecordConstructorArgs.__init__(self, dataset_id=dataset_id)
        gymnasium.Wrapper.__init__(self, env)
        self.dataset_id = dataset_id

    @property
    def dataset_spec(self) -> DatasetSpec:
        """The catalog row of the dataset."""
        return get_dataset_spec(self.dataset_id)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode; the first one checks the renderer, and the media of the look.

        Raises:
            OtherMediaError: the local data were made with other pictures than this machine has.
        """
        warn_on_drift(self.dataset_id)
        inner = self.unwrapped
        if isinstance(inner, PixelEnv):
            check_media(self.dataset_id, inner.environment.look)
        return self.env.reset(seed=seed, options=options)

    def get_dataset(self, **options: Any) -> dict[str, Any]:
        """The dataset with D4RL's keys; observations are memory-mapped, not copied.

        Args:
            options: passed to :func:`vd4rl_data.get_dataset`, whose errors it raises.
        """
        from vd4rl_data.dataset import get_dataset

        return get_dataset(self.dataset_id, **options)

    def load_dataset(self, **options: Any) -> Any:
        """The :class:`vd4rl_data.Dataset`: episodes, transitions, sequences.

        Args:
            options: passed to :func:`vd4rl_data.load_dataset`, whose errors it raises.
        """
        from vd4rl_data.dataset import load_dataset

        return load_dataset(self.dataset_id, **options)

    def get_normalized_score(self, episode_return: float | ArrayLike) -> Any:
        """The suite's normalized score of an undiscounted return or an array of returns, 0 to 1."""
        return normalized_score(self.dataset_spec, episode_return)
