"""A process that is killed while it exports leaves nothing that passes as a dataset."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exporting import reading
from vd4rl_data.cli import main
from vd4rl_data.dataset import Dataset
from vd4rl_data.errors import Vd4rlError
from vd4rl_data.exporting import TARGETS
from vd4rl_data.formats import FORMATS
from vd4rl_data.importing import import_folder

_EXPORT = """
import sys, time
from pathlib import Path
from vd4rl_data import load_dataset
from vd4rl_data.exporting import export

def stop(number):
    if number == 3:
        print("three episodes are written", flush=True)
        time.sleep(600)

export(load_dataset(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]), progress=stop)
"""


def _contents(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("name", TARGETS)
def test_after_a_kill(
    name: str, exported: Callable[[str], Path], dataset: Dataset, tmp_path: Path
) -> None:
    whole, out, half = exported(name), tmp_path / "out", tmp_path / "out.incomplete"
    file = str(dataset.paths[0])
    child = [sys.executable, "-c", _EXPORT, file, name, str(out)]
    with subprocess.Popen(child, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "three episodes are written\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert any(path.is_file() for path in half.rglob("*"))
    _is_no_dataset(name, half, dataset)

    assert main(["export", file, "--format", name, "--out", str(out)]) == 0
    assert not half.exists()
    assert _contents(out) == _contents(whole)


def _is_no_dataset(name: str, half: Path, dataset: Dataset) -> None:
    """Neither its own library, where it is here, reads what is left, nor does an import."""
    modules, read = reading.READERS[name]
    if all(map(importlib.util.find_spec, modules)):
        with pytest.raises((OSError, KeyError, ValueError)):
            read(half)
    if name in FORMATS:
        folder = half / "data" if name == "minari" else half
        with pytest.raises(Vd4rlError):
            import_folder(folder, dataset.spec, half.parent / "imported")
