"""Writers of the library take arrays of any layout in memory, to the byte."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.storage import tiny
from tests.strides import LAYOUTS, strided
from vd4rl_data.episode import Episode
from vd4rl_data.results.traces import pack_actions
from vd4rl_data.storage import open_dataset

NATIVE = [layout for layout in LAYOUTS if layout != "big-endian"]


def laid_out(episode: Episode, layout: str) -> Episode:
    """The same episode, its arrays in another layout."""
    arrays = {
        name: strided(getattr(episode, name), layout)
        for name in ("observations", "actions", "rewards", "discounts")
    }
    infos = {name: strided(array, layout) for name, array in episode.infos.items()}
    return dataclasses.replace(episode, infos=infos, **arrays)


@pytest.mark.parametrize("kind", ["flat", "packed"])
@pytest.mark.parametrize("layout", NATIVE)
def test_dataset_files(tmp_path: Path, layout: str, kind: str) -> None:
    plain, other = tmp_path / "plain" / "a.h5", tmp_path / "other" / "a.h5"
    episodes = tiny.episodes_of()
    expected = tiny.write(plain, episodes, layout=kind)
    found = tiny.write(other, [laid_out(each, layout) for each in episodes], layout=kind)
    assert found.content_sha256 == expected.content_sha256
    files = [sorted(path.parent.iterdir()) for path in (plain, other)]
    for one, two in zip(*files, strict=True):
        assert one.read_bytes() == two.read_bytes()
    if kind == "flat":
        dataset = open_dataset(other)
        for number, given in enumerate(episodes):
            assert tiny.same(dataset.episode(number), given)


@pytest.mark.parametrize("layout", NATIVE)
def test_action_traces(layout: str) -> None:
    actions = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    assert pack_actions([strided(actions, layout)]) == pack_actions([actions])
