"""How fast files come from a server on this machine, as a share of what ``curl`` takes for them.

Starts a server of noise in a process of its own, which sends files straight from the system's
memory, and fetches the same files in turns with ``curl`` (one after the other, and four at a time)
and with ``fetch`` (four at a time), each time into an empty folder. ``fetch`` also computes and
compares every SHA-256; ``curl`` does not. 1.0 means that this costs nothing. The column ``cpu`` is
the same ratio of processor time, which a busy machine disturbs less.

    python benchmarks/download.py                # all, about two minutes, 1 GB of disk
    python benchmarks/download.py --quick        # small files: checks that it runs, not how fast
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import http.server
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vd4rl_data.download.client import Endpoint
from vd4rl_data.download.fetch import fetch
from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.processor import find_processor

WORKERS = 4
MEGABYTE = 1 << 20

Step = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """A set of files of one size."""

    name: str
    count: int
    num_bytes: int


@dataclass(frozen=True)
class Ratio:
    """One line of the table: time of ``curl`` divided by time of ``fetch``, over all pairs."""

    name: str
    reference: str
    p25: float
    median: float
    p75: float
    cpu: float
    megabytes_per_second: float


CASES = (
    Case("4 files of 60 MB", 4, 60 * MEGABYTE),
    Case("1 file of 240 MB", 1, 240 * MEGABYTE),
    Case("200 files of 1.2 MB", 200, 6 * MEGABYTE // 5),
)


def main() -> None:
    """Parse the arguments, run all cases, print the table."""
    arguments = parse_arguments()
    if arguments.serve is not None:
        serve(arguments.serve)
    curl = shutil.which("curl")
    if curl is None:
        raise SystemExit("this benchmark compares with curl, which is not installed")
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="vd4rl_download_") as folder:
        ratios = [
            ratio
            for case in CASES
            for ratio in measure(case, Path(folder), curl, arguments.pairs, quick=arguments.quick)
        ]
    print(f"{'files':24}{'against':24}{'p25':>6}{'median':>8}{'p75':>6}{'cpu':>6}{'MB/s':>7}")
    for ratio in ratios:
        print(
            f"{ratio.name:24}{ratio.reference:24}{ratio.p25:6.2f}{ratio.median:8.2f}"
            f"{ratio.p75:6.2f}{ratio.cpu:6.2f}{ratio.megabytes_per_second:7.0f}"
        )
    if arguments.json is not None:
        report = {
            "ratios": [asdict(ratio) for ratio in ratios],
            "pairs": arguments.pairs,
            "quick": arguments.quick,
            "processor": find_processor().record(),
            "load_average": os.getloadavg(),
            "python": platform.python_version(),
            "curl": curl_version(curl),
        }
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pairs", type=int, default=9, help="timed pairs per case; the table shows their quartiles"
    )
    parser.add_argument("--quick", action="store_true", help="small files and three pairs")
    parser.add_argument("--folder", type=Path, help="where the files go (default: the system's)")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="write the report to this file too")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.pairs = min(arguments.pairs, 3)
    return arguments


def measure(case: Case, folder: Path, curl: str, pairs: int, *, quick: bool) -> list[Ratio]:
    """Time one case against both ways of calling ``curl``."""
    files = write_files(case, folder / "served", quick=quick)
    with server(folder / "served") as url:
        addresses = {file.path: address(url, file.path) for file in files}
        # Each later transfer option needs its own: `-o name url` pairs, all in one process.
        names = [word for path, link in addresses.items() for word in ("-o", path, link)]

        def ours(out: Path) -> None:
            fetch(files, out, [Endpoint(url)], address, workers=WORKERS, progress=False)

        def sequential(out: Path) -> None:
            run_curl([curl, "--fail", "--silent", *names], out)

        def parallel(out: Path) -> None:
            many = ["--parallel", "--parallel-max", str(WORKERS)]
            run_curl([curl, "--fail", "--silent", *many, *names], out)

        out = folder / "out"
        for step in (sequential, ours):  # the first time is not counted
            timed(step, out)
        return [
            compare(case, name, reference, ours, out, pairs, sum(f.size or 0 for f in files))
            for name, reference in (("curl", sequential), (f"curl, {WORKERS} at a time", parallel))
        ]


def compare(
    case: Case, name: str, reference: Step, ours: Step, out: Path, pairs: int, total: int
) -> Ratio:
    """Time both in turns; who comes first alternates."""
    walls: list[float] = []
    processors: list[float] = []
    seconds: list[float] = []
    for pair in range(pairs):
        steps = (reference, ours) if pair % 2 else (ours, reference)
        times = {step: timed(step, out) for step in steps}
        walls.append(times[reference][0] / times[ours][0])
        processors.append(times[reference][1] / times[ours][1])
        seconds.append(times[ours][0])
    p25, median, p75 = statistics.quantiles(walls, n=4, method="inclusive")
    speed = total / 1e6 / statistics.median(seconds)
    return Ratio(case.name, name, p25, median, p75, statistics.median(processors), speed)


def timed(step: Step, out: Path) -> tuple[float, float]:
    """Seconds of one download into an empty folder: on the clock, and of the processors."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    os.sync()  # what an earlier download wrote shall not slow this one down
    begun, used = time.perf_counter(), os.times()
    step(out)
    seconds, now = time.perf_counter() - begun, os.times()
    return seconds, sum(now[:4]) - sum(used[:4])


def write_files(case: Case, root: Path, *, quick: bool) -> list[RemoteFile]:
    """Noise to serve; one block repeated with a counter, so that writing it is quick."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    size = case.num_bytes // (16 if quick else 1)
    block = os.urandom(size)
    files: list[RemoteFile] = []
    for number in range(case.count):
        data = number.to_bytes(8, "little") + block[8:]
        path = f"{number:03}.bin"
        (root / path).write_bytes(data)
        files.append(RemoteFile(path, len(data), hashlib.sha256(data).hexdigest()))
    return files


@contextmanager
def server(folder: Path) -> Generator[str]:
    """A server of a folder in a process of its own; yields its address."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class FileServer(http.server.SimpleHTTPRequestHandler):
    """Sends a range of a file without copying it into this process."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer one request; there are none but for files that are there."""
        with Path(self.translate_path(self.path)).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            start, stop = (int(span[1]), min(size, int(span[2]) + 1)) if span else (0, size)
            self.send_response(206 if span else 200)
            self.send_header("Content-Length", str(stop - start))
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            self.end_headers()
            while start < stop:
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, stop - start)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is declared
        """Say nothing."""


def serve(folder: Path) -> None:
    """Serve a folder until this process is ended."""
    handler = functools.partial(FileServer, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        print(f"http://127.0.0.1:{running.server_port}", flush=True)
        running.serve_forever()


def address(url: str, path: str) -> str:
    """Where the server has a file."""
    return f"{url}/{path}"


def run_curl(command: list[str], out: Path) -> None:
    """Run it in a folder, without its table of progress."""
    subprocess.run(command, cwd=out, check=True, stderr=subprocess.DEVNULL)


def curl_version(curl: str) -> str:
    """The first two words that it says of itself."""
    done: Any = subprocess.run([curl, "--version"], capture_output=True, text=True, check=True)
    return " ".join(str(done.stdout).split()[:2])


if __name__ == "__main__":
    main()
