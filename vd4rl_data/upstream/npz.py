"""Reader of official 64 px episodes, one ``.npz`` each, in the two variants that were published.

A dataset needs ``image``, ``action`` and ``reward``; any type of number that can be converted
without loss will do. Everything else is derived where it is missing, or left out with a line that
says so.

Converted (medium, expert, medium_replay): ``image``, ``action``, ``reward``, ``discount``,
``is_first``, ``is_last``, ``is_terminal``. Recorded by the collecting driver (walker and cheetah
random): no ``discount``, and the proprioception of each observation under the suite's own keys,
which becomes ``infos/state`` where all of it is there (the driver that was published records less:
cheetah's position without its velocity). Older files lack ``is_terminal``; it is where the discount
is 0. The length at the end of a name is 500 in one variant and 501 in the other for the same 501
rows, and is not read.

Nothing is ever unpickled, and no array is allocated before its declared size was checked.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import validate
from vd4rl_data.errors import CorruptFileError, DatasetFormatError, Vd4rlError
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.upstream.checks import check_kind, check_rows, exact, fail, first_true, real
from vd4rl_data.upstream.rows import (
    NO_DISCOUNT,
    Expected,
    Piece,
    Rows,
    UpstreamEpisode,
    shifted,
)

MAX_MEMBER_BYTES: Final = 256 * 2**20
"""Largest array that is read: ten times the pixels of the largest episode of any suite."""

_DATA_KEYS: Final = ("image", "action", "reward")
_FLAG_KEYS: Final = ("is_first", "is_last", "is_terminal")
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN_ZIP: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,  # also NotImplementedError: encrypted, or an unknown version of zip
)


def read_episode(path: Path, spec: DatasetSpec) -> UpstreamEpisode:
    """Read one episode in this process; :func:`vd4rl_data.upstream.read_folder` isolates it.

    Raises:
        CorruptFileError: the bytes are not those that were written.
        DatasetFormatError: a key is missing or unfit, or the flags contradict each other.
        InvalidEpisodeError: the episode breaks an invariant.
    """
    return npz_episode(path.name, read_npz(path, Expected.of(spec)), spec)


def npz_episode(name: str, piece: Piece, spec: DatasetSpec) -> UpstreamEpisode:
    """Shift and validate what :func:`read_npz` found in the file called ``name``."""
    episode = shifted(name, piece.rows, is_last=piece.is_last)
    validate(episode, name, size=spec.size, action_size=spec.task.action_size)
    return UpstreamEpisode(episode, name, piece.repairs)


def read_npz(path: Path, expected: Expected) -> Piece:
    """Read the rows of one episode, in the files' convention. Raises as :func:`read_episode`."""
    where = path.name
    layout = expected.state_layout
    known = {*_DATA_KEYS, "discount", *_FLAG_KEYS, *(key for key, _ in layout)}
    with path.open("rb"):
        pass  # a missing or forbidden file is the caller's error, not a corrupt file
    arrays, unknown = _load(path, known)
    repairs = [f"left out the unknown array {key!r}" for key in unknown]
    state = {key: arrays.pop(key) for key, _ in layout if key in arrays}
    rows = _check_data(where, arrays, expected)
    cut = _trim_flags(where, arrays, rows)
    if cut:
        repairs.append(cut)
    _check_flags(where, arrays)
    if not {"discount", "is_terminal"} & arrays.keys():
        repairs.append(NO_DISCOUNT)
    found, left_out = _state(where, state, layout, rows)
    repairs += left_out
    is_last = not cut and bool(arrays.get("is_last", np.ones(1, dtype=np.bool_))[-1])
    if not is_last and not cut:
        repairs.append("is_last is true nowhere: the episode is cut; marked as truncated")
    content = Rows(
        observations=arrays["image"],
        actions=arrays["action"],
        rewards=arrays["reward"],
        discounts=_discounts(where, arrays, rows),
        state=found,
    )
    return Piece(content, start=0, is_first=True, is_last=is_last, repairs=tuple(repairs))


