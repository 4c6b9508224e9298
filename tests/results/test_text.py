"""Strict JSON."""

from __future__ import annotations

import pytest

from vd4rl_data.results.text import MAX_BYTES, MAX_DEPTH, StrictJsonError, parse_json

HOSTILE = {
    "duplicate name": (b'{"a": 1, "a": 1}', "appears twice"),
    "duplicate name, escaped": (b'{"a": 1, "\\u0061": 1}', "appears twice"),
    "duplicate name, deep": (b'[{"b": {"a": 1, "a": 2}}]', "appears twice"),
    "not a number": (b"[NaN]", "NaN"),
    "infinity": (b"[Infinity]", "Infinity"),
    "minus infinity": (b"[-Infinity]", "Infinity"),
    "overflow": (b"[1e999]", "float64"),
    "long integer": (b"[" + b"9" * 5000 + b"]", "5000 digits"),
    "long float": (b"[0." + b"1" * 5000 + b"]", "float64"),
    "deep lists": (b"[" * 100_000, "nested deeper"),
    "deep objects": (b'{"a":' * 100_000, "nested deeper"),
    "deep after a quote": (b'["\\"[[[", ' + b"[" * 50, "nested deeper"),
    "quotes": (b'"' + b'\\"' * 1_000_000, "not JSON"),
    "backslash": (b'"' + b"\\" * 999_999, "not JSON"),
    "many names": (b"{" + b",".join(b'"%d":1' % i for i in range(1001)) + b"}", "1001 names"),
    "large": (b" " * (MAX_BYTES + 1), "at most"),
    "bad UTF-8": (b'["\xff"]', "UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf{}", "not JSON"),
    "empty": (b"", "not JSON"),
    "cut": (b'{"a": ', "not JSON"),
    "two documents": (b"{} {}", "not JSON"),
    "comment": (b"{} // no", "not JSON"),
    "single quotes": (b"{'a': 1}", "not JSON"),
    "trailing comma": (b"[1,]", "not JSON"),
    "control character": (b'["\n"]', "not JSON"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_with_a_reason(name: str) -> None:
    data, reason = HOSTILE[name]
    with pytest.raises(StrictJsonError, match=reason):
        parse_json(data)


def test_brackets_in_strings_are_no_depth() -> None:
    text = '["' + "[{" * 100 + '"]'
    assert parse_json(text.encode()) == ["[{" * 100]


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_the_limit_of_depth_is_exact(depth: int) -> None:
    data = b"[" * depth + b"]" * depth
    if depth > MAX_DEPTH:
        with pytest.raises(StrictJsonError, match="nested deeper"):
            parse_json(data)
    else:
        assert parse_json(data) is not None
