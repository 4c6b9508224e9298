#!/usr/bin/env bash
# datasets 5.2.0: a streamed dataset in the format "numpy" or "torch" gives int64 where its features say uint8.
#
# Observed: IterableDataset.from_generator(..., features=Array3D((64, 64, 3), "uint8")) gives uint8 arrays as
# long as no format is set; with_format("numpy") and with_format("torch") give int64, row by row and in
# batches, with and without features: eight times the bytes of a frame. float32 stays float32. Without a word.
# Remedy: set no format; torch's DataLoader makes uint8 tensors of the rows as they are.
#
# Exits with 0 while this is so, with 1 once the formats keep uint8.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HF_HOME="$folder/home"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 numpy==2.3.5 torch==2.13.0
cat > "$folder/show.py" <<'PYTHON'
import sys

import numpy as np
from datasets import Array3D, Features, IterableDataset
from torch.utils.data import DataLoader


def frames():
    for number in range(4):
        yield {"frame": np.full((64, 64, 3), number, np.uint8)}


def dtype_of(rows):
    return str(next(iter(rows))["frame"].dtype)


if __name__ == "__main__":
    widened = True
    for features in (None, Features(frame=Array3D((64, 64, 3), "uint8"))):
        rows = IterableDataset.from_generator(frames, features=features)
        assert dtype_of(rows) == "uint8"
        assert dtype_of(DataLoader(rows, batch_size=2)) == "torch.uint8"
        for form in ("numpy", "torch"):
            one = dtype_of(rows.with_format(form))
            batch = dtype_of(rows.with_format(form).batch(2))
            print(f"features {features and 'uint8'}, format {form}: {one}, in batches {batch}")
            widened = widened and one.endswith("int64") and not one.endswith("uint64")
    if not widened:
        sys.exit("changed: a format keeps uint8")
    print("as observed: formats make int64 of uint8")
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
