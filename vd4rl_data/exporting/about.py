"""What is said of an exported dataset, beside its episodes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Int64

from vd4rl_data.dataset import Dataset
from vd4rl_data.scores import describe_score, return_statistics
from vd4rl_data.spec import DatasetSpec, ReturnScore
from vd4rl_data.storage import Manifest
from vd4rl_data.storage.format import INFO_GROUP
from vd4rl_data.storage.reader import StoredDataset
from vd4rl_data.storage.rows import Column
from vd4rl_data.version import __version__

_LOGGER: Final = logging.getLogger("vd4rl_data")

ABOUT_FILE: Final = "vd4rl_data.json"
"""Beside the data of every target: id, license, citation, score, statistics, manifests."""


@dataclass(frozen=True)
class About:
    """A dataset without its episodes, as targets need it.

    Attributes:
        spec: its catalog row.
        manifests: of the dataset; of a composite, of each part.
        lengths: int64 (E,), transitions of each episode.
        terminated: bool (E,), whether each episode terminated.
        infos: the arrays of ``infos`` of each episode, by name.
        returns: statistics of the undiscounted episode returns, by name.
    """

    spec: DatasetSpec
    manifests: tuple[Manifest, ...]
    lengths: Int64[np.ndarray, " E"]
    terminated: Bool[np.ndarray, " E"]
    infos: Sequence[Mapping[str, Column]]
    returns: Mapping[str, float]

    @classmethod
    def of(cls, dataset: Dataset) -> About:
        """What a dataset says of itself; of a selection of episodes, of that."""
        returns = asdict(return_statistics(dataset.returns))
        numbers = dataset.episode_numbers()
        flags = [part.array("terminals")[part.starts[1:] - 2] for part in dataset.stored]
        infos = [info for part in dataset.stored for info in [_infos(part)] * len(part)]
        return cls(
            dataset.spec,
            dataset.manifests,
            dataset.lengths,
            np.concatenate(flags)[numbers],
            [infos[number] for number in numbers],
            returns,
        )

    @property
    def id(self) -> str:
        """The catalog id."""
        return self.spec.name

    @property
    def num_transitions(self) -> int:
        """Transitions of all episodes."""
        return int(self.lengths.sum())

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(H, W, 3)."""
        return self.spec.observation_shape

    @property
    def frame_bytes(self) -> int:
        """Bytes of all frames, T + 1 in an episode of T transitions."""
        return int((self.lengths + 1).sum()) * int(np.prod(self.frame_shape))

    @property
    def action_size(self) -> int:
        """Dimensions of an action, each in [-1, 1]."""
        return self.spec.task.action_size

    @cached_property
    def common_infos(self) -> dict[str, Column]:
        """The arrays of ``infos`` that all episodes have, for toolboxes of the same columns
        throughout; a warning names those that only some have, as in a composite of unlike parts.
        """
        kinds = list({id(infos): infos for infos in self.infos}.values())
        common = {
            name: column
            for name, column in kinds[0].items()
            if all(infos.get(name) == column for infos in kinds)
        }
        others = sorted({name for infos in kinds for name in infos} - set(common))
        if others:
            _LOGGER.warning(
                "%s: left out infos/%s, which only some of the episodes have",
                self.id,
                ", infos/".join(others),
            )
        return common

    @property
    def reference_returns(self) -> tuple[float, float] | None:
        """The returns of the scores 0 and 1; ``None`` if the score is no function of the return."""
        score = self.spec.score
        return (score.low, score.high) if isinstance(score, ReturnScore) else None

    @property
    def origin(self) -> str:
        """Where the data came from; of several parts, each."""
        return ", ".join(dict.fromkeys(manifest.origin for manifest in self.manifests))

    @property
    def description(self) -> str:
        """One paragraph for people."""
        return (
            f"{self.id}: {len(self.lengths):,} episodes, {self.num_transitions:,} transitions of "
            f"{self.spec.task.name} from pixels, behavior {self.spec.id.behavior}, origin "
            f"{self.origin}. Return: mean {self.returns['mean']:.1f}, from "
            f"{self.returns['min']:.1f} to {self.returns['max']:.1f}. Score: "
            f"{describe_score(self.spec.score)}. License: {self.spec.license}. "
            f"Exported by vd4rl-data {__version__}."
        )

    @cached_property
    def record(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        spec, returns = self.spec, self.reference_returns
        return {
            "dataset_id": spec.name,
            "vd4rl_data": __version__,
            "num_episodes": len(self.lengths),
            "num_transitions": self.num_transitions,
            "returns": dict(self.returns),
            "score": {
                "definition": describe_score(spec.score),
                "reference_returns": None if returns is None else list(returns),
            },
            "license": spec.license,
            "citation": spec.citation,
            "origin": self.origin,
            "manifests": [json.loads(manifest.to_json()) for manifest in self.manifests],
        }

    @property
    def text(self) -> str:
        """:attr:`record` as a file's text."""
        return json.dumps(self.record, indent=2, sort_keys=True) + "\n"


def _infos(part: StoredDataset) -> dict[str, Column]:
    """The arrays of ``infos`` of one stored part, by name."""
    first = part.shards[0].arrays
    return {
        key.removeprefix(f"{INFO_GROUP}/"): Column(
            key, part.row_shape(key), first[key].dtype.str, kind
        )
        for key, kind in part.kinds.items()
    }
