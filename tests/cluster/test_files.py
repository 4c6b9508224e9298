"""The cluster files of docs/scale: as far as they can be checked without a cloud."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest


def test_the_cloud_file_fits_rays_schema(repository: Path) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    yaml = pytest.importorskip("yaml")
    jsonschema = pytest.importorskip("jsonschema")
    folder = Path(ray.__file__).parent / "autoscaler"
    schema = json.loads((folder / "ray-schema.json").read_text())
    asked = yaml.safe_load((repository / "docs" / "scale" / "cluster.yaml").read_text())
    jsonschema.validate(asked, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**asked, "max_workers": "many"}, schema)


def test_the_slurm_script_is_a_script(repository: Path) -> None:
    path = repository / "docs" / "scale" / "slurm.sh"
    subprocess.run(["bash", "-n", str(path)], check=True)
    assert "#SBATCH --nodes" in path.read_text()
