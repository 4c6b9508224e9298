"""Large files come in one answer, whatever the network and the client's own parts make of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from tests.download.conftest import QUICK, MakeHub, assert_whole, content, get, remote
from vd4rl_data.download.fetch import IN_FLIGHT_BYTES

MEGABYTE = 1 << 20
SIZE = 20 * MEGABYTE + 1
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def large() -> Files:
    """One file, so large that its ranges would be many."""
    return {"a.bin": content(1, SIZE)}


def fetch_large(files: Files, folder: Path, url: str, **options: Any) -> None:
    """As a user does, but with quick settings."""
    get(remote(files), folder, url, **({"in_flight": IN_FLIGHT_BYTES} | options))
    assert_whole(folder, files)


def test_one_answer_brings_it(make_hub: MakeHub, tmp_path: Path, large: Files) -> None:
    hub = make_hub(large)
    fetch_large(large, tmp_path, hub.url)
    assert [one.bytes_sent for one in hub.requests("a.bin")] == [SIZE]


def test_it_is_gone_on_with_from_where_it_was(
    make_hub: MakeHub, tmp_path: Path, large: Files
) -> None:
    hub = make_hub(large)
    (tmp_path / "a.bin.incomplete").write_bytes(large["a.bin"][:MEGABYTE])
    fetch_large(large, tmp_path, hub.url)
    assert [one.bytes_sent for one in hub.requests("a.bin")] == [SIZE - MEGABYTE]


@pytest.mark.parametrize("after", [0, 1000, 5 * MEGABYTE, SIZE - 1])
def test_a_cut_connection_costs_no_byte(
    make_hub: MakeHub, tmp_path: Path, large: Files, after: int
) -> None:
    hub = make_hub(large)
    hub.cut("a.bin", after)
    fetch_large(large, tmp_path, hub.url)
    assert hub.bytes_sent("a.bin") == SIZE


@pytest.mark.parametrize("after", [1000, 5 * MEGABYTE])
def test_silence_counts_as_a_cut(
    make_hub: MakeHub, tmp_path: Path, large: Files, after: int
) -> None:
    hub = make_hub(large)
    hub.hang("a.bin", after)
    fetch_large(large, tmp_path, hub.url, patience=replace(QUICK, silence=0.3))


def test_a_server_that_refuses_ranges_sends_it_once(
    make_hub: MakeHub, tmp_path: Path, large: Files
) -> None:
    hub = make_hub(large)
    hub.refuse_ranges("a.bin")
    fetch_large(large, tmp_path, hub.url)
    assert hub.bytes_sent("a.bin") == SIZE


def test_wrong_bytes_once_are_fetched_again(
    make_hub: MakeHub, tmp_path: Path, large: Files
) -> None:
    hub = make_hub(large)
    hub.add("a.bin", lambda one, handler: _with_body(handler(one), bytes(SIZE)))
    fetch_large(large, tmp_path, hub.url)
    assert hub.bytes_sent("a.bin") == 2 * SIZE


def _with_body(response: Any, body: bytes) -> Any:
    response.body = [body]
    return response


@pytest.mark.parametrize("form", ["whole", "pieces", "late"])
def test_a_client_whose_transport_takes_the_body_itself(
    make_hub: MakeHub, tmp_path: Path, large: Files, form: str
) -> None:
    """What the connection then gives is nothing, or too little, and not what comes next."""
    httpx: Any = sys.modules[type(huggingface_hub.utils.get_session()).__module__.split(".")[0]]

    class Transport(httpx.BaseTransport):
        def __init__(self) -> None:
            self._inner = httpx.HTTPTransport()

        def handle_request(self, request: Any) -> Any:
            response = self._inner.handle_request(request)
            body = _pieces(response.stream, form)
            kept = {"headers": response.headers, "extensions": response.extensions}
            return httpx.Response(response.status_code, content=body, **kept)

        def close(self) -> None:
            self._inner.close()

    default = huggingface_hub.utils._http.default_client_factory
    huggingface_hub.set_client_factory(lambda: httpx.Client(transport=Transport()))
    try:
        patience = replace(QUICK, silence=0.3)
        fetch_large(large, tmp_path, make_hub(large).url, patience=patience)
    finally:
        huggingface_hub.set_client_factory(default)


def _pieces(stream: Any, form: str) -> Iterator[bytes]:
    if form == "late":  # one piece is always held back
        held = b""
        for piece in stream:
            yield held
            held = piece
        yield held
        return
    body = b"".join(stream)
    step = len(body) if form == "whole" else 100_000
    for start in range(0, len(body), step):
        yield body[start : start + step]
