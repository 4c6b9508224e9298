"""npz episodes that are odd, broken or hostile."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.reading import read_episode
from vd4rl_data.errors import CorruptFileError, DatasetFormatError, InvalidEpisodeError
from vd4rl_data.formats.vd4rl_npz import archive as npz_archive
from vd4rl_data.spec import DatasetSpec

Arrays = dict[str, Any]


@pytest.fixture
def read(kit: Any, spec: DatasetSpec, tmp_path: Path) -> Callable[[Arrays], Any]:
    return lambda arrays: read_episode(kit.write_npz(tmp_path / "episode.npz", arrays), spec)


def test_the_known_broken_file(read: Callable[[Arrays], Any], kit: Any) -> None:
    """One row of data less than flags: trimmed, the true is_last behind the cut is not believed."""
    arrays = kit.converted()
    for key in ("image", "action", "reward", "discount"):
        arrays[key] = arrays[key][:-1]
    found = read(arrays)
    assert len(found.episode) == kit.steps - 1
    assert found.episode.truncated
    np.testing.assert_array_equal(
        found.episode.actions, [kit.painted_action(0, t) for t in range(kit.steps - 1)]
    )
    (repair,) = found.repairs
    assert f"longer than the {kit.steps} rows" in repair
    assert "truncated" in repair


def test_a_cut_without_flags_at_its_end(read: Callable[[Arrays], Any], kit: Any) -> None:
    arrays = {key: values[:-3] for key, values in kit.converted().items()}
    found = read(arrays)
    assert len(found.episode) == kit.steps - 3
    assert found.episode.truncated
    assert found.repairs == ("is_last is true nowhere: the episode is cut; marked as truncated",)


@pytest.mark.parametrize("missing", [("is_terminal",), ("is_first", "is_last", "is_terminal")])
def test_old_files_without_flags(
    missing: tuple[str, ...], read: Callable[[Arrays], Any], kit: Any
) -> None:
    arrays = kit.converted()
    for key in missing:
        del arrays[key]
    assert read(arrays).episode.truncated
    arrays["discount"][-1] = 0.0
    found = read(arrays)
    assert found.episode.terminated
    assert found.episode.discounts[-1] == 0.0
    assert found.repairs == ()


def test_termination_without_a_discount(read: Callable[[Arrays], Any], kit: Any) -> None:
    arrays = kit.recorded()
    arrays["is_terminal"][-1] = True
    episode = read(arrays).episode
    assert episode.terminated
    assert not episode.truncated
    np.testing.assert_array_equal(episode.discounts, [1.0] * (kit.steps - 1) + [0.0])


def test_unknown_arrays_are_left_out_with_a_record(read: Callable[[Arrays], Any], kit: Any) -> None:
    found = read({**kit.converted(), "logprob": np.zeros(3)})
    assert found.repairs == ("left out the unknown array 'logprob'",)


def _drop(key: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.pop(key)


def _cast(key: str, dtype: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({key: arrays[key].astype(dtype)})


def _put(key: str, row: int, value: float) -> Callable[[Arrays], None]:
    return lambda arrays: arrays[key].__setitem__(row, value)


def _shorten(key: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({key: arrays[key][:-1]})


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (_drop("image"), DatasetFormatError, "image: expected the keys image, action, reward"),
        (_drop("action"), DatasetFormatError, "action: expected the keys"),
        (_drop("reward"), DatasetFormatError, "reward: expected the keys"),
        (_cast("image", "S1"), DatasetFormatError, "image: expected numbers of at most 64 bits"),
        (_cast("action", "complex64"), DatasetFormatError, "action: expected numbers of at most"),
        (_cast("reward", "float128"), DatasetFormatError, "reward: expected numbers of at most 64"),
        (_shorten("image"), DatasetFormatError, "image: expected 11 rows"),
        (_shorten("reward"), DatasetFormatError, "reward: expected 11 rows"),
        (_shorten("is_first"), DatasetFormatError, "is_first: expected 11 rows"),
        (_put("is_first", 0, False), DatasetFormatError, "is_first: .* got none at row 0"),
        (_put("is_first", 5, True), DatasetFormatError, "is_first: .* another at row 5"),
        (_put("is_last", 5, True), DatasetFormatError, "is_last: .* true at row 5"),
        (_put("is_terminal", 5, True), DatasetFormatError, "is_terminal: .* true at row 5"),
        (_put("reward", 0, 1.0), DatasetFormatError, "reward: expected zeros in the first row"),
        (_put("reward", 4, np.nan), InvalidEpisodeError, "rewards: expected finite .* row 3"),
        (_put("reward", 4, np.inf), InvalidEpisodeError, "rewards: expected finite .* row 3"),
        (_put("action", 4, 1.5), InvalidEpisodeError, r"actions: expected values in \[-1, 1\]"),
        (_put("velocity", 4, np.nan), InvalidEpisodeError, "infos/state: expected finite"),
    ],
)
def test_unfit_arrays(
    damage: Callable[[Arrays], None],
    error: type[Exception],
    message: str,
    read: Callable[[Arrays], Any],
    kit: Any,
) -> None:
    arrays = {key: values.copy() for key, values in kit.recorded().items()}
    damage(arrays)
    with pytest.raises(error, match=rf"episode\.npz: {message}"):
        read(arrays)


@pytest.mark.parametrize(
    ("damages", "message"),
    [
        ([_put("discount", -1, 0.0)], "is_terminal: expected true exactly where the discount is 0"),
        ([_put("discount", 3, 0.0)], "is_terminal: expected true exactly where the discount is 0"),
        ([_put("is_terminal", -1, True)], "is_terminal: expected true exactly where the discount"),
        (
            [_put("is_last", -1, False), _put("is_terminal", -1, True)],
            "is_terminal: expected is_last",
        ),
        ([_drop("is_terminal"), _put("discount", 3, 0.0)], "discount: expected 0 only where"),
    ],
)
def test_contradictions(
    damages: list[Callable[[Arrays], None]], message: str, read: Callable[[Arrays], Any], kit: Any
) -> None:
    arrays = kit.converted()
    for damage in damages:
        damage(arrays)
    with pytest.raises(DatasetFormatError, match=message):
        read(arrays)


def test_rewards_that_do_not_fit_float32(read: Callable[[Arrays], Any], kit: Any) -> None:
    arrays = kit.converted()
    arrays["reward"][4] = 1e300
    with pytest.raises(InvalidEpisodeError, match="rewards: expected finite"):
        read(arrays)


def test_lengths_that_no_episode_has(read: Callable[[Arrays], Any], kit: Any) -> None:
    with pytest.raises(DatasetFormatError, match="2 to 11 rows in an episode, got 13"):
        read(kit.converted(steps=12))
    with pytest.raises(DatasetFormatError, match="2 to 11 rows in an episode, got 1"):
        read(kit.converted(steps=0))


@pytest.mark.parametrize("size", [0, 10, 100, -200, -1])
def test_truncated_zip(size: int, kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_npz(tmp_path / "episode.npz", kit.converted())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CorruptFileError, match=r"episode\.npz: .*download the file again"):
        read_episode(path, spec)


def test_every_flipped_bit_is_noticed_or_harmless(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    path = kit.write_npz(tmp_path / "episode.npz", kit.recorded())
    good = path.read_bytes()
    expected = read_episode(path, spec)
    refused = 0
    for position in range(0, len(good), 7):
        flipped = bytearray(good)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            found = read_episode(path, spec)
        except DatasetFormatError:
            refused += 1
            continue
        # What zip does not protect: times, comments, and names, which are then unknown.
        np.testing.assert_array_equal(found.episode.observations, expected.episode.observations)
        np.testing.assert_array_equal(found.episode.actions, expected.episode.actions)
        np.testing.assert_array_equal(found.episode.rewards, expected.episode.rewards)
    assert refused > len(good) // 7 // 2


def test_pickles_are_refused(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = tmp_path / "episode.npz"
    np.savez(path, **{**kit.converted(), "reward": np.array([_Bomb()] * 11, dtype=object)})
    with pytest.raises(DatasetFormatError, match="reward: expected numbers, got Python objects"):
        read_episode(path, spec)
    path.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(CorruptFileError, match=r"expected an intact \.npz archive"):
        read_episode(path, spec)
    np.save(path.with_suffix(".npy"), np.zeros(3))
    path.write_bytes(path.with_suffix(".npy").read_bytes())
    with pytest.raises(CorruptFileError, match=r"expected an intact \.npz archive"):
        read_episode(path, spec)


class _Bomb:
    def __setstate__(self, state: object) -> None:
        raise AssertionError("unpickled")

    def __getstate__(self) -> dict[str, int]:
        return {"armed": 1}


def _member(path: Path, name: str, content: bytes) -> None:
    """Replace one member of an archive."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members[name] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, data in members.items():
            archive.writestr(key, data)


