#!/usr/bin/env bash
# torchrl 0.14.1: importing it makes every later worker process of the program start by "spawn", also those of others.
#
# Observed, Python 3.11 on Linux, where processes are forked unless somebody says otherwise: "import torchrl" calls
# torch.multiprocessing.set_start_method("spawn"), which holds for the whole program. A DataLoader of plain torch, over a
# dataset that holds a lambda, gives its batches in a program without the import; in one with it, the same loader raises
# an error of pickling before the first batch, and torch's hint beside it speaks of Python 3.14. Nothing of torchrl is
# used but the import. Where a first loader ran before the import, the method is settled by then and stays fork: whether
# a program works depends on that order.
# Who notices: programs that import torchrl for one class, or import a library that does, and whose datasets,
# transforms or collate functions were never made to be pickled; scripts without a __main__ guard.
# Remedy: give the start method to each loader and pool (multiprocessing_context="fork"), or make what they hold picklable.
#
# Exits with 0 while this is so, with 1 once the import leaves the start method alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5 torchrl==0.14.1 tensordict==0.14.3
cat > "$folder/show.py" <<'PYTHON'
import multiprocessing
import platform
import sys

from torch.utils.data import DataLoader, Dataset


class Squares(Dataset):
    def __init__(self):
        self.of = lambda number: number * number

    def __len__(self):
        return 4

    def __getitem__(self, number):
        return self.of(number)


def batches(**options):
    loader = DataLoader(Squares(), num_workers=1, batch_size=4, **options)
    try:
        return [batch.tolist() for batch in loader]
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:60]}"


if __name__ == "__main__":
    order = sys.argv[1]
    if order == "import first":
        import torchrl
    first = batches()
    if order == "import between":
        import torchrl
    second, forked = batches(), batches(multiprocessing_context="fork")
    method = multiprocessing.get_start_method()
    version = "torchrl " + torchrl.__version__ if "torchrl" in sys.modules else "without torchrl"
    print(f"Python {platform.python_version()}, {platform.system()}, {version}, {order}: {method}")
    print(f"    first loader: {first}\n    second: {second}\n    with multiprocessing_context='fork': {forked}")
    works = [[0, 1, 4, 9]]
    spawned = order == "import first"
    as_observed = [loaded == works for loaded in (first, second)] == [not spawned] * 2
    sys.exit(not (as_observed and forked == works and method == ("spawn" if spawned else "fork")))
PYTHON
for order in "no import" "import first" "import between"; do
  "$folder/venv/bin/python" "$folder/show.py" "$order"
done
