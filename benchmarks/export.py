"""How fast datasets are exported for other toolboxes, compared with plain copying and encoding.

Frames of the bundled sample, repeated, as a flat file of 64 px. Formats that keep frames as they
are, are compared with ``cp`` of the very files that were written, synced to the disk as an export
syncs them; formats of PNG with encoding the same frames alone, on as many threads. Interleaved
rounds; a ratio is seconds of the reference / of the export.

    python benchmarks/export.py            # each format that is installed, 3 minutes, 2 GB of disk
    python benchmarks/export.py --quick    # few episodes: checks that it runs, not how fast
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from vd4rl_data import load_dataset
from vd4rl_data.dataset import Dataset
from vd4rl_data.exporting import TARGETS, export, find_target
from vd4rl_data.exporting.pictures import png_encoder
from vd4rl_data.processor import find_processor
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.version import versions_of

SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"
DATASET = "VD4RL/walker_walk-random-64px-v0"


def main() -> None:
    """Measure each format, print the table."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="vd4rl_export_") as folder:
        root = Path(folder)
        dataset = repeated(root / "data.h5", 3 if arguments.quick else arguments.episodes)
        rounds = 1 if arguments.quick else arguments.rounds
        records = [measured(dataset, name, root, rounds) for name in installed(arguments.only)]
    report = {
        "formats": records,
        "episodes": len(dataset),
        "frame_bytes": int((dataset.lengths + 1).sum()) * 64 * 64 * 3,
        "rounds": rounds,
        "machine": {
            "processor": find_processor().record(),
            "python": platform.python_version(),
            "versions": versions_of(
                ["numpy", "h5py", "minari", "pyarrow", "pillow", "tensorflow-datasets"]
            ),
        },
    }
    for record in records:
        low, middle, high = record["ratio"]
        print(
            f"{record['name']:8} {middle:.2f} ({low:.2f} to {high:.2f}) of {record['reference']}; "
            f"{record['bytes'] / 1e6:,.0f} MB; anonymous memory {record['memory'] / 1e6:,.0f} MB"
        )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=40, help="of 500 transitions")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--folder", type=Path, help="where files are written, and deleted")
    parser.add_argument("--json", type=Path, help="also write the figures to a file")
    parser.add_argument("--quick", action="store_true", help="3 episodes, one round")
    return parser.parse_args()


def installed(names: list[str]) -> list[str]:
    """Those whose libraries are here."""
    here = [name for name in names if all(map(importlib.util.find_spec, find_target(name).modules))]
    for name in names:
        if name not in here:
            print(f"{name}: left out, {' or '.join(find_target(name).modules)} is not here")
    return here


def repeated(path: Path, count: int) -> Dataset:
    """The sample's episodes in turns, each shifted sideways, as a flat file."""
    sample = list(load_dataset(SAMPLE))
    episodes = (
        replace(one, observations=np.roll(one.observations, number, axis=2))
        for number in range(count)
        for one in (sample[number % len(sample)],)
    )
    lengths = [len(sample[number % len(sample)]) for number in range(count)]
    spec = get_dataset_spec(DATASET)
    write_dataset(path, spec, episodes, lengths, Provenance("regenerated"))
    return load_dataset(path)


def measured(dataset: Dataset, name: str, root: Path, rounds: int) -> dict[str, Any]:
    """Rounds of an export and its reference, in alternating order; one before does not count."""
    target, made, copied = find_target(name), root / "made", root / "copied"
    peak = 0

    def watch(_: int) -> None:
        nonlocal peak
        peak = max(peak, anonymous_bytes())

    def run() -> None:
        export(dataset, target, made, progress=watch)

    def copy() -> None:
        subprocess.run(["cp", "-r", "--reflink=never", made, copied], check=True)
        for path in copied.rglob("*"):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    def encode() -> None:
        with png_encoder() as encoder:
            for episode in dataset:
                encoder(episode.observations)

    pictures = target.copies < 1  # PNG files are smaller than frames
    reference = encode if pictures else copy
    run()
    num_bytes = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    ratios: list[float] = []
    for number in range(rounds):
        steps: list[Callable[[], None]] = [run, reference]
        seconds: dict[Callable[[], None], float] = {}
        for step in steps if number % 2 else reversed(steps):
            shutil.rmtree(made if step is run else copied, ignore_errors=True)
            begun = time.perf_counter()
            step()
            seconds[step] = time.perf_counter() - begun
        ratios.append(seconds[reference] / seconds[run])
    for folder in (made, copied):
        shutil.rmtree(folder, ignore_errors=True)
    quartiles = statistics.quantiles(ratios, n=4) if rounds > 1 else ratios * 3
    return {
        "name": name,
        "reference": "the encoder alone" if pictures else "cp",
        "ratio": quartiles,
        "rounds": ratios,
        "bytes": num_bytes,
        "memory": peak,
    }


def anonymous_bytes() -> int:
    """Memory of this process that is no mapped file."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
