"""The contact sheet shows the right frames in the right places, pixel for pixel."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.preview.conftest import painted
from vd4rl_data.preview import contact_sheet
from vd4rl_data.preview.sheet import contact_sheet as same_function
from vd4rl_data.preview.typography import PAPER


def _tiles(picture: np.ndarray, size: int, level: int) -> list[tuple[int, int, int]]:
    """(row, column, green) of the upper left corner of each frame of a painted episode."""
    inside = (picture[..., 0] == level) & (picture[..., 2] == 255 - level)
    corners = inside.copy()
    corners[1:] &= ~inside[:-1]
    corners[:, 1:] &= ~inside[:, :-1]
    found = [(int(y), int(x), int(picture[y, x, 1])) for y, x in np.argwhere(corners)]
    for y, x, green in found:
        tile = picture[y : y + size, x : x + size]
        assert (tile == (level, green, 255 - level)).all()
        assert not inside[y, x + size]
        assert not inside[y + size, x]
    return found


@pytest.mark.parametrize(("size", "shown"), [(16, 112), (64, 128), (84, 168), (128, 128)])
def test_frames_are_evenly_spread_and_enlarged_by_a_whole_factor(size: int, shown: int) -> None:
    sheet = contact_sheet([painted(20, size=size), painted(20, size=size, level=90)], columns=5)
    picture = np.asarray(sheet)
    first, second = _tiles(picture, shown, 40), _tiles(picture, shown, 90)
    assert [green for _, _, green in first] == [0, 40, 80, 120, 160]
    assert [x for _, x, _ in first] == [x for _, x, _ in second]
    assert len({y for y, _, _ in first}) == 1
    assert second[0][0] - first[0][0] == shown + 14
    gaps = {x1 - x0 for (_, x0, _), (_, x1, _) in pairwise(first)}
    assert gaps == {shown + 6}


def test_pixels_are_squares() -> None:
    episode = painted(2)
    episode.observations[0, 10, 20] = (250, 1, 2)
    picture = np.asarray(contact_sheet([episode], columns=2))
    (top, left) = np.argwhere((picture == (250, 1, 2)).all(axis=-1)).min(axis=0)
    ((y, x, _), *_) = _corner(picture)
    assert (top - y, left - x) == (20, 40)
    assert ((picture == (250, 1, 2)).all(axis=-1)).sum() == 4


def _corner(picture: np.ndarray) -> list[tuple[int, int, int]]:
    inside = (picture[..., 0] == 40) & (picture[..., 2] == 215)
    y, x = np.argwhere(inside).min(axis=0)
    return [(int(y), int(x), 0)]


def _ink(picture: np.ndarray, level: int = 40) -> np.ndarray:
    """Where something is drawn that is no frame."""
    frame = (picture[..., 0] == level) & (picture[..., 2] == 255 - level)
    return (picture != PAPER).any(axis=-1) & ~frame


def test_nothing_is_cut_off_and_everything_is_labeled() -> None:
    title = "a title that is far wider than two small frames and their labels will ever be"
    sheet = contact_sheet([painted(3), painted(3)], columns=2, title=title, subtitle="and more")
    ink = _ink(np.asarray(sheet))
    border = np.ones_like(ink)
    border[30:-30, 30:-30] = False
    assert not (ink & border).any()
    plain = _ink(np.asarray(contact_sheet([painted(3), painted(3)], columns=2)))
    assert plain.any()
    assert plain.shape[0] < ink.shape[0]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"numbers": [3]}, {"numbers": [4]}),
        ({"title": "a"}, {"title": "b"}),
        ({"subtitle": "a"}, {"subtitle": "b"}),
    ],
)
def test_labels_say_what_they_are_given(left: dict[str, object], right: dict[str, object]) -> None:
    pictures = [np.asarray(contact_sheet([painted(3)], **given)) for given in (left, right)]
    assert pictures[0].shape == pictures[1].shape
    assert (pictures[0] != pictures[1]).any()


def test_labels_follow_length_return_and_end() -> None:
    long, short = painted(30), painted(10)
    columns = np.asarray(contact_sheet([long, long], columns=3))
    shares = np.asarray(contact_sheet([long, short], columns=3))
    head = slice(0, 60)
    assert (columns[head] != shares[head]).any()  # time steps, or shares if lengths differ
    ended = np.asarray(contact_sheet([painted(10, terminated=True)]))
    assert ended.shape[1] > np.asarray(contact_sheet([short])).shape[1]


def test_bad_arguments() -> None:
    episode = painted(2)
    with pytest.raises(ValueError, match="0 episodes"):
        contact_sheet([])
    with pytest.raises(ValueError, match="1 columns"):
        contact_sheet([episode], columns=1)
    with pytest.raises(ValueError, match="2 numbers"):
        contact_sheet([episode], numbers=[1, 2])
    assert contact_sheet is same_function
