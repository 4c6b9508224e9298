"""What Minari's own functions find in an export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exporting import painted
from vd4rl_data.dataset import Dataset

minari: Any = pytest.importorskip("minari")


@pytest.fixture(scope="module")
def opened(exported: Callable[[str], Path]) -> Any:
    return minari.MinariDataset(exported("minari") / "data")


def test_scores_licence_and_provenance(opened: Any, dataset: Dataset) -> None:
    metadata = opened.storage.metadata
    assert metadata["license"] == dataset.spec.license
    assert metadata["vd4rl_data"]["origin"] == "regenerated"
    returns = dataset.returns
    scores = minari.get_normalized_score(opened, returns)
    np.testing.assert_allclose(scores, dataset.normalized_score(returns))


def test_discounts_and_infos_are_kept(opened: Any) -> None:
    for number, episode in enumerate(opened.iterate_episodes()):
        want = painted.painted_episode(number)
        np.testing.assert_array_equal(episode.infos["discounts"], want.discounts, strict=True)
        for name, values in want.infos.items():
            np.testing.assert_array_equal(episode.infos[name], values, strict=True)


def test_it_is_found_by_its_id(
    opened: Any, exported: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    place = tmp_path / painted.ID
    place.parent.mkdir(parents=True)
    place.symlink_to(exported("minari"))
    found = minari.load_dataset(painted.ID)
    assert found.total_episodes == len(painted.LENGTHS)
    assert found.env_spec.id == painted.ID
