"""Our datasets under their ids in TorchRL: importing this module registers them.

import vd4rl_data.pytorch.torchrl
from torchrl.data.datasets import load_dataset
buffer = load_dataset("vd4rl_data:VD4RL/walker_walk-random-64px-v0", batch_size=256)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tensordict import TensorDict  # pyright: ignore[reportMissingImports]
from torchrl.data import (  # pyright: ignore[reportMissingImports]
    ImmutableDatasetWriter,
    TensorStorage,
)
from torchrl.data.datasets import (  # pyright: ignore[reportMissingImports]
    register_dataset,
)
from torchrl.data.datasets.common import (  # pyright: ignore[reportMissingImports]
    BaseDatasetExperienceReplay,
)

from vd4rl_data.dataset import load_dataset
from vd4rl_data.errors import DatasetNotFoundError
from vd4rl_data.exporting import export
from vd4rl_data.paths import data_dir

PREFIX: Final = "vd4rl_data"
"""What stands before the colon."""

_TARGET: Final = "torchrl"


class VD4RLDataExperienceReplay(BaseDatasetExperienceReplay):  # pyright: ignore[reportUntypedBaseClass]
    """The transitions of a dataset as a replay buffer of TorchRL, memory-mapped.

    Keys: ``pixels`` uint8 (B, H, W, 3), ``action`` float32 (B, A), ``episode`` int64 (B,), and in
    ``next`` ``pixels``, ``reward`` and ``discount`` float32 (B, 1), ``done``, ``terminated`` and
    ``truncated`` bool (B, 1).
    """

    def __init__(
        self,
        dataset_id: str,
        batch_size: int | None = None,
        *,
        root: str | Path | None = None,
        download: bool = True,
        **options: Any,
    ) -> None:
        """Open the export at ``<root>/<dataset_id>``.

        Args:
            dataset_id: a catalog id.
            batch_size: transitions of a batch.
            root: a folder of exports; by default ``torchrl`` in the data folder.
            download: export the dataset first where that was not done yet; what
                :func:`vd4rl_data.load_dataset` raises is raised then.
            options: of TorchRL's ``TensorDictReplayBuffer``: ``sampler``, ``transform``, ….

        Raises:
            DatasetNotFoundError: it is not there, and ``download`` is false.
        """
        self.root = data_dir() / _TARGET if root is None else root
        self.dataset_id = dataset_id
        if not self._is_downloaded():
            if not download:
                raise DatasetNotFoundError(
                    f"{self.data_path}: not there; make it with\n"
                    f"    vd4rl export {dataset_id} --format {_TARGET} --out {self.data_path}"
                )
            export(load_dataset(dataset_id), _TARGET, self.data_path)
        super().__init__(
            storage=TensorStorage(TensorDict.load_memmap(self.data_path)),
            writer=ImmutableDatasetWriter(),
            batch_size=batch_size,
            **options,
        )

    @property
    def data_path(self) -> Path:
        """The folder of the export."""
        return self.data_path_root

    @property
    def data_path_root(self) -> Path:
        """The folder of the export."""
        return Path(self.root) / self.dataset_id

    def _is_downloaded(self) -> bool:
        return self.data_path.is_dir()


register_dataset(PREFIX, f"{__name__}:{VD4RLDataExperienceReplay.__name__}", replace=True)
