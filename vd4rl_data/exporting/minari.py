"""``minari``: a dataset of Minari, in HDF5, with its frames as they are and not as JPEG.

Minari keeps observations, actions, rewards and ends. Discounts, which it has no place for, and the
arrays of ``infos`` go to its own ``infos``. It cuts frames into small chunks, which takes ten times
as long as copying them; so its description of a dataset is written by Minari, and the arrays, each
in one piece, by ourselves.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from vd4rl_data.episode import Episode
from vd4rl_data.exporting.about import About
from vd4rl_data.exporting.growing import GrowingHashes
from vd4rl_data.exporting.hdf5 import Group, Room, hdf5_file
from vd4rl_data.exporting.provenance import write_provenance
from vd4rl_data.exporting.target import Target
from vd4rl_data.formats.minari import FORMAT

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
        path = folder / _DATA / _MAIN
        with GrowingHashes() as hashes:
            with hdf5_file(path, _groups(about), hashes) as put:
                for number, episode in enumerate(episodes):
                    put(f"episode_{number}", _arrays(episode))
                    infos = {"discounts": episode.discounts, **episode.infos}
                    put(f"episode_{number}/infos", infos)
            storage.update_metadata(_metadata(about))
            storage.update_metadata({"dataset_size": storage.get_size()})
            MinariDataset(storage)  # refuses what it could not read again
            write_provenance(about, path, FORMAT, hashes.sha256)


def _groups(about: About) -> Iterator[Group]:
    """What will be in the file: two groups for each episode."""
    for number, (steps, infos) in enumerate(zip(about.lengths.tolist(), about.infos, strict=True)):
        rooms = {
            "observations": Room((steps + 1, *about.frame_shape), "|u1"),
            "actions": Room((steps, about.action_size), "<f4"),
            "rewards": Room((steps,), "<f4"),
            "terminations": Room((steps,), "|b1"),
            "truncations": Room((steps,), "|b1"),
        }
        yield Group(f"episode_{number}", rooms, {"id": number, "total_steps": steps})
        beside = {"discounts": Room((steps,), "<f4")}
        for name, column in infos.items():
            rows = steps + (column.kind == "observation")
            beside[name] = Room((rows, *column.row_shape), column.dtype)
        yield Group(f"episode_{number}/infos", beside)


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
        "total_episodes": len(about.lengths),
        "total_steps": about.num_transitions,
        "vd4rl_data": about.record,
    }
    if about.reference_returns is not None:
        found["ref_min_score"], found["ref_max_score"] = about.reference_returns
    return found


def _arrays(episode: Episode) -> dict[str, Any]:
    """What Minari keeps of an episode: T + 1 frames, T rows of everything else."""
    last = np.arange(len(episode)) == len(episode) - 1
    return {
        "observations": episode.observations,
        "actions": episode.actions,
        "rewards": episode.rewards,
        "terminations": last & episode.terminated,
        "truncations": last & episode.truncated,
    }


TARGET: Final = Target(
    name="minari",
    about="Farama's library of offline datasets",
    read_it=_READ_IT,
    write=write,
    modules=("minari", "h5py", "PIL"),
    extra="minari",
)
