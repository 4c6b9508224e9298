"""What a transition costs in small and in large datasets: opening, planning batches, writing.

A dataset of ten million transitions takes 126 GB. The files here are sparse: their index is real,
with the end of every episode marked, and their pixels, actions and rewards are zeros that take no
disk space. Each file is opened in a process of its own, which tells its anonymous memory: pages of
the file itself do not count, as the system takes them back when it needs them. Costs are processor
time; the first batch reads the pixels of 256 transitions.

    python benchmarks/size.py                # 10K to 10M transitions, about a minute
    python benchmarks/size.py --quick        # short: checks that it runs, not how fast
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import h5py
import numpy as np
from numpy.typing import NDArray

from vd4rl_data import Episode, load_dataset
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.storage.format import STATES_LAYOUT
from vd4rl_data.storage.manifest import make_manifest
from vd4rl_data.storage.rows import columns_of, row_starts
from vd4rl_data.storage.writer import FileWriter, shard_attributes

SPEC = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
LENGTH = 500
MADE = Provenance(origin="imported", recipe={"made": "zeros"})
OPENING = "--open"


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short")
    parser.add_argument("--json", type=Path, help="write the report to this file too")
    parser.add_argument(OPENING, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open is not None:
        print(json.dumps(opening(arguments.open)))
        return
    largest = 5 if arguments.quick else 7
    sizes = [10**power for power in range(4, largest + 1)]
    report = {
        "reading": {f"{size}": read(size) for size in sizes},
        "writing_us_per_transition": {f"{size}": written(size) for size in sizes[: largest - 4]},
        "quick": arguments.quick,
        "processor": find_processor().record(),
        "load_average": os.getloadavg(),
        "python": platform.python_version(),
    }
    print(json.dumps(report, indent=2))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def read(transitions: int) -> dict[str, float]:
    """Open a sparse file of so many transitions in another process."""
    with tempfile.TemporaryDirectory(prefix="vd4rl_size_") as folder:
        path = Path(folder) / "sparse.h5"
        write_sparse(path, [LENGTH] * (transitions // LENGTH))
        command = [sys.executable, __file__, OPENING, str(path)]
        subprocess.run(command, check=True, capture_output=True)  # its index is in memory now
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def opening(path: Path) -> dict[str, float]:
    """Open, draw a batch, plan a thousand more."""
    before, begin = anonymous_mb(), time.process_time()
    dataset = load_dataset(path)
    opened = time.process_time()
    sampler = dataset.transitions(batch_size=256, frame_stack=3, n_step=3, rng=0)
    next(sampler)
    first = time.process_time()
    memory = anonymous_mb() - before
    planned = time.process_time()
    for _ in range(1_024):
        sampler.draw()
    end = time.process_time()
    return {
        "seconds_to_open": opened - begin,
        "seconds_to_first_batch": first - begin,
        "anonymous_mb": memory,
        "planning_us_per_batch": (end - planned) / 1_024 * 1e6,
    }


def written(transitions: int) -> float:
    """Microseconds a transition of writing states without pixels, in one pass."""
    lengths = [LENGTH] * (transitions // LENGTH)
    with tempfile.TemporaryDirectory(prefix="vd4rl_size_") as folder:
        begin = time.process_time()
        write_dataset(
            Path(folder) / "states.h5", SPEC, _states(lengths), lengths, MADE, layout=STATES_LAYOUT
        )
        return (time.process_time() - begin) / transitions * 1e6


def _states(lengths: list[int]) -> Iterator[Episode]:
    state = np.random.default_rng(0).normal(size=(LENGTH + 1, 24)).astype(np.float32)
    return itertools.repeat(_zeros(0, state=state), len(lengths))


def _zeros(size: int, **infos: NDArray[Any]) -> Episode:
    return Episode(
        observations=np.zeros((LENGTH + 1, size, size, 3), np.uint8),
        actions=np.zeros((LENGTH, SPEC.task.action_size), np.float32),
        rewards=np.zeros(LENGTH, np.float32),
        discounts=np.ones(LENGTH, np.float32),
        terminated=False,
        truncated=True,
        infos=infos,
    )


def write_sparse(path: Path, lengths: list[int]) -> None:
    """A dataset file of zeros, whose episodes have these lengths."""
    rows = row_starts(lengths)
    writer = FileWriter(path, columns_of(_zeros(SPEC.size)), lengths, "flat")
    manifest = make_manifest(
        SPEC, [0.0] * len(lengths), lengths, MADE, "0" * 64, tells_frames=False
    )
    writer.close(shard_attributes(manifest, 0, 1, 0))
    with h5py.File(path, "r") as file:
        place: Any = file["timeouts"].id.get_offset()
    timeouts = np.memmap(path, np.bool_, "r+", place, shape=(int(rows[-1]),))
    timeouts[rows[1:] - 1] = True
    timeouts.flush()


def anonymous_mb() -> float:
    """Memory of this process that is in no file."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