def _load(path: Path, known: set[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The known arrays of an archive, and the names of the others."""
    with _broken_zip(path.name), zipfile.ZipFile(path) as archive:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            key = info.filename.removesuffix(".npy")
            if key in members:
                raise DatasetFormatError(f"{path.name}: {key}: expected one array, got two")
            members[key] = info
        arrays = {
            key: _array(f"{path.name}: {key}", archive, info)
            for key, info in members.items()
            if key in known
        }
    return arrays, sorted(set(members) - known)


@contextmanager
def _broken_zip(name: str) -> Generator[None, None, None]:
    try:
        yield
    except Vd4rlError:
        raise
    except _BROKEN_ZIP as error:
        raise CorruptFileError(
            f"{name}: expected an intact .npz archive, got {type(error).__name__}: {error}; "
            "download the file again"
        ) from error


def _array(where: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One member: its checksum verified, its header held against its size before allocation."""
    if info.compress_type not in _COMPRESSIONS:
        raise CorruptFileError(
            f"{where}: expected a stored or deflated member, got type {info.compress_type}"
        )
    if info.file_size > MAX_MEMBER_BYTES:
        raise CorruptFileError(
            f"{where}: expected at most {MAX_MEMBER_BYTES:,} bytes, the archive declares "
            f"{info.file_size:,}"
        )
    with archive.open(info) as member:
        stream = io.BytesIO(
            member.read(info.file_size + 1)
        )  # bounded, and to the end: checks the CRC
    size = stream.getbuffer().nbytes
    shape, dtype = _header(stream)
    if dtype.hasobject:
        raise DatasetFormatError(
            f"{where}: expected numbers, got Python objects, which only unpickling could read"
        )
    declared = math.prod(shape) * dtype.itemsize
    if declared != size - stream.tell():
        raise CorruptFileError(
            f"{where}: the header declares {dtype} of shape {shape}, {declared:,} bytes, "
            f"but {size - stream.tell():,} bytes follow"
        )
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"unknown version {version} of the .npy format")
    return shape, dtype


def _check_data(where: str, arrays: dict[str, NDArray[Any]], expected: Expected) -> int:
    """Check keys, types and shapes, convert what is of another type; returns the number of rows."""
    for key in _DATA_KEYS:
        if key not in arrays:
            fail(where, key, f"the keys {', '.join(_DATA_KEYS)}", f"{sorted(arrays)}")
    rows = len(arrays["action"]) if arrays["action"].ndim else 0
    check_rows(where, rows, expected)
    frame = (expected.size, expected.size)
    row_shapes = {"image": ((*frame, 3), (3, *frame)), "action": ((expected.action_size,),)}
    types = {"image": "uint8", "action": "float32", **dict.fromkeys(_FLAG_KEYS, "bool")}
    for key, values in arrays.items():
        row_shape = check_kind(
            where,
            key,
            dtype=values.dtype,
            shape=values.shape,
            row_shapes=row_shapes.get(key, ((),)),
        )
        if key not in _FLAG_KEYS and len(values) != rows:
            fail(where, key, f"{rows} rows (as many as action)", f"{len(values)}")
        shaped = values.reshape(len(values), *row_shape)
        if row_shape == (3, *frame):
            shaped = shaped.transpose(0, 2, 3, 1)
        to = types.get(key)
        arrays[key] = real(where, key, shaped) if to is None else exact(where, key, shaped, to)
    return rows


def _trim_flags(where: str, arrays: dict[str, NDArray[Any]], rows: int) -> str | None:
    """Trim flags that are longer than the data; says so if it did.

    The official converter writes flags of full length even for the rest of a source that ends
    inside an episode, so the last of them stands behind the cut and tells nothing about it.
    """
    found = {key: len(arrays[key]) for key in _FLAG_KEYS if key in arrays}
    for key, length in found.items():
        if length < rows:
            fail(where, key, f"{rows} rows (as many as action)", f"{length}")
        arrays[key] = arrays[key][:rows]
    longer = [f"{key} {length}" for key, length in found.items() if length > rows]
    if not longer:
        return None
    return (
        f"flags longer than the {rows} rows of data ({', '.join(longer)}) trimmed: "
        "the episode is cut; marked as truncated"
    )


def _check_flags(where: str, arrays: dict[str, NDArray[Any]]) -> None:
    """The flags describe one episode: first at row 0 only, last and terminal at the end only."""
    first = arrays.get("is_first")
    if first is not None and not (first[0] and first_true(first[1:]) is None):
        got = "none at row 0" if not first[0] else f"another at row {int(np.flatnonzero(first)[1])}"
        fail(where, "is_first", "one episode: true at row 0 only", got)
    for key in ("is_last", "is_terminal"):
        early = first_true(arrays[key][:-1]) if key in arrays else None
        if early is not None:
            fail(where, key, "true at the last row only", f"true at row {early}")
    both = "is_terminal" in arrays and "is_last" in arrays
    if both and arrays["is_terminal"][-1] and not arrays["is_last"][-1]:
        fail(where, "is_terminal", "is_last where the episode terminates", "is_last false")


def _discounts(where: str, arrays: dict[str, NDArray[Any]], rows: int) -> NDArray[Any]:
    """(R,): the file's, or ones with a 0 where ``is_terminal`` is true; both must agree."""
    terminal = arrays.get("is_terminal")
    discount = arrays.get("discount")
    if discount is None:
        return np.where(np.zeros(rows, np.bool_) if terminal is None else terminal, 0.0, 1.0)
    if terminal is not None:
        differs = first_true((discount == 0) != terminal)
        if differs is not None:
            fail(
                where,
                "is_terminal",
                "true exactly where the discount is 0",
                f"{bool(terminal[differs])} with discount {discount[differs]} at row {differs}",
            )
    return discount


def _state(
    where: str, arrays: dict[str, NDArray[Any]], layout: tuple[tuple[str, int], ...], rows: int
) -> tuple[NDArray[np.float32] | None, list[str]]:
    """float32 (R, S): the proprioceptive arrays side by side, in the suite's order.

    A dataset does without. Unless all of them are there and fit, they are left out; the second
    value says so.
    """
    missing = [key for key, _ in layout if key not in arrays]
    if not arrays:
        return None, []
    if missing:
        return None, [
            f"left out {', '.join(arrays)}: the state of this task is "
            f"{', '.join(key for key, _ in layout)}, and the file has no {', '.join(missing)}"
        ]
    blocks: list[NDArray[np.float32]] = []
    try:
        for key, columns in layout:
            values = arrays[key]
            check_kind(where, key, dtype=values.dtype, shape=values.shape, row_shapes=((columns,),))
            if len(values) != rows:
                fail(where, key, f"{rows} rows (as many as action)", f"{len(values)}")
            blocks.append(exact(where, key, values.reshape(rows, columns), "float32"))
    except DatasetFormatError as error:
        return None, [f"left out {', '.join(arrays)}: {str(error).removeprefix(f'{where}: ')}"]
    return np.concatenate(blocks, axis=1), []
