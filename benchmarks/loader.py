"""How fast batches are read from a dataset file, compared with plain copying.

Writes dataset files of noise (200 episodes of 500 transitions, 84 px: 2.1 GB; 64 px: 1.2 GB), maps
them, and alternates between sampling batches and ``np.copyto`` of the same number of contiguous
bytes, from a random place of the same mapped file into an existing buffer. No loader of whole
batches could do better: 1.0 means that shuffling, stacking and n-step returns are free.

    python benchmarks/loader.py                  # all, about two minutes, 3.4 GB of disk
    python benchmarks/loader.py --quick          # small files: checks that it runs, not how fast
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.dataset import Dataset
from vd4rl_data.episode import Episode
from vd4rl_data.frames import FrameArray
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.sampling import SequenceSampler, TransitionSampler
from vd4rl_data.storage import Provenance, open_dataset, write_dataset

BATCH_SIZE = 256
FRAME_STACK = 3
N_STEP = 3
SEQUENCES = 64
SEQUENCE_LENGTH = 50
WARM_UP_BATCHES = 5

Step = Callable[[], Any]


@dataclass(frozen=True)
class Ratio:
    """One line of the table: time of the reference divided by time of a batch, over all pairs."""

    name: str
    reference: str
    p25: float
    median: float
    p75: float
    milliseconds: float
    gigabytes_per_second: float


def main() -> None:
    """Parse the arguments, run all cases, print the table."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="vd4rl_loader_") as folder:
        report = run(Path(folder), arguments.pairs, quick=arguments.quick)
    print_report(report)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pairs",
        type=int,
        default=40,
        help="timed pairs of reference and batch per case; the table shows their quartiles",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=None,
        help="where the files are written, and deleted at the end (default: the temporary folder)",
    )
    parser.add_argument("--json", type=Path, default=None, help="also write the figures to a file")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="6 episodes instead of 200: everything fits into the cache, the figures mean nothing",
    )
    arguments = parser.parse_args()
    if arguments.pairs < 1:
        parser.error(f"--pairs: expected at least 1, got {arguments.pairs}")
    return arguments


