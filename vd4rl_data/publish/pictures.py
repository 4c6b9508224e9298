"""The two pictures of a dataset card: some episodes, and how the returns are distributed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.storage.reader import StoredDataset

_SHOWN: Final = 4


def picture_paths(dataset_id: str) -> tuple[str, str]:
    """Where the contact sheet and the histogram of a dataset lie in a repository."""
    return f"pictures/{dataset_id}.episodes.png", f"pictures/{dataset_id}.returns.png"


def draw_pictures(stored: StoredDataset, folder: Path) -> None:
    """Draw both pictures; the same dataset gives the same bytes."""
    from vd4rl_data.preview import contact_sheet, return_histogram

    spec = get_dataset_spec(stored.manifest.dataset_id)
    shown = sorted(set(np.linspace(0, len(stored) - 1, _SHOWN).round().astype(np.int64).tolist()))
    sheet = contact_sheet(
        [stored.episode(number) for number in shown],
        numbers=shown,
        title=spec.name,
        subtitle=f"{len(shown)} of {len(stored):,} episodes",
    )
    histogram = return_histogram(
        _returns(stored), published=spec.published_returns, title=f"Episode returns: {spec.name}"
    )
    for picture, path in zip((sheet, histogram), picture_paths(spec.name), strict=True):
        _save(picture, folder / path)


def _returns(stored: StoredDataset) -> list[float]:
    """Undiscounted episode returns, without decoding a pixel."""
    rewards = stored.array("rewards")
    edges = zip(stored.starts[:-1], stored.starts[1:], strict=True)
    return [float(rewards[start : stop - 1].sum(dtype=np.float64)) for start, stop in edges]


def _save(picture: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG")
