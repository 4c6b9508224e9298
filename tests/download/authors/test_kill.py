"""``kill -9`` at any moment, many processes at once, a full disk, parts that vanish."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.download.authors import miniature
from tests.download.authors.conftest import IN_FLIGHT, Acquire
from tests.download.authors.miniature import MEDIUM, SHARDS
from vd4rl_data.errors import NoSpaceError
from vd4rl_data.importing import conversion
from vd4rl_data.storage import PartStore

KINDS = {MEDIUM: "npz", SHARDS: "hdf5"}
WORKERS = 2


@pytest.fixture(scope="session")
def repository_files(tmp_path_factory: pytest.TempPathFactory) -> miniature.Miniature:
    """More files than elsewhere, so that a kill finds some of them done."""
    return miniature.build(tmp_path_factory.mktemp("larger"), small=8)


def _total(acquire: Acquire, name: str) -> int:
    return sum(len(acquire.files.files[f.path]) for f in acquire.files.sources[name].files)


def _sent(server: Any) -> int:
    return sum(one.bytes_sent for one in list(server.begun))


@pytest.mark.parametrize("name", KINDS)
def test_kills_cost_at_most_what_is_in_flight(
    acquire: Acquire, server: Any, spawn: Any, name: str
) -> None:
    server.slow(KINDS[name], 512, 0.004, times=None)
    path, kills, total = acquire.root / "public" / f"{name}.h5", 0, _total(acquire, name)
    for share in (0.1, 0.4, 0.7):
        child = spawn(name, server.url, workers=WORKERS, in_flight=IN_FLIGHT)
        child.until(lambda: _sent(server) >= share * total)  # noqa: B023 - called at once
        kills += child.kill()
    assert spawn(name, server.url, workers=WORKERS, in_flight=IN_FLIGHT).wait() == str(path)
    acquire.stored(name)
    assert kills == 3
    assert total <= server.bytes_sent(KINDS[name]) <= total + kills * IN_FLIGHT


@pytest.mark.parametrize(("name", "processes"), [(MEDIUM, 4), (SHARDS, 2)])
def test_processes_at_once_fetch_everything_once(
    acquire: Acquire, server: Any, spawn: Any, name: str, processes: int
) -> None:
    server.slow(KINDS[name], 1024, 0.002, times=None)
    crowd = [spawn(name, server.url) for _ in range(processes)]
    path = str(acquire.root / "public" / f"{name}.h5")
    assert [child.wait() for child in crowd] == [path] * processes
    acquire.stored(name)
    assert server.bytes_sent(KINDS[name]) == _total(acquire, name)


def test_who_waits_takes_over_when_the_other_is_killed(
    acquire: Acquire, server: Any, spawn: Any
) -> None:
    server.slow("npz", 256, 0.004, times=None)
    first = spawn(MEDIUM, server.url, in_flight=IN_FLIGHT)
    first.until(lambda: bool(server.begun))
    second = spawn(MEDIUM, server.url, in_flight=IN_FLIGHT)
    time.sleep(0.1)
    assert first.kill()
    assert second.wait() == str(acquire.root / "public" / f"{MEDIUM}.h5")
    acquire.stored(MEDIUM)
    assert server.bytes_sent("npz") <= _total(acquire, MEDIUM) + IN_FLIGHT


def _stop_before_the_final_pass(acquire: Acquire, name: str, url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "write_dataset", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            acquire(name, url)


@pytest.mark.parametrize("name", KINDS)
def test_finished_files_are_not_needed_again(
    acquire: Acquire, server: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The final pass fails; the raw files are gone by then; nothing is fetched or read again."""
    _stop_before_the_final_pass(acquire, name, server.url)
    work = acquire.root / "public" / f"{name}.h5.download"
    assert not [path for path in work.rglob("*") if path.suffix in (".npz", ".hdf5")]
    count = len(server.requests())
    monkeypatch.setattr(PartStore, "write", lambda *_: 1 / 0)
    acquire(name, server.url)
    acquire.stored(name)
    assert len(server.requests()) == count


