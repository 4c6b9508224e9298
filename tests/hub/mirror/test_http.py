"""HTTP as other clients speak it: ranges, conditions, and requests that mean harm."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vd4rl_data.hub.mirror.api import MirrorApi
from vd4rl_data.hub.mirror.folder import MirrorFolder
from vd4rl_data.hub.mirror.messages import Request, UnsatisfiableRangeError, byte_range

NAME = "train/00.bin"
TARGET = f"/datasets/lab/pixels/resolve/main/{NAME}"


@pytest.mark.parametrize(
    ("header", "first", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100-", 100, None),
        ("bytes=0-", 0, None),
        ("bytes=-7", -7, None),
        ("bytes=-99999999", 0, None),
        ("bytes=5-99999999999999", 5, None),
    ],
)
def test_a_range(
    mirror: Any, ask: Any, files: dict[str, bytes], header: str, first: int, stop: int | None
) -> None:
    content = files[NAME]
    status, headers, body = ask(mirror, TARGET, Range=header)
    assert status == 206
    assert body == content[first:stop]
    start = first % len(content)
    assert headers["Content-Range"] == f"bytes {start}-{start + len(body) - 1}/{len(content)}"
    assert headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    "header", ["bytes=5-2", "bytes=0-1,4-5", "bytes=-", "bytes=a-b", "rows=0-1", "bytes=٣-٤", ""]
)
def test_a_range_that_is_none_is_ignored(
    mirror: Any, ask: Any, files: dict[str, bytes], header: str
) -> None:
    raw_header = header.encode("utf-8").decode("latin-1")
    status, headers, body = ask(mirror, TARGET, Range=raw_header)
    assert (status, body) == (200, files[NAME])
    assert "Content-Range" not in headers


@pytest.mark.parametrize("header", ["bytes=99999999-", "bytes=179200-", "bytes=-0"])
def test_a_range_outside_is_refused(
    mirror: Any, ask: Any, files: dict[str, bytes], header: str
) -> None:
    status, headers, _ = ask(mirror, TARGET, Range=header)
    assert status == 416
    assert headers["Content-Range"] == f"bytes */{len(files[NAME])}"


def test_an_empty_file_has_no_range(mirror: Any, ask: Any) -> None:
    target = "/datasets/lab/pixels/resolve/main/empty.txt"
    assert ask(mirror, target)[0::2] == (200, b"")
    assert ask(mirror, target, Range="bytes=0-")[0] == 416
    assert ask(mirror, target, Range="bytes=-1")[0] == 416


@given(size=st.integers(0, 12), first=st.none() | st.integers(0, 14), last=st.integers(0, 14))
def test_ranges_are_slices(size: int, first: int | None, last: int) -> None:
    data = bytes(range(size))
    header = f"bytes={'' if first is None else first}-{last}"
    if first is None:
        expected = data[-last:] if last else b""
    elif last < first:
        assert byte_range(header, size) is None
        return
    else:
        expected = data[first : last + 1]
    if not expected:
        with pytest.raises(UnsatisfiableRangeError):
            byte_range(header, size)
    else:
        start, stop = byte_range(header, size) or (0, 0)
        assert data[start:stop] == expected


def test_the_head_says_what_the_body_would_be(
    mirror: Any, ask: Any, files: dict[str, bytes]
) -> None:
    status, headers, body = ask(mirror, TARGET, "HEAD", Range="bytes=0-1")
    digest = hashlib.sha256(files[NAME]).hexdigest()
    assert (status, body) == (200, b"")
    assert headers["Content-Length"] == headers["X-Linked-Size"] == str(len(files[NAME]))
    assert headers["ETag"] == headers["X-Linked-Etag"] == f'"{digest}"'
    assert headers["Accept-Ranges"] == "bytes"
    assert len(headers["X-Repo-Commit"]) == 40
    assert "Last-Modified" not in headers


def test_small_text_is_known_by_its_git_id(mirror: Any, ask: Any, files: dict[str, bytes]) -> None:
    content = files["README.md"]
    _, headers, _ = ask(mirror, "/datasets/lab/pixels/resolve/main/README.md", "HEAD")
    git_id = hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()
    assert headers["ETag"] == f'"{git_id}"'
    assert "X-Linked-Etag" not in headers


def test_a_range_of_another_version_gets_the_whole(
    mirror: Any, ask: Any, files: dict[str, bytes]
) -> None:
    etag = ask(mirror, TARGET, "HEAD")[1]["ETag"]
    assert ask(mirror, TARGET, Range="bytes=0-1", If_Range=etag)[0] == 206
    status, _, body = ask(mirror, TARGET, Range="bytes=0-1", If_Range='"other"')
    assert (status, body) == (200, files[NAME])
    assert ask(mirror, TARGET, If_None_Match=etag)[0::2] == (304, b"")
    assert ask(mirror, TARGET, If_None_Match='"other"')[0] == 200


def test_one_connection_serves_many_requests(mirror: Any, raw: Any) -> None:
    get = b"GET /datasets/lab/pixels/resolve/main/README.md HTTP/1.1\r\nHost: x\r\n"
    missing = b"GET /datasets/lab/pixels/resolve/main/no HTTP/1.1\r\nHost: x\r\n\r\n"
    same = b"HEAD" + get[3:] + b"\r\n"
    answer = raw(mirror, get + b"\r\n" + missing + same + get + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"HTTP/1.1 404 ") == 1
    assert answer.count(b"# Pixels\n") == 2


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"PUT / HTTP/1.1\r\n\r\n", 501),
        (b"DELETE /datasets/lab/pixels/resolve/main/README.md HTTP/1.1\r\n\r\n", 501),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_a_bad_request_is_refused_and_the_connection_ends(
    mirror: Any, raw: Any, ask: Any, request_bytes: bytes, status: int
) -> None:
    answer = raw(mirror, request_bytes)
    assert b"%d" % status in answer
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert ask(mirror, "/")[0] == 200


def test_the_mirror_cannot_be_written_to(mirror: Any, ask: Any) -> None:
    for target in (TARGET, "/api/datasets/lab/pixels", "/api/datasets/lab/pixels/tree/main"):
        status, headers, _ = ask(mirror, target, "POST", b"")
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert ask(mirror, "/api/datasets/lab/pixels/paths-info/main")[0] == 405


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b'{"paths": ["README.md"]}', 200),
        ("application/x-www-form-urlencoded", b"paths=README.md&expand=False", 200),
        ("application/json", b'{"paths": [1]}', 400),
        ("application/json", b"[]", 400),
        ("application/json", b"{", 400),
        ("application/x-www-form-urlencoded", b"\xff", 400),
    ],
)
def test_the_forms_of_a_question_for_paths(
    mirror: Any, ask: Any, kind: str, body: bytes, status: int
) -> None:
    target = "/api/datasets/lab/pixels/paths-info/main"
    answer = ask(mirror, target, "POST", body, Content_Type=kind)
    assert answer[0] == status
    if status == 200:
        assert [entry["path"] for entry in json.loads(answer[2])] == ["README.md"]


def test_a_hostile_host_is_not_echoed(make_mirror: Any, raw: Any) -> None:
    mirror = make_mirror({f"{number:04d}": b"" for number in range(1001)})
    target = b"GET /api/datasets/lab/pixels/tree/main HTTP/1.1\r\nConnection: close\r\n"
    evil = raw(mirror, target + b"Host: evil>;\r\n\r\n")
    assert b"evil" not in evil
    assert b'Link: </api/datasets/lab/pixels/tree/main?cursor=0999>; rel="next"' in evil
    folded = raw(mirror, target + b"Host: a\r\n X-Evil: b\r\n\r\n")
    assert b"Evil" not in folded
    proxied = raw(mirror, target + b"Host: hub.lab\r\nX-Forwarded-Proto: https\r\n\r\n")
    assert b"Link: <https://hub.lab/api/" in proxied


SECRET = b"not for you"


@pytest.fixture
def guarded(tmp_path: Path) -> Path:
    """A mirror's folder with secrets all around and inside it."""
    root = tmp_path / "mirror"
    repository = root / "datasets" / "lab" / "pixels"
    repository.mkdir(parents=True)
    (repository / "open.txt").write_bytes(b"for all")
    outside = tmp_path / "outside"
    outside.mkdir()
    for folder in (tmp_path, outside, root, root / "datasets", root / "datasets" / "lab"):
        (folder / "secret.txt").write_bytes(SECRET)
    for private in (".git", ".cache"):
        (repository / private).mkdir()
        (repository / private / "secret.txt").write_bytes(SECRET)
    for name in (".mirror.json", "part.incomplete", "back\\slash", "new\nline", "esc\x1b[2J"):
        (repository / name).write_bytes(b"{}" if name == ".mirror.json" else SECRET)
    (repository / os.fsdecode(b"not utf8 \xff")).write_bytes(SECRET)
    (repository / "link.txt").symlink_to(outside / "secret.txt")
    (repository / "dots.txt").symlink_to("../../../../secret.txt")
    (repository / "folder").symlink_to(outside)
    (repository / "loop").symlink_to("loop")
    (repository / "self").symlink_to(".")
    os.mkfifo(repository / "pipe")
    (root / "datasets" / "lab" / "linked").symlink_to(outside)
    (root / "datasets" / "elsewhere").symlink_to(tmp_path)
    return root


