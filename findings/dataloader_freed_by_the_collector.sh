#!/usr/bin/env bash
# torch 2.13.0's DataLoader with workers waits five seconds for each worker where its iterator is freed by
# Python's garbage collector and not by its last reference, as after any error that a worker passed on.
#
# Observed: dropping an unfinished iterator takes less than half a second; with a reference to itself, or after an
# error from a worker was caught (whose traceback holds the iterator and is held by it), the next collection,
# wherever in the program it falls, stands still for 5 s a worker: 10 s with two. Reason: the collector runs
# weak references' callbacks first, and multiprocessing's end the threads that feed the workers' queues; the
# farewell that the iterator's __del__ then queues is never sent. The workers are killed after the wait.
# Remedy: let nothing hold the iterator but one name: after a caught error, error.__traceback__ = None.
#
# Exits with 0 while this is so, with 1 once such an iterator ends at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
cat > "$folder/show.py" <<'PYTHON'
import gc
import platform
import time

import torch
from torch.utils.data import DataLoader


def fails(batch):
    raise ValueError("a batch that cannot be made")


def dropped(workers):
    batches = iter(DataLoader(range(64), num_workers=workers))
    next(batches)
    return batches


def in_a_cycle(workers):
    batches = dropped(workers)
    batches.itself = batches
    return batches


def after_an_error(workers, mended=False):
    batches = iter(DataLoader(range(64), num_workers=workers, collate_fn=fails))
    try:
        next(batches)
    except ValueError as error:
        if mended:
            error.__traceback__ = None
    return batches


def mended(workers):
    return after_an_error(workers, mended=True)


def seconds(make, workers):
    batches = make(workers)
    begin = time.monotonic()
    del batches
    gc.collect()
    return time.monotonic() - begin


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, torch {torch.__version__}")
    gc.disable()  # so that it is seen when it collects
    for make, each in ((dropped, 0), (mended, 0), (in_a_cycle, 5), (after_an_error, 5)):
        for workers in (1, 2):
            found = seconds(make, workers)
            print(f"{make.__name__}, {workers} workers: {found:.1f} s")
            if each and found < each * workers:
                raise SystemExit("changed: it ended at once")
            assert each or found < 4
    print("as observed: five seconds a worker where the collector frees the iterator")
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
