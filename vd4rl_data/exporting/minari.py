"""``minari``: a dataset of Minari, in HDF5, with its frames as they are and not as JPEG.

Minari keeps observations, actions, rewards and ends. Discounts, which it has no place for, and the
arrays of ``infos`` go to its own ``infos``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from vd4rl_data.episode import Episode
from vd4rl_data.exporting.about import About
from vd4rl_data.exporting.target import Target
from vd4rl_data.storage.exported import write_exported

_DATA: Final = "data"
"""The folder within a dataset's own in which Minari looks for its files."""

_MAIN: Final = "main_data.hdf5"

_READ_IT: Final = """\
import minari
import vd4rl_data  # the environment, for recover_environment()
dataset = minari.MinariDataset("{folder}/data")
# minari.load_dataset("{id}") finds it as <Minari's folder>/{id}"""


def write(episodes: Iterator[Episode], about: About, folder: Path) -> None:
    """Write ``data/main_data.hdf5`` and ``data/metadata.json``.

    Args:
        episodes: valid ones.
        about: what is said of them.
        folder: an empty one.
    """
    import gymnasium
    from gymnasium.spaces import Box
    from minari import MinariDataset  # pyright: ignore[reportUnknownVariableType]
    from minari.dataset.minari_storage import MinariStorage

    known = about.id in gymnasium.registry
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage: Any = MinariStorage.new(
            folder / _DATA,
            observation_space=Box(0, 255, about.frame_shape, np.uint8),
            action_space=Box(-1.0, 1.0, (about.action_size,), np.float32),
            env_spec=gymnasium.spec(about.id) if known else None,
            data_format="hdf5",
            jpeg_encoding=False,
        )
        storage.update_metadata(_metadata(about))
        storage.update_episodes(map(_buffer, episodes))
        MinariDataset(storage)  # refuses what it could not read again
    write_exported(folder / _DATA, [folder / _DATA / _MAIN], about.manifests)


def _metadata(about: About) -> dict[str, Any]:
    """Everything beside the episodes; reference scores are dropped by Minari's own function."""
    import minari

    found: dict[str, Any] = {
        "dataset_id": about.id,
        "minari_version": minari.__version__,
        "algorithm_name": about.spec.id.behavior,
        "description": about.description,
        "license": about.spec.license,
        "citation": about.spec.citation,
        "vd4rl_data": about.record,
    }
    if about.reference_returns is not None:
        found["ref_min_score"], found["ref_max_score"] = about.reference_returns
    return found


def _buffer(episode: Episode) -> Any:
    from minari import data_collector

    make: Any = data_collector.EpisodeBuffer  # its annotations know lists alone
    steps = len(episode)
    truncations = np.zeros(steps, np.bool_)
    truncations[-1] = episode.truncated
    return make(
        observations=episode.observations,
        actions=np.ascontiguousarray(episode.actions),
        rewards=episode.rewards,
        terminations=episode.terminals,
        truncations=truncations,
        infos={"discounts": episode.discounts, **episode.infos},
    )


TARGET: Final = Target(
    name="minari",
    about="Farama's library of offline datasets",
    read_it=_READ_IT,
    write=write,
    modules=("minari", "h5py", "PIL"),
    extra="minari",
)
