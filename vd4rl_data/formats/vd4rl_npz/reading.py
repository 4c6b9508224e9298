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
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats.checks import check_kind, check_rows, exact, fail, first_true, real
from vd4rl_data.formats.pieces import Expected, ReadEpisode
from vd4rl_data.formats.rows import NO_DISCOUNT, Rows, shifted
from vd4rl_data.formats.vd4rl_npz.archive import read_archive

_DATA_KEYS: Final = ("image", "action", "reward")
_FLAG_KEYS: Final = ("is_first", "is_last", "is_terminal")


def read(path: Path, expected: Expected) -> Iterator[ReadEpisode]:
    """Yield the one episode of a file.

    Raises:
        CorruptFileError: the bytes are not those that were written.
        DatasetFormatError: a key is missing or unfit, or the flags contradict each other.
    """
    where = path.name
    layout = expected.state_layout
    known = {*_DATA_KEYS, "discount", *_FLAG_KEYS, *(key for key, _ in layout)}
    with path.open("rb"):
        pass  # a missing or forbidden file is the caller's error, not a corrupt file
    arrays, unknown = read_archive(path, known)
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
    episode = shifted(where, content, is_last=is_last)
    yield ReadEpisode(episode, where, tuple(repairs))


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
