"""The faults that other tests rely on do what they say."""

from __future__ import annotations

import http.client
import time
from typing import Any

import pytest

TARGET = "/datasets/lab/pixels/resolve/main/a.bin"
CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def one(make_mirror: Any) -> Any:
    return make_mirror({"a.bin": CONTENT, "b.bin": b"\0b"})


def test_cut(one: Any, ask: Any) -> None:
    one.faults.cut("a.bin", after=100_000)
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(one, TARGET)
    assert caught.value.partial == CONTENT[:100_000]
    assert ask(one, TARGET)[2] == CONTENT
    assert [e.bytes_sent for e in one.requests("a.bin")] == [100_000, len(CONTENT)]


def test_corrupt(one: Any, ask: Any) -> None:
    one.faults.corrupt("a.bin", at=70_000, times=None)
    body = ask(one, TARGET)[2]
    assert [i for i in range(len(CONTENT)) if body[i] != CONTENT[i]] == [70_000]
    part = ask(one, TARGET, Range="bytes=69999-70001")[2]
    assert part != CONTENT[69_999:70_002]
    assert ask(one, TARGET, Range="bytes=0-9")[2] == CONTENT[:10]


def test_longer(one: Any, ask: Any) -> None:
    one.faults.longer("a.bin", b"more")
    assert ask(one, TARGET)[2] == CONTENT + b"more"


def test_status(one: Any, ask: Any) -> None:
    one.faults.status("a.bin", 429, times=2, retry_after="1")
    assert [ask(one, TARGET)[0] for _ in range(3)] == [429, 429, 200]
    one.faults.status("a.bin", 503, times=1, methods=("HEAD",))
    assert [ask(one, TARGET, method)[0] for method in ("GET", "HEAD", "HEAD")] == [200, 503, 200]
    assert ask(one, TARGET.replace("a.bin", "b.bin"))[0] == 200


def test_redirect(one: Any, ask: Any) -> None:
    one.faults.redirect("a.bin", one.file_url("b.bin"))
    status, headers, _ = ask(one, TARGET)
    assert (status, headers["Location"]) == (302, one.file_url("b.bin"))


def test_refuse_ranges(one: Any, ask: Any) -> None:
    one.faults.refuse_ranges("a.bin")
    status, _, body = ask(one, TARGET, Range="bytes=5-9")
    assert (status, body) == (200, CONTENT)


def test_header(one: Any, ask: Any) -> None:
    one.faults.header("a.bin", ETag='"other"', Accept_Ranges=None)
    headers = ask(one, TARGET, "HEAD")[1]
    assert headers["ETag"] == '"other"'
    assert "Accept-Ranges" not in headers


def test_drop(one: Any, ask: Any) -> None:
    one.faults.drop("a.bin")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(one, TARGET)
    assert [e.status for e in one.requests("a.bin")] == [0]
    assert ask(one, TARGET)[0] == 200


def test_delay_and_slow(one: Any, ask: Any) -> None:
    started = time.monotonic()
    one.faults.delay("a.bin", 0.2)
    ask(one, TARGET)
    one.faults.slow("b.bin", piece=1, seconds=0.1)
    assert ask(one, TARGET.replace("a.bin", "b.bin"))[2] == b"\0b"
    assert time.monotonic() - started >= 0.3


def test_hang(one: Any) -> None:
    one.faults.hang("a.bin", after=10)
    connection = http.client.HTTPConnection(one.url.removeprefix("http://"), timeout=0.3)
    connection.request("GET", TARGET)
    response = connection.getresponse()
    assert response.read(10) == CONTENT[:10]
    with pytest.raises(TimeoutError):
        response.read(1)
    connection.close()
