"""What this machine holds of a dataset: its file is opened, and asked for little."""

from __future__ import annotations

import logging
from typing import Final

from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.dataset.locate import find_local
from vd4rl_data.errors import DatasetFormatError, DatasetNotFoundError, InvalidEpisodeError
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec

_LOGGER: Final = logging.getLogger("vd4rl_data")


def open_here(spec: DatasetSpec) -> Dataset | None:
    """The dataset from the data folders or the package; ``None`` if it is not here.

    A damaged file counts as none, and a warning names it.
    """
    try:
        return load_dataset(spec.name, source="local")
    except DatasetNotFoundError:
        return None
    except (DatasetFormatError, InvalidEpisodeError, OSError) as error:
        _LOGGER.warning("no pictures of %s: %s", spec.name, error)
        return None


def is_here(spec: DatasetSpec) -> bool:
    """Whether there is a file of it, or of each of its parts; none is opened."""
    if next(find_local(spec), None) is not None:
        return True
    return bool(spec.parts) and all(is_here(get_dataset_spec(name)) for name in spec.parts)