@pytest.fixture
def api(guarded: Path) -> MirrorApi:
    return MirrorApi(MirrorFolder(guarded, None, threading.Event()), None)


def test_only_what_is_in_the_repository_is_listed(api: MirrorApi) -> None:
    listing = api(Request("GET", "/api/datasets/lab/pixels/tree/main?recursive=true"))
    assert isinstance(listing.body, bytes)
    assert [entry["path"] for entry in json.loads(listing.body)] == ["open.txt"]
    assert api(Request("GET", "/datasets/lab/pixels/resolve/main/open.txt")).status == 200
    datasets = api(Request("GET", "/api/datasets")).body
    assert datasets == b'[{"id": "lab/pixels"}]'


@pytest.mark.parametrize(
    "path",
    [
        "link.txt",
        "dots.txt",
        "folder/secret.txt",
        "self/open.txt",
        "pipe",
        "part.incomplete",
        ".mirror.json",
        ".git/secret.txt",
        ".cache/secret.txt",
        "back%5Cslash",
        "new%0Aline",
        "not%20utf8%20%FF",
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/%2e%2e/%2e%2e/secret.txt",
        "../.pixels.hashes.json",
        "./open.txt",
        "x/../open.txt",
        "//open.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..%5c..%5csecret.txt",
        "open.txt%00",
        "open.txt%00.bin",
        "open.txt/",
        "OPEN.TXT",
        "",
    ],
)
def test_nothing_else_is_sent(api: MirrorApi, path: str) -> None:
    response = api(Request("GET", f"/datasets/lab/pixels/resolve/main/{path}"))
    assert response.status == 404
    assert response.headers["X-Error-Code"] == "EntryNotFound"


