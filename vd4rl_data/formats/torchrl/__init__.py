"""``torchrl``: memory-mapped TensorDicts of transitions, as TorchRL keeps datasets of pixels."""

from __future__ import annotations

from typing import Final

from vd4rl_data.formats.format import Format
from vd4rl_data.formats.torchrl.reading import beside, read

MAIN_FILE: Final = "pixels.memmap"

FORMAT: Final = Format(
    name="torchrl",
    about="what TorchRL keeps",
    layout="<folder>/pixels.memmap and what lies beside it    all episodes, row by row",
    suffixes=(MAIN_FILE,),
    read=read,
    beside=beside,
)
