"""Twins: from one file of states, datasets that differ in their look and in nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collection.collect import collect
from collection.rerender import Wanted, rerender
from tests.collection.conftest import RANDOM
from vd4rl_data import Views, load_dataset
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.storage import open_dataset

LOOKS = ("none", "video_leaves_static", "video_leaves")


@pytest.mark.render
def test_twins_differ_in_pixels_alone(tmp_path: Path) -> None:
    states = collect(RANDOM, tmp_path, episodes=2, states=True, show_progress=False)
    made = [
        rerender(states.path, tmp_path, Wanted(look=look), show_progress=False) for look in LOOKS
    ]
    first, *others = [open_dataset(one.path) for one in made]
    for other in others:
        for key in set(first.keys) - {"observations"}:
            np.testing.assert_array_equal(other.array(key), first.array(key), err_msg=key)
    pixels = [stored.array("observations") for stored in (first, *others)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        differ = (pixels[one] != pixels[other]).any(axis=(1, 2, 3))
        assert differ.mean() > 0.8  # a moving scene begins with the still one's frame
    views = Views([load_dataset(one.path) for one in made])
    plain, still, moving = next(views.transitions(8, rng=0, state=True))
    np.testing.assert_array_equal(plain.states, moving.states)
    assert (still.observations != moving.observations).any()


def test_every_dataset_of_dm_control_has_twins() -> None:
    for spec in list(DATASETS.values()):
        plain = spec.environment.look is None and spec.id.variant is None
        if spec.task.simulator != "dmc" or not plain or spec.parts:
            continue
        for words in ("video_street_static", "video_street"):
            name = spec.name.replace(f"-{spec.size}px", f"-{words}-{spec.size}px")
            twin = get_dataset_spec(name)
            assert [each.environment.task for each in twin.mixture] == [spec.task]
            assert twin.num_episodes == spec.num_episodes
