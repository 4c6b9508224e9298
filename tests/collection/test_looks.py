"""Datasets in a look: the same episodes, the same bytes with any workers, in any number of goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collection.cli import main
from collection.collect import collect
from collection.pipeline import Made
from collection.rerender import Wanted, rerender
from tests.collection.conftest import RANDOM
from vd4rl_data.look_words import id_with_look
from vd4rl_data.media import MEDIA
from vd4rl_data.storage import open_dataset

pytestmark = pytest.mark.render
LOOKS = ("distracting_hard_street_dynamic_50", "video_leaves_50")


@pytest.mark.parametrize("words", LOOKS)
def test_workers_and_goes_do_not_matter(words: str, baseline: Made, tmp_path: Path) -> None:
    name, one, two = id_with_look(RANDOM, words), tmp_path / "one", tmp_path / "two"
    made = collect(name, one, episodes=4, show_progress=False)
    arguments = ["collect", RANDOM, "--look", words, "--out", str(two), "--workers", "2"]
    for episodes in ("1", "4"):  # the second goes on from the first
        assert main([*arguments, "--episodes", episodes, "--no-progress"]) == 0
    stored = open_dataset(two / made.path.relative_to(one))
    assert stored.manifest.content_sha256 == made.manifest.content_sha256
    (look,) = made.manifest.provenance.recipe["looks"]
    media = words.split("_")[2 if "hard" in words else 1]
    assert look["media_sha256"] == MEDIA[media].content_sha256()
    plain = open_dataset(baseline.path)
    for number in range(4):
        before, after = plain.episode(number), stored.episode(number)
        np.testing.assert_array_equal(after.actions, before.actions)
        np.testing.assert_array_equal(after.rewards, before.rewards)
        np.testing.assert_array_equal(after.infos["state"], before.infos["state"])
        differs = [
            np.any(a != b) for a, b in zip(after.observations, before.observations, strict=True)
        ]
        assert set(differs) == {bool(number % 2)}
    again = rerender(made.path, tmp_path / "again", Wanted(16), show_progress=False)
    assert again.manifest.content_sha256 == made.manifest.content_sha256
