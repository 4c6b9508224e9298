"""Running, stopping, and being asked by many."""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from vd4rl_data.errors import MirrorError
from vd4rl_data.hub.mirror import MirrorServer, connections
from vd4rl_data.hub.mirror.__main__ import main
from vd4rl_data.hub.mirror.server import log_exchange

TARGET = "/datasets/lab/pixels/resolve/main/"


def _connect(mirror: Any) -> socket.socket:
    address = urlsplit(mirror.url)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def test_stopping_ends_every_connection_and_thread(make_mirror: Any) -> None:
    before = set(threading.enumerate())
    mirror = make_mirror({"a.bin": bytes(50_000_000)})
    port = mirror.server.port
    idle = [_connect(mirror) for _ in range(5)]
    half = _connect(mirror)
    half.sendall(b"GET /datasets/la")
    busy = _connect(mirror)
    busy.sendall(f"GET {TARGET}a.bin HTTP/1.1\r\n\r\n".encode())
    assert busy.recv(12) == b"HTTP/1.1 200"  # and never reads on
    mirror.server.stop()
    mirror.server.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass
    for connection in (*idle, half, busy):
        connection.close()


def test_stopping_ends_hashing(make_mirror: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = make_mirror({})
    large = mirror.folder / "large.bin"
    with large.open("wb") as file:
        file.truncate(1 << 40)  # hours of hashing
    with _connect(mirror) as connection:
        connection.sendall(f"GET {TARGET}large.bin HTTP/1.1\r\n\r\n".encode())
        while not mirror.begun:
            time.sleep(0.002)
        mirror.server.stop()
        assert connection.recv(1) == b""
    assert not [thread for thread in threading.enumerate() if "mirror" in thread.name]


def test_a_mirror_starts_once(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    server = MirrorServer(tmp_path)
    with pytest.raises(MirrorError, match="does not run"):
        _ = server.url
    with server, pytest.raises(MirrorError, match="starts once"):
        server.start()
    with pytest.raises(MirrorError, match="starts once"):
        server.start()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MirrorError, match=f"127.0.0.1:{port}"):
            MirrorServer(tmp_path, port=port).start()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_the_address_it_is_bound_to(tmp_path: Path, ask: Any, host: str) -> None:
    if host == "::1" and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    (tmp_path / "datasets").mkdir()
    with MirrorServer(tmp_path, host) as server:
        assert ask(server, "/")[0] == 200
        shown = "[::1]" if host == "::1" else host
        assert server.url == f"http://{shown}:{server.port}"


def test_bound_to_all_addresses_it_gives_this_machine_s_name(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    server = MirrorServer(tmp_path, "0.0.0.0")
    with server:
        assert server.url == f"http://{socket.gethostname()}:{server.port}"


def test_many_clients_get_their_own_ranges(make_mirror: Any, ask: Any) -> None:
    content = os.urandom(2_000_000)
    mirror = make_mirror({"a.bin": content})

    def part(number: int) -> bool:
        start = number * 7919 % 1_900_000
        header = f"bytes={start}-{start + 49_999}"
        return ask(mirror, TARGET + "a.bin", Range=header)[2] == content[start : start + 50_000]

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(part, range(300)))
    assert len(mirror.requests()) == 300
    counters = mirror.server.counters
    assert (counters.requests, counters.errors) == (300, 0)
    assert counters.bytes_sent == 300 * 50_000
    assert ask(mirror, TARGET + "no")[0] == 404
    mirror.faults.drop("a.bin")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(mirror, TARGET + "a.bin")
    mirror.requests()
    assert mirror.server.counters.errors == 2


def test_too_many_connections_are_turned_away(
    make_mirror: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    mirror = make_mirror({"a.txt": b"a"})
    held = [_connect(mirror) for _ in range(2)]
    for connection in held:
        connection.sendall(f"GET {TARGET}a.txt HTTP/1.1\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    with _connect(mirror) as third:
        assert third.recv(1000).startswith(b"HTTP/1.1 503 ")
    for connection in held:
        connection.close()
    while any(thread.name == "mirror-connection" for thread in threading.enumerate()):
        time.sleep(0.002)
    assert ask(mirror, TARGET + "a.txt")[0] == 200


def test_an_idle_connection_is_closed(make_mirror: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections._Connection, "timeout", 0.05)
    mirror = make_mirror({})
    with _connect(mirror) as connection:
        assert connection.recv(1) == b""


def test_a_client_that_leaves_is_counted_with_what_it_got(make_mirror: Any, ask: Any) -> None:
    mirror = make_mirror({"a.bin": bytes(60_000_000)})
    with _connect(mirror) as connection:
        connection.sendall(f"GET {TARGET}a.bin HTTP/1.1\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    (exchange,) = mirror.requests("a.bin")
    assert exchange.status == 200
    assert 0 < exchange.bytes_sent < 60_000_000
    assert ask(mirror, TARGET + "a.bin", Range="bytes=0-9")[2] == bytes(10)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_a_large_file_never_stands_in_memory(make_mirror: Any) -> None:
    size = 512 << 20
    mirror = make_mirror({})
    with (mirror.folder / "large.bin").open("wb") as file:
        file.truncate(size)
    connection = http.client.HTTPConnection(urlsplit(mirror.url).netloc, timeout=60)
    before = peak = _resident()
    connection.request("GET", TARGET + "large.bin")
    response = connection.getresponse()
    received = 0
    buffer = bytearray(1 << 20)
    while count := response.readinto(buffer):
        received += count
        peak = max(peak, _resident())
    connection.close()
    assert received == size
    assert peak - before < 64 << 20


def test_offsets_beyond_four_gigabytes(make_mirror: Any, ask: Any) -> None:
    size = 6 << 30
    mirror = make_mirror({})
    path = mirror.folder / "large.bin"
    with path.open("wb") as file:
        file.truncate(size)
        file.seek((4 << 30) - 2)
        file.write(b"boundary")
    status = path.stat()
    row = [size, status.st_mtime_ns, "ab" * 32, None, True]  # six gigabytes need not be hashed
    journal = mirror.folder.parent / ".pixels.hashes.json"
    journal.write_text(json.dumps({"version": 1, "files": {"large.bin": row}}))
    start = (4 << 30) - 3
    code, headers, body = ask(mirror, TARGET + "large.bin", Range=f"bytes={start}-{start + 9}")
    assert (code, body) == (206, b"\0boundary\0")
    assert headers["ETag"] == f'"{"ab" * 32}"'
    assert ask(mirror, TARGET + "large.bin", Range="bytes=-1")[2] == b"\0"
    with _connect(mirror) as connection:  # the whole file: more than one call of sendfile moves
        connection.sendall(f"GET {TARGET}large.bin HTTP/1.1\r\n\r\n".encode())
        assert b"Content-Length: 6442450944\r\n" in connection.recv(1000)


def test_an_error_in_middleware_ends_one_connection_only(
    make_mirror: Any, ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise ValueError("a bug")

    mirror = make_mirror({"a.txt": b"a"})
    mirror.faults.add("a.txt", fail)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(mirror, TARGET + "a.txt")
    assert ask(mirror, TARGET + "a.txt")[2] == b"a"
    assert "a bug" in caplog.text


def test_the_access_log_holds_no_token(
    make_mirror: Any, ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "vd4rl_data")
    mirror = make_mirror({"a.txt": b"a\n"}, token="s3cret")
    ask(mirror, TARGET + "a.txt", Authorization="Bearer s3cret")
    ask(mirror, TARGET + "%0aforged", Authorization="Bearer s3cret-wrong")
    for exchange in mirror.requests():
        log_exchange(exchange)
    assert f"GET '{TARGET}a.txt'  -> 200, 2 bytes" in caplog.text
    assert "s3cret" not in caplog.text
    assert "\nforged" not in caplog.text


@pytest.mark.parametrize("given", [None, "Basic open", "Bearer", "Bearer ope", "Bearer openn"])
def test_without_the_token_nothing_is_told(make_mirror: Any, ask: Any, given: str | None) -> None:
    mirror = make_mirror({"a.txt": b"a"}, token="open")
    headers = {} if given is None else {"Authorization": given}
    for target in ("/", TARGET + "a.txt", "/api/datasets/lab/no", "/api/datasets"):
        assert ask(mirror, target, **headers)[0] == 401
    assert ask(mirror, TARGET + "a.txt", Authorization="bearer  open")[0] == 200


def test_the_command_serves_until_it_is_terminated(tmp_path: Path) -> None:
    folder = tmp_path / "mirror" / "datasets" / "lab" / "pixels"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"\0pixels")
    root = Path(__file__).parents[3]
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "VD4RL_MIRROR_TOKEN": "open",
    }
    command = [sys.executable, "-m", "vd4rl_data.hub.mirror", str(tmp_path / "mirror")]
    with subprocess.Popen(
        [*command, "--port", "0", "--quiet"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.fullmatch(r"export HF_ENDPOINT=http://127\.0\.0\.1:\d+\n", line)
        script = (
            "from huggingface_hub import hf_hub_download as get\n"
            "print(open(get('lab/pixels', 'a.bin', repo_type='dataset'), 'rb').read())"
        )
        endpoint = line.strip().partition("=")[2]
        result = subprocess.run(
            [sys.executable, "-c", script],
            env={**environment, "HF_ENDPOINT": endpoint, "HF_TOKEN": "open"},
            capture_output=True,
            text=True,
            check=True,
        )
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=60)
    assert repr(b"\0pixels") in result.stdout
    assert (process.returncode, rest, errors) == (0, "", "")


def test_the_command_explains_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 1
    assert "datasets/<namespace>/<name>" in capsys.readouterr().err


def test_content_is_what_the_hash_says(make_mirror: Any, ask: Any) -> None:
    content = os.urandom(3_000_001)
    mirror = make_mirror({"a.bin": content})
    _, headers, body = ask(mirror, TARGET + "a.bin")
    assert headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
    assert body == content