@pytest.mark.parametrize("loss", ["one", "damaged", "all"])
def test_parts_that_vanished_are_made_again(
    acquire: Acquire, server: Any, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stop_before_the_final_pass(acquire, MEDIUM, server.url)
    parts = acquire.root / "public" / f"{MEDIUM}.h5.download" / "parts"
    victim = sorted(parts.glob("*.h5"), key=lambda path: path.stat().st_mtime_ns)[5]
    if loss == "all":
        shutil.rmtree(parts)
    elif loss == "one":
        victim.unlink()
    else:
        victim.write_bytes(b"other")
    before = server.bytes_sent("npz")
    acquire(MEDIUM, server.url)
    acquire.stored(MEDIUM)
    again = acquire.files.sources[MEDIUM].files[0 if loss == "all" else 5 :]
    fetched = sum(len(acquire.files.files[file.path]) for file in again)
    assert server.bytes_sent("npz") - before == fetched


def test_killed_between_the_file_and_its_sidecar(
    acquire: Acquire, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def die(path: Path, target: Path) -> Path:
        done = replace(path, target)
        if target.name.endswith("8px-v0.h5"):
            raise SystemExit("killed")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(SystemExit, match="killed"):
            acquire(MEDIUM, server.url)
    sidecar = acquire.root / "public" / f"{MEDIUM}.manifest.json"
    assert not sidecar.exists()
    acquire(MEDIUM, server.url)
    acquire.stored(MEDIUM)
    assert sidecar.exists()
    assert server.bytes_sent("npz") == _total(acquire, MEDIUM)


# --- the disk --------------------------------------------------------------------------------


@pytest.fixture
def small_disk(acquire: Acquire) -> Iterator[Path]:
    """A file system of half a megabyte, as the data folder."""
    acquire.root.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=512k", "tmpfs", str(acquire.root)]
    done = mount is not None and os.geteuid() == 0 and subprocess.run(
        [mount, *options], check=False, capture_output=True
    ).returncode == 0  # fmt: skip
    if not done:
        pytest.skip("needs the right to mount a tmpfs")
    yield acquire.root
    subprocess.run(["umount", str(acquire.root)], check=True)


def test_too_little_space_is_an_error_before_any_data(
    acquire: Acquire, server: Any, small_disk: Path
) -> None:
    (small_disk / "ballast").write_bytes(bytes(450_000))
    with pytest.raises(NoSpaceError, match=r"needs 0 MB|needs .* MB, .* MB are free"):
        acquire(MEDIUM, server.url)
    assert not server.requests("npz")


@pytest.mark.parametrize("moment", ["raw", "parts", "file"])
def test_a_disk_that_fills_up_keeps_what_came(
    acquire: Acquire, server: Any, small_disk: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast = small_disk / "ballast"

    def fill() -> None:
        if not ballast.exists():
            with ballast.open("wb", buffering=0) as file:
                file.write(bytes(max(0, shutil.disk_usage(small_disk).free - 8192)))

    def filled(request: Any, handler: Any) -> Any:
        fill()
        return handler(request)

    if moment == "raw":
        server.add("npz", lambda request, handler: handler(request), times=4)
        server.add("npz", filled, times=None)
    else:
        owner: Any = PartStore if moment == "parts" else conversion
        name = "write" if moment == "parts" else "write_dataset"
        original = getattr(owner, name)

        def first(*arguments: Any, **options: Any) -> Any:
            fill()
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, first)
    with pytest.raises(NoSpaceError):
        acquire(MEDIUM, server.url, in_flight=2048)
    acquire.assert_nothing(MEDIUM)
    ballast.unlink()
    ballast.mkdir()  # no second time
    server.mend()
    acquire(MEDIUM, server.url, in_flight=2048)
    acquire.stored(MEDIUM)
    assert (
        server.bytes_sent("npz") <= _total(acquire, MEDIUM) + 4 * 1024
    )  # a request of each thread
