"""Files arrive whole, are believed later without reading them, and nothing comes twice."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.download.transfer import Endpoint, Policy, RemoteFile, fetch
from vd4rl_data.errors import CorruptFileError, OfflineError, OutputExistsError

SIZES = [0, 1, 1023, 1024, 4095, 4096, 4097, 50_001]


@pytest.mark.parametrize("known", ["all", "size", "nothing"])
@pytest.mark.parametrize("workers", [1, 4])
def test_any_size_arrives_once(
    tools: Any, make_mirror: Any, tmp_path: Path, known: str, workers: int
) -> None:
    files = {f"a/{size}.bin": tools.content(size, size) for size in SIZES}
    mirror = make_mirror(files)
    wanted = tools.remote(files, size=known != "nothing", sha256=known == "all")
    fetched = tools.get(wanted, tmp_path / "new", mirror.url, workers=workers)
    tools.assert_whole(tmp_path / "new", files)
    for size, file in zip(SIZES, fetched, strict=True):
        assert file.size == size
        assert file.sha256 == hashlib.sha256(files[f"a/{size}.bin"]).hexdigest()
        # An empty file has nothing that a server could state a hash of.
        assert file.check == ("known" if known == "all" else "server" if size else "first use")
        assert size == 0 or mirror.bytes_sent(f"/{size}.bin") == size


def test_many_files_in_the_order_asked_for(tools: Any, make_mirror: Any, tmp_path: Path) -> None:
    files = {f"d{i % 3}/f{i}.bin": tools.content(i, 997 * i) for i in range(1, 30)}
    mirror = make_mirror(files)
    fetched = tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    assert [file.file.path for file in fetched] == list(files)
    assert mirror.bytes_sent() == sum(map(len, files.values()))


def test_one_large_file_is_fetched_by_several_connections(
    tools: Any, make_mirror: Any, tmp_path: Path
) -> None:
    files = {"a.bin": tools.content(0, 40 * tools.chunk)}
    mirror = make_mirror(files)
    mirror.faults.slow("a.bin", 256, 0.0005, times=None)
    tools.get(tools.remote(files), tmp_path, mirror.url, workers=4)
    tools.assert_whole(tmp_path, files)
    ranges = [request.headers["range"] for request in mirror.begun if "range" in request.headers]
    spans = [[int(end) for end in text.removeprefix("bytes=").split("-")] for text in ranges]
    lengths = {last - first + 1 for first, last in spans}
    assert max(lengths) == tools.chunk
    assert min(lengths) == tools.chunk // 4
    assert mirror.bytes_sent() == len(files["a.bin"])


def test_a_second_call_asks_for_nothing(tools: Any, make_mirror: Any, tmp_path: Path) -> None:
    files = {"a.bin": tools.content(1, 9000), "b.bin": tools.content(2, 100)}
    mirror = make_mirror(files)
    first = tools.get(tools.remote(files), tmp_path, mirror.url)
    asked = len(mirror.begun)
    assert tools.get(tools.remote(files), tmp_path, mirror.url) == first
    assert tools.get(tools.remote(files), tmp_path, mirror.url, offline=True) == first
    assert len(mirror.begun) == asked


@pytest.mark.parametrize("sha256", [True, False])
@pytest.mark.parametrize("how", ["bytes", "short", "gone"])
def test_a_file_that_was_altered_later_is_fetched_again(
    tools: Any, make_mirror: Any, tmp_path: Path, how: str, sha256: bool
) -> None:
    files = {"a.bin": tools.content(1, 9000), "b.bin": tools.content(2, 100)}
    mirror = make_mirror(files)
    wanted = tools.remote(files, sha256=sha256)
    tools.get(wanted, tmp_path, mirror.url)
    if how == "gone":
        (tmp_path / "a.bin").unlink()
    else:
        (tmp_path / "a.bin").write_bytes(bytes(9000 if how == "bytes" else 10))
    sent = mirror.bytes_sent()
    tools.get(wanted, tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    assert mirror.bytes_sent() - sent == 9000


def test_after_a_restart_of_the_machine_the_bytes_are_read_once(
    tools: Any, make_mirror: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a.bin": tools.content(1, 9000), "b.bin": tools.content(2, 9000)}
    mirror = make_mirror(files)
    tools.get(tools.remote(files, sha256=False), tmp_path, mirror.url)
    # A crash of the machine may leave a file with its name, size and time, and other bytes.
    damaged = tmp_path / "a.bin"
    stat = damaged.stat()
    damaged.write_bytes(bytes(9000))
    os.utime(damaged, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    monkeypatch.setattr("vd4rl_data.download.transfer.arrived.boot_id", lambda: "another boot")
    sent = mirror.bytes_sent()
    tools.get(tools.remote(files, sha256=False), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    assert mirror.bytes_sent() - sent == 9000


def test_files_that_were_brought_by_hand_count_if_their_hash_is_known(
    tools: Any, make_mirror: Any, tmp_path: Path
) -> None:
    files = {"a.bin": tools.content(1, 9000)}
    mirror = make_mirror(files)
    (tmp_path / "a.bin").write_bytes(files["a.bin"])
    (fetched,) = tools.get(tools.remote(files), tmp_path, mirror.url, offline=True)
    assert fetched.check == "known"
    assert not mirror.begun


def test_a_file_of_unknown_origin_and_hash_is_not_believed(
    tools: Any, make_mirror: Any, tmp_path: Path
) -> None:
    files = {"a.bin": tools.content(1, 9000)}
    mirror = make_mirror(files)
    (tmp_path / "a.bin").write_bytes(files["a.bin"][:8999] + b"?")
    tools.get(tools.remote(files, sha256=False), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)


def test_offline_says_what_is_missing(tools: Any, make_mirror: Any, tmp_path: Path) -> None:
    files = {"a.bin": tools.content(1, 90), "b.bin": tools.content(2, 90)}
    mirror = make_mirror(files)
    tools.get(tools.remote(files)[:1], tmp_path, mirror.url)
    asked = len(mirror.begun)
    with pytest.raises(OfflineError, match=r"1 of 2 files are missing, the first is 'b.bin'"):
        tools.get(tools.remote(files), tmp_path, mirror.url, offline=True)
    assert len(mirror.begun) == asked


def test_a_content_without_any_hash_must_stay_what_it_was(
    tools: Any, make_mirror: Any, tmp_path: Path
) -> None:
    files = {"a.bin": tools.content(1, 9000)}
    mirrors = [make_mirror(files), make_mirror({"a.bin": tools.content(7, 9000)})]
    for mirror in mirrors:
        mirror.faults.header("a.bin", ETag=None, X_Linked_Etag=None)
    wanted = tools.remote(files, size=False, sha256=False)
    (fetched,) = tools.get(wanted, tmp_path, mirrors[0].url)
    assert fetched.check == "first use"
    (tmp_path / "a.bin").unlink()
    with pytest.raises(CorruptFileError, match=r"first use.*delete the folder '.transfer'"):
        tools.get(wanted, tmp_path, mirrors[1].url)
    assert not (tmp_path / "a.bin").exists()


def test_a_new_revision_replaces_a_file_whose_hash_is_known(
    tools: Any, make_mirror: Any, tmp_path: Path
) -> None:
    old, new = {"a.bin": tools.content(1, 9000)}, {"a.bin": tools.content(2, 8000)}
    tools.get(tools.remote(old), tmp_path, make_mirror(old).url)
    tools.get(tools.remote(new), tmp_path, make_mirror(new).url)
    tools.assert_whole(tmp_path, new)


def test_a_folder_in_the_way_is_named(tools: Any, make_mirror: Any, tmp_path: Path) -> None:
    files = {"a.bin": b"x"}
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(OutputExistsError, match=r"a\.bin is a folder"):
        tools.get(tools.remote(files), tmp_path, make_mirror(files).url)


def test_damaged_lines_of_the_journal_cost_bytes_but_never_truth(
    tools: Any, make_mirror: Any, tmp_path: Path
) -> None:
    files = {"a.bin": tools.content(1, 9000), "b.bin": tools.content(2, 9000)}
    mirror = make_mirror(files)
    tools.get(tools.remote(files, sha256=False), tmp_path, mirror.url)
    journal = tmp_path / ".transfer" / "journal.jsonl"
    lines = journal.read_text().splitlines()
    kept = next(line for line in lines if '"b.bin"' in line and "sha256" in line)
    torn = kept.replace("b.bin", "a.bin")[:-20]
    journal.write_text(f'[1]\n"x"\n{{"path": 3}}\n\xff\n{kept}\n{torn}')
    tools.get(tools.remote(files, sha256=False), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    assert mirror.bytes_sent("b.bin") == 9000
    assert mirror.bytes_sent("a.bin") == 18000
    tools.get(tools.remote(files, sha256=False), tmp_path, mirror.url, offline=True)


def test_a_line_that_was_torn_by_a_kill_does_not_spoil_the_next(
    tools: Any, make_mirror: Any, tmp_path: Path
) -> None:
    files = {"a.bin": tools.content(1, 900)}
    mirror = make_mirror(files)
    for _ in range(2):  # the second call leaves one line
        tools.get(tools.remote(files), tmp_path, mirror.url)
    with (tmp_path / ".transfer" / "journal.jsonl").open("a") as journal:
        journal.write('{"path": "b.bin", "si')
    taken: list[str] = []
    for offline in (False, True):
        tools.get(
            tools.remote(files),
            tmp_path,
            mirror.url,
            keep=False,
            on_file=lambda path, fetched: taken.append(fetched.file.path),
            offline=offline,
        )
    assert taken == ["a.bin"]


def test_the_journal_stays_small(tools: Any, make_mirror: Any, tmp_path: Path) -> None:
    files = {"a.bin": tools.content(1, 90_000)}
    mirror = make_mirror(files)
    for _ in range(3):
        tools.get(tools.remote(files), tmp_path, mirror.url)
        (tmp_path / "a.bin").unlink()
    tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.get(tools.remote(files), tmp_path, mirror.url)
    lines = (tmp_path / ".transfer" / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["a.bin"]


def test_nothing_to_do(tools: Any, tmp_path: Path) -> None:
    assert tools.get([], tmp_path, "http://127.0.0.1:9") == ()


@pytest.mark.parametrize(
    "options", [{"workers": 0}, {"chunk_bytes": 0}, {"keep": False}, {"endpoints": []}]
)
def test_senseless_options_are_refused(tools: Any, tmp_path: Path, options: Any) -> None:
    settings = {"endpoints": [Endpoint("http://127.0.0.1:9")]} | options
    with pytest.raises(ValueError, match=r"expected|needs"):
        fetch([RemoteFile("a")], tmp_path, url_of=tools.url_of, **settings)


def test_the_bar_counts_bytes_and_files(
    tools: Any, make_mirror: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"a.bin": tools.content(1, 90_000), "b.bin": tools.content(2, 10_000)}
    mirror = make_mirror(files)
    tools.get(tools.remote(files)[:1], tmp_path, mirror.url)
    assert capfd.readouterr().err == ""
    tools.get(tools.remote(files, size=False), tmp_path, mirror.url, progress=True)
    shown = capfd.readouterr().err
    assert "100%" in shown
    assert "100k/100k" in shown
    assert "2/2 files" in shown


def test_an_interrupt_ends_the_threads_at_once(
    tools: Any, make_mirror: Any, tmp_path: Path
) -> None:
    files = {"a.bin": tools.content(1, 9000), "b.bin": tools.content(2, 9000)}
    mirror = make_mirror(files)
    mirror.faults.hang("b.bin", after=10, times=None)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    begun = time.monotonic()
    patient = Policy(read_timeout=3600.0)
    with pytest.raises(KeyboardInterrupt):
        tools.get(tools.remote(files), tmp_path, mirror.url, on_file=interrupt, policy=patient)
    assert time.monotonic() - begun < 600
    tools.assert_nothing_wrong(tmp_path, files)
