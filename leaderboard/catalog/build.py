"""All pages of the catalog, written beside the leaderboard's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from leaderboard.catalog.describe import described
from leaderboard.catalog.index import index_page
from leaderboard.catalog.page import Copy, dataset_page
from leaderboard.catalog.results import Entry, by_dataset, results_on
from vd4rl_data.registry import DATASETS
from vd4rl_data.spec import DatasetSpec

FOLDER: Final = "datasets"


def dataset_paths() -> dict[str, str]:
    """Benchmark and size, a space between them → the page of that dataset, in the site."""
    return {
        f"{spec.id.benchmark} {spec.size}": f"{FOLDER}/{spec.name}.html"
        for spec in DATASETS.values()
    }


def build_catalog(folder: Path, entries: Sequence[Entry]) -> int:
    """Write ``datasets/`` into a site: an index, a page for each dataset, and pictures.

    Pictures are of the data that stand in the data folders now; those that were drawn before of
    the same content are kept.

    Args:
        folder: of the site, with its assets.
        entries: of the leaderboard's payload.

    Returns:
        The number of datasets.
    """
    target = folder / FOLDER
    specs = list(DATASETS.values())
    results = by_dataset(entries)
    copies: dict[str, Copy] = {}
    for name, copy in described(specs, target):
        spec = DATASETS[name]
        if copy is not None:
            copies[name] = copy
        page = dataset_page(spec, copy, results_on(spec, results), _related(spec, specs))
        _write(target / f"{name}.html", page)
    _write(target / "index.html", index_page(specs, copies, results))
    return len(specs)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _related(spec: DatasetSpec, specs: Sequence[DatasetSpec]) -> list[DatasetSpec]:
    """The other behaviors of the same task and variant, and the other sizes."""

    def alike(other: DatasetSpec) -> bool:
        same = (other.id.suite, other.id.task) == (spec.id.suite, spec.id.task)
        behaviors = other.id.variant == spec.id.variant and other.size == spec.size
        return same and (behaviors or other.id.benchmark == spec.id.benchmark)

    return [other for other in specs if other is not spec and alike(other)]
