"""Throw damaged files at every reader: ``python -m tests.fuzz.fuzzer --files 10000 --seed 0``.

Each file is one of ours (flat, packed, part, sidecar) or of a registered format of other people,
damaged blindly anywhere. What is proved of ours is the guard in front of the HDF5 library: a file
whose structure is damaged is refused before that library is handed it. Foreign files have no such
guard and are read in a sandbox. :data:`OUTCOMES` says which outcomes are failures; their files are
kept, and ``--only INDEX`` with the same seed makes one again.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from tests.fuzz import corpus, mutate

TIMEOUT: Final = 20.0
OUTCOMES: Final = {
    "refused": "a typed error",
    "found": "opened, and found by verifying",
    "equal": "read, and the content is the original's",
    "contained": "a typed error, after the sandboxed reader died",
    "unprotected": "foreign file read with other content: the format has no checksum there",
    "unguarded": "FAILURE: a damaged structure reached the HDF5 library",
    "changed": "FAILURE: accepted with other content",
    "crash": "FAILURE: killed by a signal",
    "died": "FAILURE: the process ended",
    "hang": "FAILURE: no answer in time",
    "memory": "FAILURE: out of memory",
    "untyped": "FAILURE: an error of another type",
}
HARMLESS: Final = tuple(name for name, text in OUTCOMES.items() if "FAILURE" not in text)


class Answer(NamedTuple):
    """What a reader made of a file.

    Attributes:
        outcome: as the worker says it, or ``crash``, ``died`` or ``hang``.
        detail: the digest of what it read, its error, or how it ended.
        parsed: whether the HDF5 library was handed the file, as far as is known.
    """

    outcome: str
    detail: str
    parsed: bool


@dataclass(frozen=True)
class Finding:
    """What one file led to."""

    index: int
    kind: str
    outcome: str
    detail: str


class Reader:
    """A child process that is started again when it dies."""

    def __init__(self) -> None:
        """Nothing is started before the first file."""
        self._process: subprocess.Popen[str] | None = None

    def read(self, reader: str, path: Path, timeout: float = TIMEOUT) -> Answer:
        """The worker's answer, or how the worker ended."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"reader": reader, "path": str(path)}) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            ready = selector.select(timeout)
        line = process.stdout.readline() if ready else ""
        if line:
            return Answer(*json.loads(line))
        self.close()
        if not ready:
            return Answer("hang", f"no answer within {timeout:g} seconds", parsed=True)
        code = process.returncode
        if code < 0:
            return Answer("crash", signal.Signals(-code).name, parsed=True)
        return Answer("died", f"exit status {code}", parsed=True)

    def close(self) -> None:
        """End the child process."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self._process


def place(case: corpus.Case, rng: np.random.Generator, folder: Path) -> Path:
    """Write the case's files into an empty folder, one of them damaged; returns that one."""
    case.write(folder)
    target = folder / case.target
    target.write_bytes(mutate.mutated(case.files[case.target], rng))
    return target


def judge(case: corpus.Case, damaged: bytes, answer: Answer) -> str:
    """A key of :data:`OUTCOMES`."""
    outcome, detail, parsed = answer
    foreign = case.reader == corpus.FOREIGN
    if outcome in ("refused", "verify", "read") and (
        case.guarded and parsed and case.breaks_structure(damaged)
    ):
        return "unguarded"
    if outcome == "read":
        if detail == case.digest:
            return "equal"
        return "unprotected" if foreign else "changed"
    if outcome == "refused":
        died = foreign and "the process that read it was killed" in detail
        return "contained" if died else outcome
    return "found" if outcome == "verify" else outcome


def run(
    files: int, seed: int, *, workers: int = 1, only: int | None = None, keep: Path | None = None
) -> list[Finding]:
    """Make and read the files; the findings are in the order of their index.

    Args:
        files: how many.
        seed: file ``index`` depends on this and its index alone.
        workers: child processes at a time.
        only: make and read this one alone.
        keep: copy the files of failures here.
    """
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as name:
        cases = corpus.build(Path(name) / "sound")
        indices = list(range(files)) if only is None else [only]

        def work(worker: int) -> None:
            reader = Reader()
            folder = Path(name) / f"worker-{worker}"
            for index in indices[worker::workers]:
                findings.append(_one(cases, seed, index, reader, folder, keep))
                if len(findings) % 1000 == 0:
                    sys.stderr.write(f"{len(findings)} of {len(indices)} files\n")
            reader.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sorted(findings, key=lambda finding: finding.index)


def _one(
    cases: Sequence[corpus.Case],
    seed: int,
    index: int,
    reader: Reader,
    folder: Path,
    keep: Path | None,
) -> Finding:
    case = cases[index % len(cases)]
    rng = np.random.default_rng([seed, index])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    target = place(case, rng, folder)
    damaged = target.read_bytes()
    answer = reader.read(case.reader, folder / case.main if case.main else target)
    verdict = judge(case, damaged, answer)
    if keep is not None and verdict not in HARMLESS:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{seed}-{index}-{verdict}-{target.name}").write_bytes(damaged)
    return Finding(index, case.name, verdict, answer.detail)


def table(findings: Sequence[Finding]) -> str:
    """Kinds by outcomes, as text."""
    counts = Counter((finding.kind, finding.outcome) for finding in findings)
    kinds = sorted({finding.kind for finding in findings})
    shown = [name for name in OUTCOMES if any(counts[kind, name] for kind in kinds)]
    width = max(map(len, [*kinds, "all"]))
    lines = ["  ".join([" " * width, *shown, "files"])]
    for kind in [*kinds, "all"]:
        cells = [sum(counts[k, name] for k in kinds if kind in (k, "all")) for name in shown]
        numbers = [f"{n:>{len(name)}}" for n, name in zip(cells, shown, strict=True)]
        lines.append("  ".join([kind.ljust(width), *numbers, f"{sum(cells):>5}"]))
    return "\n".join([*lines, "", *(f"{name}: {OUTCOMES[name]}" for name in shown)])


def failures(findings: Sequence[Finding]) -> list[Finding]:
    """What must not happen."""
    return [finding for finding in findings if finding.outcome not in HARMLESS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the table, and return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="make and read this file alone")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "vd4rl_fuzz")
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    findings = run(
        options.files, options.seed, workers=options.workers, only=options.only, keep=options.keep
    )
    failed = failures(findings)
    sys.stdout.write(table(findings) + "\n")
    for finding in failed:
        command = f"python -m tests.fuzz.fuzzer --seed {options.seed} --only {finding.index}"
        sys.stdout.write(
            f"{finding.outcome}: {finding.kind}: {finding.detail[:200]}\n    {command}\n"
        )
    if failed:
        sys.stdout.write(f"these files are kept in {options.keep}\n")
    seconds = time.monotonic() - begun
    sys.stdout.write(f"{len(findings)} files in {seconds:.0f} s, {len(failed)} failures\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
