#!/usr/bin/env bash
# safetensors 0.8.0 (numpy interface) writes arrays in the order of their memory and ignores strides.
#
# Observed: save() of a transposed view, a valid numpy array, raises nothing; load() gives an array of the
# same shape and type with other values. The docstring of save() says that tensors "need to be contiguous
# and dense", but nothing checks it. Remedy: numpy.ascontiguousarray before saving, and read back.
#
# Exits with 0 while this is so, with 1 once arrays come back as they were or are refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import platform

import numpy
import safetensors
from safetensors.numpy import load, save

versions = f"Python {platform.python_version()}, numpy {numpy.__version__}"
print(f"{versions}, safetensors {safetensors.__version__}")
given = numpy.arange(6, dtype=numpy.float32).reshape(2, 3).T  # a view with strides (4, 12)
try:
    found = load(save({"x": given}))["x"]
except Exception as error:
    raise SystemExit(f"changed: refused with {type(error).__name__}: {error}")
print("given:", given.tolist())
print("found:", found.tolist())
if numpy.array_equal(found, given):
    raise SystemExit("changed: the array came back as it was")
kept = load(save({"x": numpy.ascontiguousarray(given)}))["x"]
assert numpy.array_equal(kept, given)
print("as observed: same shape, other values, no error; a contiguous copy is kept")
PYTHON
