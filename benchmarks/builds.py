"""Compares this build with another checkout of the repository, in turns: what became slower?

    python benchmarks/builds.py OTHER [--only NAME ...] [--rounds 9] [--quick] [--json FILE]

Both run in this environment, each in processes of its own, and do the same through what users call:
the command lines, ``gymnasium.make``, ``load_dataset``, the samplers. Processes stay open and take
turns, in alternating order, one block of work each, so that a busy machine slows both alike;
commands are started anew for each block. A round's ratio is seconds of the other / of this build:
above 1, this build is faster. The other build collects the data that both load.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tqdm import tqdm

from vd4rl_data.processor import find_processor

THIS = Path(__file__).parents[1]
DATASET = "VD4RL/walker_walk-random-84px-v0"
LOADED = f'import vd4rl_data; ds = vd4rl_data.load_dataset("{DATASET}", source="local")'
BATCH = "batch_size=256, frame_stack=3, n_step=3, rng=0"

BLOCKS: dict[str, str] = {
    # what a process that stays open does in a block, after what it does once
    "transitions": f"{LOADED}; batches = ds.transitions({BATCH}, reuse_buffers=True)\n"
    "for _ in range({n}): next(batches)",
    "transitions, fresh": f"{LOADED}; batches = ds.transitions({BATCH})\n"
    "for _ in range({n}): next(batches)",
    "sequences": f"{LOADED}; batches = ds.sequences(batch_size=16, length=50, rng=0)\n"
    "for _ in range({n}): next(batches)",
    "torch": f"{LOADED}; from vd4rl_data.pytorch import TorchTransitions; "
    f'batches = TorchTransitions(ds, {BATCH}, device="cpu", layout="stacked")\n'
    "for _ in range({n}): next(batches)",
    "render": f'import gymnasium, vd4rl_data; env = gymnasium.make("{DATASET}"); '
    "env.reset(seed=0); action = 0 * env.action_space.sample()\n"
    "for _ in range({n}):\n"
    "    if env.step(action)[3]: env.reset()",
    "open": "import vd4rl_data\n"
    f'for _ in range({{n}}): vd4rl_data.load_dataset("{DATASET}", source="local")[0]',
}
TIMES = {
    "transitions": 40,
    "transitions, fresh": 40,
    "sequences": 40,
    "torch": 15,
    "render": 40,
    "open": 10,
}
SERVER = """
import sys, time
once, block = sys.argv[1:]
block = compile(block, "block", "exec")
names = {}
exec(once, names)
exec(block, names)
print("ready", flush=True)
for line in sys.stdin:
    begun = time.perf_counter()
    exec(block, names)
    print(time.perf_counter() - begun, flush=True)
"""
COMMANDS: dict[str, list[str]] = {
    # "collect" would draw other episodes where builds draw other seeds: 10 % more or less to draw
    "render a file": ["-m", "collection", "render", "{file}", "--size", "84", "--workers", "1"]
}
TRAIN = ["benchmarks/train.py", "--device", "cpu", "--precision", "float32", "--threads", "1"]


def environment(checkout: Path, data: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "VD4RL_DATA_DIR": str(data),
        "LP_NUM_THREADS": "0",
        "OMP_NUM_THREADS": "1",
    }


class Served:
    """A process of one build that does a block of work when it is told to."""

    def __init__(self, name: str, checkout: Path, data: Path, stack: ExitStack, share: int) -> None:
        once, _, block = BLOCKS[name].partition("\n")
        block = block.format(n=max(1, TIMES[name] // share))
        self._process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", SERVER, once, block],
                cwd=checkout,
                env=environment(checkout, data),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        stack.callback(self._process.kill)
        if self._line() != "ready\n":
            raise SystemExit(f"{name}: {checkout} cannot do this; run it there to see why")

    def __call__(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def run(arguments: list[str], checkout: Path, data: Path) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env=environment(checkout, data),
        check=True,
        capture_output=True,
    )


def command(arguments: list[str], checkout: Path, data: Path) -> Callable[[], float]:
    """A command of one build on the file of one episode, into an empty folder each time."""
    file = data / "one" / f"{DATASET}.h5"

    def seconds() -> float:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            run([word.format(file=file) for word in arguments], checkout, Path(folder))
            return time.perf_counter() - begun

    return seconds


def trained(algorithm: str, checkout: Path, data: Path, quick: bool) -> Callable[[], float]:
    """Seconds of a gradient step, as the benchmark of that build measures it."""
    record = data / "train.json"
    how = ["--quick"] if quick else ["--rounds", "1", "--steps", "2"]
    arguments = [*TRAIN, "--algorithms", algorithm, *how, "--json", str(record)]

    def seconds() -> float:
        run(arguments, checkout, data)
        found = json.loads(record.read_text(encoding="utf-8"))["algorithms"][algorithm]
        return float(found["milliseconds"]["training"]) / 1e3

    return seconds


def contestants(
    name: str, checkouts: tuple[Path, Path], data: Path, stack: ExitStack, quick: bool
) -> list[Callable[[], float]]:
    """The other build and this one, ready to go."""
    if name in BLOCKS:
        return [Served(name, one, data, stack, 10 if quick else 1) for one in checkouts]
    if name in COMMANDS:
        return [command(COMMANDS[name], one, data) for one in checkouts]
    return [trained(name.removeprefix("train "), one, data, quick) for one in checkouts]


def measure(contest: list[Callable[[], float]], rounds: int, bar: Any) -> dict[str, Any]:
    """Seconds of both in turns, and quartiles of their ratio."""
    times: list[list[float]] = []
    for number in range(rounds):
        order = [0, 1] if number % 2 else [1, 0]
        found = {which: contest[which]() for which in order}
        times.append([found[0], found[1]])
        bar.update()
    ratios = sorted(other / this for other, this in times)
    last = len(ratios) - 1
    quartiles = {"p25": 0.25, "median": 0.5, "p75": 0.75}
    return {
        "ratio": {word: ratios[round(share * last)] for word, share in quartiles.items()},
        "seconds": [statistics.median(column) for column in zip(*times, strict=True)],
    }


def main() -> None:
    names = [*BLOCKS, *COMMANDS, "train bc", "train drq_bc", "train cql"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("other", type=Path, help="another checkout of this repository")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--episodes", type=int, default=8, help="of 500 frames, to load from")
    parser.add_argument("--quick", action="store_true", help="checks that it runs, not how fast")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.episodes = 1, 1
    checkouts = (arguments.other.resolve(), THIS)
    record: dict[str, Any] = {
        "processor": find_processor().record(),
        "versions": {"python": platform.python_version()},
        "rounds": arguments.rounds,
        "other": subprocess.run(
            ["git", "-C", str(checkouts[0]), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip(),
        "work": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for where, episodes in ((data, arguments.episodes), (data / "one", 1)):
            made = ["-m", "collection", "collect", DATASET, "--episodes", str(episodes)]
            run(made, checkouts[0], where)
        total = arguments.rounds * len(arguments.only)
        with tqdm(total=total, desc="builds", disable=not sys.stderr.isatty()) as bar:
            for name in arguments.only:
                bar.set_postfix_str(name)
                with ExitStack() as stack:
                    contest = contestants(name, checkouts, data, stack, arguments.quick)
                    record["work"][name] = found = measure(contest, arguments.rounds, bar)
                low, middle, high = found["ratio"].values()
                print(f"{name:<20} {middle:.2f} ({low:.2f} to {high:.2f})", flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
