#!/usr/bin/env bash
# torch 2.13.0: the first optimizer of a process, even plain SGD over one number, imports torch's compiler.
#
# Observed: neither "import torch" nor torch.nn nor a backward pass imports torch._dynamo; making the first
# torch.optim.Optimizer does: some 820 modules more (SymPy among them), 71 MB and 1.1 s of processor time, as much
# again as "import torch" took on the same machine; the next optimizers take nothing. Nobody has asked to
# compile anything. Reason: Optimizer.add_param_group is wrapped so that the compiler leaves it alone, and that
# wrapper imports the compiler when it is first called.
# Who notices: each worker process of a sweep, each test in a process of its own, each command that loads a
# checkpoint with its optimizer to play one episode. Remedy: make the optimizer only where something is trained.
#
# Exits with 0 while this is so, with 1 once an optimizer is made without the compiler.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
cat > "$folder/show.py" <<'PYTHON'
import platform
import resource
import sys
import time

import torch


def now():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return len(sys.modules), peak, time.process_time()


def told(label, begin):
    modules, peak, seconds = (after - before for after, before in zip(now(), begin, strict=True))
    print(f"{label}: {modules} modules more, {peak:.0f} MB more, {seconds:.2f} s of processor time")
    return modules


print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
whole = time.process_time()
print(f"import torch, with the interpreter's start: {whole:.2f} s, {len(sys.modules)} modules")
begin = now()
weight = torch.nn.Parameter(torch.ones(1))
(weight * 2.0).sum().backward()
told("a parameter and a backward pass", begin)
before = "torch._dynamo" in sys.modules
begin = now()
torch.optim.SGD([weight], lr=0.1)
first = told("the first optimizer", begin)
begin = now()
torch.optim.Adam([weight], lr=0.1).step()
told("the second, and a step", begin)
after = "torch._dynamo" in sys.modules and "sympy" in sys.modules
print(f"the compiler is there before the first optimizer: {before}, after it: {after}")
sys.exit(not (not before and after and first > 300))
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
