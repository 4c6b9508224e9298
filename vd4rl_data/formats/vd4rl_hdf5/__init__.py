"""``vd4rl-hdf5``: shards of many episodes, as V-D4RL's model-free agents read them."""

from __future__ import annotations

from typing import Final

from vd4rl_data.formats.format import Format
from vd4rl_data.formats.vd4rl_hdf5.naming import continues, shard_order
from vd4rl_data.formats.vd4rl_hdf5.reading import read
from vd4rl_data.formats.vd4rl_hdf5.writing import write

FORMAT: Final = Format(
    name="vd4rl-hdf5",
    about="what their model-free agents read",
    layout="main/<task>/<behavior>/84px/<counter>[_<words>].hdf5    many episodes per file",
    suffixes=(".hdf5",),
    read=read,
    write=write,
    order=shard_order,
    continues=continues,
)
