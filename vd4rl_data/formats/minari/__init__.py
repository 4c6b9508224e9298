"""``minari``: datasets of Minari in HDF5, whose observations are frames."""

from __future__ import annotations

from typing import Final

from vd4rl_data.formats.format import Format
from vd4rl_data.formats.minari.reading import read

FORMAT: Final = Format(
    name="minari",
    about="what Minari keeps",
    layout="<namespace>/<name>-v<number>/data/main_data.hdf5    all episodes in one file",
    suffixes=("main_data.hdf5",),
    read=read,
)