def run(folder: Path, pairs: int, *, quick: bool) -> dict[str, Any]:
    """All cases; see :func:`main`."""
    episodes = 6 if quick else 200
    ratios: list[Ratio] = []
    small_files = write_noise(folder / "64px.h5", "VD4RL/walker_walk-random-64px-v0", episodes)
    ratios += sequence_ratios(small_files, pairs)
    path = write_noise(folder / "84px.h5", "VD4RL/walker_walk-random-84px-v0", episodes)
    startup = startup_seconds(path)
    dataset = opened(path)
    ratios += transition_ratios(dataset, pairs)
    memory = anonymous_bytes()
    ratios += in_memory_ratios(dataset, pairs)  # last: it needs the frames in memory twice
    return {
        "ratios": [asdict(ratio) for ratio in ratios],
        "open_and_first_batch_seconds": startup,
        "anonymous_memory_bytes": memory,
        "file_bytes": path.stat().st_size,
        "episodes": episodes,
        "pairs": pairs,
        "machine": {
            "processor": find_processor().record(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }


def transition_ratios(dataset: Dataset, pairs: int) -> list[Ratio]:
    """Batches of 256 transitions, 3 frames stacked, 3-step returns, 84 px."""
    frames = dataset.columns.frames
    size = 2 * BATCH_SIZE * FRAME_STACK * frames.nbytes // len(frames)
    copy = contiguous_copy(frames, size)
    cases: dict[str, Step] = {
        "transitions": stepper(transitions(dataset)),
        "transitions, reused buffers": stepper(transitions(dataset, reuse_buffers=True)),
        "transitions, two threads": stepper(transitions(dataset, threads=2)),
        "transitions, composite of two files": stepper(transitions(halved(dataset))),
        "transitions, one epoch": stepper(transitions(dataset, epochs=10**6)),
    }
    if importlib.util.find_spec("torch") is not None:
        cases["torch, (B, 9, 84, 84)"] = stepper(stacked_tensors(dataset, "stream"))
    return [compare(name, step, "copy", copy, size, pairs) for name, step in cases.items()]


def sequence_ratios(path: Path, pairs: int) -> list[Ratio]:
    """Batches of 64 sequences of 50 transitions, 64 px."""
    dataset = opened(path)
    frames = dataset.columns.frames
    size = SEQUENCES * (SEQUENCE_LENGTH + 1) * frames.nbytes // len(frames)
    copy = contiguous_copy(frames, size)
    cases = {
        "sequences, 64 px": sequences(dataset),
        "sequences, 64 px, reused buffers": sequences(dataset, reuse_buffers=True),
        "sequences, 64 px, two threads": sequences(dataset, threads=2),
    }
    return [
        compare(name, stepper(sampler), "copy", copy, size, pairs)
        for name, sampler in cases.items()
    ]


def in_memory_ratios(dataset: Dataset, pairs: int) -> list[Ratio]:
    """Our batches of mapped frames against ``frames[rows]`` of an array held in memory."""
    frames = dataset.columns.frames
    size = 2 * BATCH_SIZE * FRAME_STACK * frames.nbytes // len(frames)
    held = frames.take(np.arange(len(frames)))
    rng = np.random.default_rng(1)
    offsets = np.arange(1 - FRAME_STACK, 1)

    def index() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        rows = rng.integers(FRAME_STACK, len(held) - N_STEP, BATCH_SIZE)[:, None] + offsets
        return held[rows], held[rows + N_STEP]

    cases: dict[str, Step] = {"transitions, from the file": stepper(transitions(dataset))}
    if importlib.util.find_spec("torch") is not None:
        cases["torch, (B, 9, 84, 84), in memory"] = stepper(stacked_tensors(dataset, "device"))
    reference = "array in memory"
    return [compare(name, step, reference, index, size, pairs) for name, step in cases.items()]


def stacked_tensors(dataset: Dataset, storage: str) -> Iterator[Any]:
    """The same batches as channels-first tensors, on the CPU and on one thread."""
    import torch

    from vd4rl_data.pytorch import TorchTransitions

    torch.set_num_threads(1)
    options: dict[str, Any] = {"device": "cpu", "storage": storage, "layout": "stacked"}
    return TorchTransitions(dataset, BATCH_SIZE, FRAME_STACK, N_STEP, rng=0, **options)


def transitions(dataset: Dataset, **options: Any) -> TransitionSampler:
    """The sampler of the benchmark."""
    return dataset.transitions(BATCH_SIZE, FRAME_STACK, N_STEP, rng=0, **options)


def sequences(dataset: Dataset, **options: Any) -> SequenceSampler:
    """The sampler of the benchmark."""
    return dataset.sequences(SEQUENCES, SEQUENCE_LENGTH, rng=0, **options)


def stepper(iterator: Iterator[Any]) -> Step:
    """One batch per call."""
    return iterator.__next__


def contiguous_copy(frames: FrameArray, size: int) -> Step:
    """Copy ``size`` bytes from a random place of the mapped frames into a buffer."""
    source = np.asarray(frames).reshape(-1)
    int(source[::4096].sum())  # every page is in the cache and mapped
    size = min(size, source.size)
    buffer = np.zeros(size, np.uint8)
    rng = np.random.default_rng(1)

    def copy() -> None:
        begin = int(rng.integers(0, source.size - size + 1))
        np.copyto(buffer, source[begin : begin + size])

    return copy


def compare(
    name: str, step: Step, reference_name: str, reference: Step, size: int, pairs: int
) -> Ratio:
    """Time both in turns."""
    for _ in range(WARM_UP_BATCHES):
        reference()
        step()
    seconds = np.array([(elapsed(reference), elapsed(step)) for _ in range(pairs)])
    p25, median, p75 = np.percentile(seconds[:, 0] / seconds[:, 1], [25, 50, 75])
    typical = float(np.median(seconds[:, 1]))
    return Ratio(
        name=name,
        reference=reference_name,
        p25=float(p25),
        median=float(median),
        p75=float(p75),
        milliseconds=1e3 * typical,
        gigabytes_per_second=size / typical / 1e9,
    )


def elapsed(step: Step) -> float:
    """Seconds of one call, including the release of its result, as in a training loop."""
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def startup_seconds(path: Path) -> float:
    """From nothing to the first batch: open the file, check it, find all starts, gather."""

    def start() -> None:
        next(transitions(opened(path)))

    return min(elapsed(start) for _ in range(3))


def write_noise(path: Path, dataset_id: str, episodes: int) -> Path:
    """A flat dataset file of noise."""
    spec = get_dataset_spec(dataset_id)
    steps = spec.task.time_steps
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (steps + 1, *spec.observation_shape), np.uint8)

    def make() -> Iterator[Episode]:
        for number in range(episodes):
            yield Episode(
                observations=noise + np.uint8(number),
                actions=rng.uniform(-1, 1, (steps, spec.task.action_size)).astype(np.float32),
                rewards=rng.uniform(0, 2, steps).astype(np.float32),
                discounts=np.ones(steps, np.float32),
                terminated=False,
                truncated=True,
            )

    write_dataset(path, spec, make(), [steps] * episodes, Provenance(origin="sample"))
    return path


def opened(path: Path) -> Dataset:
    """A dataset of one file."""
    stored = open_dataset(path)
    return Dataset(get_dataset_spec(stored.manifest.dataset_id), [stored])


def halved(dataset: Dataset) -> Dataset:
    """The same rows with their frames in two arrays, as a composite has them."""
    half = Dataset(dataset.spec, dataset.stored)
    columns = dataset.columns
    middle = int(columns.starts[len(dataset) // 2])
    frames = np.asarray(columns.frames)
    parts = FrameArray([frames[:middle], frames[middle:]])
    vars(half)["columns"] = replace(columns, frames=parts)
    return half


def anonymous_bytes() -> int | None:
    """Anonymous memory of this process; ``None`` if the system does not report it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def print_report(report: dict[str, Any]) -> None:
    """The table, and the two figures that are not ratios."""
    print(f"{'batches of':38}{'against':18}{'p25':>6}{'median':>8}{'p75':>6}{'ms':>8}{'GB/s':>7}")
    for ratio in report["ratios"]:
        print(
            f"{ratio['name']:38}{ratio['reference']:18}{ratio['p25']:6.2f}{ratio['median']:8.2f}"
            f"{ratio['p75']:6.2f}{ratio['milliseconds']:8.2f}{ratio['gigabytes_per_second']:7.1f}"
        )
    print(f"open the file and take the first batch: {report['open_and_first_batch_seconds']:.2f} s")
    if report["anonymous_memory_bytes"] is not None:
        print(f"memory besides the file: {report['anonymous_memory_bytes'] / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