def test_a_header_that_declares_terabytes(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_npz(tmp_path / "episode.npz", kit.converted())
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000, 64, 64, 3), }".ljust(
        117
    )
    _member(path, "image.npy", b"\x93NUMPY\x01\x00\x76\x00" + header + b"\n" + b"\0" * 100)
    with pytest.raises(
        CorruptFileError, match=r"image: the header declares .* but 100 bytes follow"
    ):
        read_episode(path, spec)


def test_an_archive_that_inflates_beyond_reason(
    kit: Any, spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kit.write_npz(tmp_path / "episode.npz", kit.converted())
    _member(path, "image.npy", b"\0" * 3_000_000)
    monkeypatch.setattr(npz_archive, "MAX_MEMBER_BYTES", 2_000_000)
    with pytest.raises(CorruptFileError, match="at most 2,000,000 bytes, the archive declares 3,0"):
        read_episode(path, spec)


def test_an_array_that_is_there_twice(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_npz(tmp_path / "episode.npz", kit.converted())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("image", b"")
    with pytest.raises(DatasetFormatError, match="image: expected one array, got two"):
        read_episode(path, spec)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x09\x00\x10\x00"])
def test_a_member_that_is_no_array(
    content: bytes, kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    path = kit.write_npz(tmp_path / "episode.npz", kit.converted())
    _member(path, "action.npy", content)
    with pytest.raises(CorruptFileError, match=r"episode\.npz"):
        read_episode(path, spec)


def test_a_missing_file_is_not_called_corrupt(spec: DatasetSpec, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_episode(tmp_path / "nowhere.npz", spec)
