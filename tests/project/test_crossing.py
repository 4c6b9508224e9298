"""How much of the library a call crosses: a reader of the code can follow it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_COUNTED = """
import sys

def crossed(call):
    call()  # imports
    found = set()

    def note(frame, event, argument):
        code = frame.f_code
        if event == "call" and "/vd4rl_data/" in code.co_filename and "<" not in code.co_qualname:
            found.add((code.co_filename, code.co_qualname))

    sys.setprofile(note)
    call()
    sys.setprofile(None)
    print(len(found), len({path for path, _ in found}))
"""
_OPENED = """
import gymnasium
import vd4rl_data

env = gymnasium.make("VD4RL/walker_walk-random-sample-64px-v0")
crossed(env.get_wrapper_attr("get_dataset"))
assert not {"pydantic", "torch", "huggingface_hub"} & set(sys.modules)
"""
_DOWNLOADED = """
import os, tempfile
from pathlib import Path

import vd4rl_data
from tests.download.authors import miniature
from tests.download.local_hub import LocalHub
from vd4rl_data.download import public_files

miniature.register()
with tempfile.TemporaryDirectory() as folder:
    made = miniature.build(Path(folder))
    hub = LocalHub(made.files, miniature.REPO_ID, revision=miniature.REVISION)
    os.environ |= {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": folder}
    public_files._stored = lambda spec: made.sources.get(spec.name)
    roots = iter([Path(folder, "1"), Path(folder, "2")])
    try:
        crossed(lambda: vd4rl_data.load_dataset(miniature.RANDOM, root=next(roots)))
    finally:
        hub.stop()
"""


@pytest.mark.parametrize(
    ("script", "functions", "modules"),
    [
        pytest.param(_OPENED, 60, 14, id="open"),
        pytest.param(_DOWNLOADED, 230, 37, id="download"),  # to become 150 and 25
    ],
)
def test_a_call_crosses_few_functions_and_modules(
    repository: Path, tmp_path: Path, script: str, functions: int, modules: int
) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "VD4RL_DATA_DIR"}
    environment |= {"PYTHONPATH": str(repository), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _COUNTED + script],
        env={**environment, "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    crossed_functions, crossed_modules = map(int, done.stdout.split())
    assert crossed_functions <= functions
    assert crossed_modules <= modules
