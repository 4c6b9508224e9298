"""What users meet first: importing, and the wheel alone in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

_HEAVY = (
    "torch", "mujoco", "dm_control", "h5py", "PIL", "rich", "huggingface_hub", "tqdm", "pydantic",
)  # fmt: skip


def test_import_prints_nothing_and_loads_nothing_heavy(repository: Path) -> None:
    code = f"import sys, vd4rl_data; print(sorted(set({_HEAVY!r}) & set(sys.modules)))"
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (finished.stdout.strip(), finished.stderr) == ("[]", "")


def test_public_names_resolve() -> None:
    import vd4rl_data

    for name in vd4rl_data.__all__:
        assert getattr(vd4rl_data, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = vd4rl_data.no_such_name


def test_versions_of_what_is_installed() -> None:
    import numpy as np

    from vd4rl_data.version import versions_of

    assert versions_of(["no-such-package", "numpy"]) == {"numpy": np.__version__}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(repository)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_only_the_library(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"vd4rl_data"}
    assert any(name.endswith("py.typed") for name in names)
    assert wheel.stat().st_size < 4.5e6


_STRANGER = """
import gymnasium, vd4rl_data
env = gymnasium.make("VD4RL/walker_walk-random-sample-64px-v0")
data = env.get_dataset()
assert data["observations"].shape == (1002, 64, 64, 3), data["observations"].shape
assert data["observations"].std() > 10
assert len(vd4rl_data.list_datasets()) >= 31
assert abs(env.get_normalized_score(500.0) - 0.5) < 1e-12
try:
    env.reset(seed=0)
except ImportError as error:
    assert "vd4rl-data[dmc]" in str(error), error
else:
    raise SystemExit("expected the missing simulator to be named")
print("fine")
"""


def test_the_wheel_alone_opens_the_sample_in_an_empty_environment(
    wheel: Path, tmp_path: Path, repository: Path
) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    constraints = repository / "constraints.txt"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "-c", constraints, wheel],
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        check=True,
        capture_output=True,
        timeout=600,
    )
    finished = subprocess.run(
        [python, "-W", "error", "-c", _STRANGER],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip().endswith("fine")
    listed = subprocess.run(
        [environment / "bin" / "vd4rl", "list", "--json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "VD4RL/humanoid_walk-expert-84px-v0" in listed.stdout