@pytest.mark.parametrize(
    "repo_id",
    ["lab/linked", "elsewhere/outside", "lab/..", "lab/.", "../datasets", "%2e%2e/x", "lab/%00"],
)
def test_no_other_folder_is_a_repository(api: MirrorApi, repo_id: str) -> None:
    for target in (f"/datasets/{repo_id}/resolve/main/secret.txt", f"/api/datasets/{repo_id}"):
        response = api(Request("GET", target))
        assert response.status == 404
        assert response.headers["X-Error-Code"] == "RepoNotFound"


PARTS = ["..", ".", "", "%2e%2e", "%2e", "%2f", "%5c", "\\", "%00", "~", "secret.txt", "open.txt"]
PLACES = ["datasets", "api", "lab", "pixels", "resolve", "main", "tree", "linked", "link.txt"]


@pytest.fixture(scope="module")
def walled(tmp_path_factory: pytest.TempPathFactory) -> MirrorApi:
    root = tmp_path_factory.mktemp("walled")
    (root / "datasets" / "lab" / "pixels").mkdir(parents=True)
    (root / "secret.txt").write_bytes(SECRET)
    (root / "datasets" / "lab" / "pixels" / "open.txt").write_bytes(b"for all")
    (root / "datasets" / "lab" / "pixels" / "link.txt").symlink_to("/etc/passwd")
    return MirrorApi(MirrorFolder(root, None, threading.Event()), None)


@given(st.lists(st.sampled_from(PARTS + PLACES) | st.text(max_size=3), max_size=9))
def test_no_path_leads_out(walled: MirrorApi, parts: list[str]) -> None:
    for prefix in ("", "/datasets/lab/pixels/resolve/main/"):
        response = walled(Request("GET", prefix + "/".join(parts)))
        if not isinstance(response.body, bytes):
            assert response.body.location.name == "open.txt"  # type: ignore[union-attr]


def test_a_link_inside_the_mirror_is_followed(make_mirror: Any, ask: Any) -> None:
    mirror = make_mirror({"a.bin": b"\0content"})
    (mirror.folder / "b.bin").symlink_to("a.bin")
    assert ask(mirror, "/datasets/lab/pixels/resolve/main/b.bin")[2] == b"\0content"


def test_a_file_that_became_a_link_is_not_sent(make_mirror: Any, ask: Any, tmp_path: Path) -> None:
    mirror = make_mirror({"a.bin": SECRET})
    target = "/datasets/lab/pixels/resolve/main/a.bin"
    assert ask(mirror, target)[0] == 200
    outside = tmp_path / "outside"
    (mirror.folder / "a.bin").rename(outside)  # same size, same time of writing
    (mirror.folder / "a.bin").symlink_to(outside)
    status, _, body = ask(mirror, target)
    assert status in {503, 404}
    assert SECRET not in body
