"""``vd4rl-npz``: a compressed archive for each episode, as V-D4RL's world models read them."""

from __future__ import annotations

from typing import Final

from vd4rl_data.formats.format import Format
from vd4rl_data.formats.vd4rl_npz.reading import read
from vd4rl_data.formats.vd4rl_npz.writing import write

FORMAT: Final = Format(
    name="vd4rl-npz",
    about="what the papers' world models read",
    layout="main/<task>/<behavior>/64px/<time>-<id>-<length>.npz    one episode per file",
    suffixes=(".npz",),
    read=read,
    write=write,
    one_per_file=True,
)
