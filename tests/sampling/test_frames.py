"""FrameArray against numpy itself: the same indexing, without the copies."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vd4rl_data import frames as frames_module
from vd4rl_data.errors import DatasetChangedError, DatasetNotFoundError, LargeArrayWarning
from vd4rl_data.frames import FrameArray

FRAMES = np.random.default_rng(0).integers(0, 256, (23, 4, 5, 3), dtype=np.uint8)
PICKED = np.array([5, 22, 0, 5, 7, 8, 9, 21])

LAYOUTS = {
    "one": (FrameArray(FRAMES), FRAMES),
    "parts": (FrameArray([FRAMES[:7], FRAMES[7:8], FRAMES[8:8], FRAMES[8:]]), FRAMES),
    "rows": (FrameArray(FRAMES, PICKED), FRAMES[PICKED]),
    "parts_rows": (FrameArray([FRAMES[:7], FRAMES[7:]], PICKED), FRAMES[PICKED]),
    "selected": (FrameArray([FRAMES[:7], FRAMES[7:]]).select(PICKED), FRAMES[PICKED]),
    "selected_twice": (
        FrameArray([FRAMES[:7], FRAMES[7:]], PICKED).select([6, 0, 0]),
        FRAMES[PICKED][[6, 0, 0]],
    ),
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> tuple[FrameArray, np.ndarray]:
    return LAYOUTS[request.param]


def indices(count: int) -> st.SearchStrategy[object]:
    """Anything that numpy takes as the index of the first axis."""
    integers = st.integers(-count, count - 1)
    bounds = st.none() | st.integers(-count - 3, count + 3)
    steps = st.none() | st.integers(-4, 4).filter(bool)
    return st.one_of(
        integers,
        integers.map(np.int32),
        st.builds(slice, bounds, bounds, steps),
        st.lists(integers, max_size=6),
        st.lists(st.lists(integers, min_size=2, max_size=2), min_size=1, max_size=3).map(np.array),
        st.lists(st.booleans(), min_size=count, max_size=count).map(np.array),
        st.sampled_from([Ellipsis, None, True]),
    )


trailing = st.one_of(
    st.integers(-4, 3),
    st.builds(slice, st.integers(0, 3), st.integers(0, 4)),
    st.just(Ellipsis),
    st.sampled_from([[0, 3], [1]]),
)


@pytest.mark.parametrize("name", LAYOUTS)
@given(data=st.data())
def test_indexing_is_numpys(name: str, data: st.DataObject) -> None:
    frames, expected = LAYOUTS[name]
    first = data.draw(indices(len(expected)))
    key = data.draw(st.just(first) | st.lists(trailing, max_size=3).map(lambda r: (first, *r)))
    try:
        wanted = expected[key]
    except IndexError:
        with pytest.raises(IndexError):
            frames[key]
        return
    got = frames[key]
    assert got.shape == wanted.shape
    np.testing.assert_array_equal(np.asarray(got), wanted)


def test_looks_like_an_array(layout: tuple[FrameArray, np.ndarray]) -> None:
    frames, expected = layout
    assert frames.shape == expected.shape
    assert frames.dtype == expected.dtype
    assert frames.ndim == expected.ndim
    assert frames.nbytes == expected.nbytes
    assert len(frames) == len(expected)
    np.testing.assert_array_equal(np.asarray(frames), expected)
    np.testing.assert_array_equal(np.stack(list(frames)), expected)
    assert np.asarray(frames, dtype=np.float32).dtype == np.float32
    assert str(expected.shape) in repr(frames)


KEYS = [
    *(2, -1, np.int32(2), [1, 0, 1], [], np.array([[0, 2], [1, 1]]), True, None, ...),
    *(slice(1, 4), slice(None), slice(None, None, -2), slice(4, 4), slice(2, 7)),
    *(
        (2, slice(1, 3)),
        (slice(1, 3), ..., 0),
        ([0, 1], 2),
        (slice(None), 1, 1),
        (None, 0),
        (..., 1),
    ),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("name", LAYOUTS)
def test_what_indexing_gives_is_your_own_array(name: str, key: object) -> None:
    """Of the same type and as writable, wherever the frames lie."""
    frames, expected = LAYOUTS[name]
    if key is Ellipsis:
        assert frames[key] is frames
        return
    before = np.array(frames)
    got = frames[key]
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, expected[key])
    got[...] = 7
    np.testing.assert_array_equal(np.asarray(frames), before)


@pytest.mark.parametrize("name", LAYOUTS)
def test_long_slices_stay_lazy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, expected = LAYOUTS[name]
    monkeypatch.setattr(frames_module, "SLICE_BYTES", 2 * 60)
    for chosen in (slice(0, 2), slice(2, 0, -1), slice(0, 3, 2), slice(0, 0)):
        assert type(frames[chosen]) is np.ndarray
    for chosen in (slice(0, 3), slice(None, None, -1), slice(None)):
        lazy = frames[chosen]
        assert isinstance(lazy, FrameArray)
        np.testing.assert_array_equal(np.asarray(lazy), expected[chosen])
    assert frames_module.LARGE_ARRAY_BYTES == 2**30
    assert np.shares_memory(np.asarray(LAYOUTS["one"][0][2:20]), FRAMES)


@pytest.mark.parametrize("name", LAYOUTS)
def test_asarray_is_readonly_and_array_is_your_own(name: str) -> None:
    frames, expected = LAYOUTS[name]
    view = np.asarray(frames)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 0
    for own in (np.array(frames), frames.copy(), np.asarray(frames, np.float32)):
        own[...] = 0
        np.testing.assert_array_equal(np.asarray(frames), expected)
    assert np.asarray(frames, np.uint8).dtype == np.uint8


def test_one_array_converts_without_a_copy() -> None:
    assert np.shares_memory(np.asarray(FrameArray(FRAMES)), FRAMES)
    assert np.shares_memory(np.array(FrameArray(FRAMES), copy=False), FRAMES)
    copy = np.array(FrameArray(FRAMES))
    assert not np.shares_memory(copy, FRAMES)
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        return  # copy=False does not mean "never" there
    for name, dtype in (("parts", None), ("rows", None), ("one", np.float32)):
        with pytest.raises(ValueError, match="unable to avoid a copy"):
            np.array(LAYOUTS[name][0], dtype=dtype, copy=False)


def test_converting_many_bytes_warns_with_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, expected = LAYOUTS["parts"]
    monkeypatch.setattr(frames_module, "LARGE_ARRAY_BYTES", expected.nbytes - 1)
    with pytest.warns(LargeArrayWarning, match=r"0\.0 GB"):
        np.asarray(frames)
    monkeypatch.setattr(frames_module, "LARGE_ARRAY_BYTES", expected.nbytes)
    np.asarray(frames)  # warnings are errors here


@given(rows=st.lists(st.integers(0, 7), max_size=12), columns=st.integers(1, 3))
def test_take_writes_into_out(rows: list[int], columns: int) -> None:
    for frames, expected in (LAYOUTS["parts_rows"], LAYOUTS["rows"]):
        wanted = np.repeat(np.array(rows, dtype=np.int64)[:, None], columns, axis=1)
        out = np.full((len(rows), columns, *expected.shape[1:]), 7, np.uint8)
        assert frames.take(wanted, out) is out
        np.testing.assert_array_equal(out, expected[wanted])
        np.testing.assert_array_equal(frames.take(wanted), expected[wanted])


@pytest.mark.parametrize("rows", [[-1], [23], [0, 2**40], np.array([[0], [-5]])])
def test_take_refuses_rows_outside(rows: object) -> None:
    for frames in (LAYOUTS["one"][0], LAYOUTS["parts"][0]):
        with pytest.raises(IndexError, match=r"rows in \[0, 23\), got"):
            frames.take(rows)


def test_take_refuses_a_wrong_out() -> None:
    frames, _ = LAYOUTS["one"]
    for out in (
        np.zeros((3, 4, 5, 3), np.uint8),
        np.zeros((2, 4, 5, 3), np.uint8, order="F"),
    ):
        with pytest.raises(ValueError, match=r"out: expected C-contiguous uint8 of shape \(2, 4"):
            frames.take([0, 1], out)


@pytest.mark.parametrize("key", [1.5, "observations", [0.0], np.ones(3, bool), 23, -24, [99]])
def test_bad_indices_are_index_errors(key: object) -> None:
    with pytest.raises(IndexError):
        LAYOUTS["parts"][0][key]


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([], ValueError, "at least one array"),
        ([FRAMES.astype(np.float32)], TypeError, "part 0: expected a uint8 array, got float32"),
        ([FRAMES[0]], ValueError, r"shape \(n, H, W, 3\)"),
        ([FRAMES[:, :, :, :2]], ValueError, r"shape \(n, H, W, 3\)"),
        ([FRAMES[:, ::2]], ValueError, "C-contiguous: False"),
        ([FRAMES, FRAMES[:, :3].copy()], ValueError, r"part 1: .*\(4, 5, 3\) like part 0"),
    ],
)
def test_refuses_what_are_no_frames(
    parts: list[np.ndarray], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FrameArray(parts)


def test_refuses_rows_that_do_not_exist() -> None:
    with pytest.raises(IndexError, match=r"rows in \[0, 23\), got 23"):
        FrameArray(FRAMES, [0, 23])


def test_frames_in_memory_pickle(layout: tuple[FrameArray, np.ndarray]) -> None:
    frames, expected = layout
    copy = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(np.asarray(copy), expected)


def _mapped(path: Path) -> FrameArray:
    path.write_bytes(b"header!" + FRAMES.tobytes())
    whole = np.memmap(path, np.uint8, "r", offset=7).reshape(FRAMES.shape)
    return FrameArray([whole[3:10], np.asarray(whole)[12:]])


def test_mapped_frames_pickle_as_paths(tmp_path: Path) -> None:
    frames = _mapped(tmp_path / "frames.bin")
    data = pickle.dumps(frames)
    assert len(data) < 1000 < frames.nbytes
    expected = np.concatenate([FRAMES[3:10], FRAMES[12:]])
    np.testing.assert_array_equal(np.asarray(pickle.loads(data)), expected)


def test_mapped_frames_of_a_missing_or_shorter_file_do_not_unpickle(tmp_path: Path) -> None:
    path = tmp_path / "frames.bin"
    data = pickle.dumps(_mapped(path))
    path.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"frames\.bin"):
        pickle.loads(data)
    path.write_bytes(b"shorter")
    with pytest.raises(DatasetChangedError, match="got 7; the file was replaced"):
        pickle.loads(data)


@pytest.mark.parametrize("place", [0, 3, 700, 1386])
def test_mapped_frames_of_another_file_of_the_same_size_do_not_unpickle(
    place: int, tmp_path: Path
) -> None:
    path = tmp_path / "frames.bin"
    data = pickle.dumps(_mapped(path))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetChangedError, match=r"it was replaced: load the dataset again"):
        pickle.loads(data)
    content[place] ^= 1
    path.write_bytes(content)
    pickle.loads(data)


def test_frames_are_known_by_what_is_mapped_and_not_by_what_lies_at_the_path(
    tmp_path: Path,
) -> None:
    """A file that is put in the place of the mapped one before the frames are pickled."""
    path = tmp_path / "frames.bin"
    frames = _mapped(path)
    other = tmp_path / "other.bin"
    other.write_bytes(bytes(path.stat().st_size))
    other.replace(path)
    with pytest.raises(DatasetChangedError):
        pickle.loads(pickle.dumps(frames))


@pytest.mark.parametrize("offset", [0, 100, 5000, 70_000])
def test_arrays_that_users_mapped_pickle_as_paths_too(offset: int, tmp_path: Path) -> None:
    path = tmp_path / "frames.bin"
    path.write_bytes(bytes(offset) + FRAMES.tobytes() + b"tail")
    mapped = np.memmap(path, np.uint8, "r", offset, FRAMES.shape)
    frames = FrameArray([mapped[2:], mapped[:5]])
    assert "2 memory-mapped" in repr(frames)
    copy = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(np.asarray(copy), np.concatenate([FRAMES[2:], FRAMES[:5]]))
