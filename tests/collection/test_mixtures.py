"""Mixtures: shares hold in any beginning of a dataset; looks are drawn again as they were."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from collection.collect import collect
from collection.mixtures import described_looks, environment_numbers
from collection.rerender import Wanted, rerender
from tests.baselines import blob
from tests.evaluation.test_environments import Negative
from vd4rl_data.ids import Variant
from vd4rl_data.media import MEDIA
from vd4rl_data.registry import DATASETS, register_dataset
from vd4rl_data.simulators.looks import Moment
from vd4rl_data.spec import DatasetSpec, Look, Share
from vd4rl_data.storage import open_dataset

ENVIRONMENT = blob.SPEC.environment


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5), (0.25, 0.75), (0.1, 0.2, 0.7)])
def test_every_beginning_has_the_shares_of_the_whole(shares: tuple[float, ...]) -> None:
    mixture = [Share(ENVIRONMENT, share) for share in shares]
    numbers = np.array(environment_numbers(mixture, 200))
    assert environment_numbers(mixture, 50) == tuple(numbers[:50])
    for count in range(1, 201):
        made = np.bincount(numbers[:count], minlength=len(shares))
        assert np.abs(made - np.array(shares) * count).max() < len(shares)


@pytest.fixture
def half_negative() -> Iterator[DatasetSpec]:
    """Of four episodes, two have a look."""
    look = Look(f"{Negative.__module__}:Negative")
    spec = dataclasses.replace(
        blob.SPEC,
        id=dataclasses.replace(
            blob.SPEC.id, behavior="random", variant=Variant(look="negative", percent=50)
        ),
        mixture=(
            Share(ENVIRONMENT, 0.5),
            Share(dataclasses.replace(ENVIRONMENT, look=look), 0.5),
        ),
    )
    register_dataset(spec)
    yield spec
    DATASETS.pop(spec.name)


@pytest.mark.render
def test_a_mixture_is_collected_and_drawn_again_to_the_same_pixels(
    half_negative: DatasetSpec, tmp_path: Path
) -> None:
    made = collect(half_negative.name, tmp_path / "a", workers=2, show_progress=False)
    stored = open_dataset(made.path)
    darkness = [stored.episode(number).observations.mean() < 128 for number in range(4)]
    assert darkness == [True, False, True, False]
    again = rerender(made.path, tmp_path / "b", Wanted(blob.SIZE), show_progress=False)
    assert again.manifest.content_sha256 == made.manifest.content_sha256
    (look,) = made.manifest.provenance.recipe["looks"]
    assert (look["share"], look["look"]["kind"]) == (0.5, f"{Negative.__module__}:Negative")
    assert made.manifest.fingerprint_rows == ()
    successes = stored.episode(0).infos["success"]
    assert (successes.shape, successes.dtype) == ((blob.HORIZON,), np.bool_)


def test_media_are_described_by_their_hash() -> None:
    look = Look("video", media="street", dynamic=True)
    mixture = [Share(ENVIRONMENT, 0.5), Share(dataclasses.replace(ENVIRONMENT, look=look), 0.5)]
    (described,) = described_looks(mixture)
    assert described["media_sha256"] == MEDIA["street"].content_sha256()
    assert described["look"]["media"] == "street"


def test_a_look_knows_the_episode_and_the_step() -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    look = Negative(Look("negative"), None)
    first, second = (look.after(frame, Moment(7, step)) for step in (0, 1))
    assert first[0, 0, 0] + 1 == second[0, 0, 0]
