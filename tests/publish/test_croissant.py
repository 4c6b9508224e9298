"""The Croissant file is valid to the format's own package, and describes what is there."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from tests.publish.conftest import REPO_ID
from tests.storage import tiny
from vd4rl_data.errors import PublishError
from vd4rl_data.publish import PreparedRepository, prepare
from vd4rl_data.publish.croissant import check_croissant

NAME = tiny.SPEC.name


@pytest.fixture
def both(flat: Path, expert: Path, tmp_path: Path) -> PreparedRepository:
    """Two datasets in one repository."""
    return prepare([flat, expert], tmp_path / "upload", REPO_ID)


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Dataset.default_context:DeprecationWarning")
def test_valid(both: PreparedRepository, caplog: pytest.LogCaptureFixture) -> None:
    """No error, and one warning: a date of publication would make every preparation differ."""
    import mlcroissant

    with caplog.at_level(logging.WARNING):
        metadata = mlcroissant.Dataset(jsonld=str(both.folder / "croissant.json")).metadata
    issues = metadata.ctx.issues
    assert not issues.errors
    assert [issue for issue in issues.warnings if "datePublished" not in str(issue)] == []
    files = {node.id: node for node in metadata.distribution if hasattr(node, "sha256")}
    for file in both.files:
        if file.path not in ("README.md", "croissant.json"):
            assert files[file.path].sha256 == file.sha256
            assert files[file.path].content_size == f"{file.size} B"
            assert files[file.path].content_url == file.path
    assert len(files) == len(both.files) - 2
    assert metadata.cite_as == tiny.SPEC.citation
    assert metadata.license == ["https://spdx.org/licenses/CC0-1.0.html"]
    assert [record_set.id for record_set in metadata.record_sets] == [
        f"{tiny.EXPERT.name}/rows",
        f"{NAME}/rows",
    ]
    fields = {field.name: field for field in metadata.record_sets[1].fields}
    assert [fields[name].data_type for name in ("observations", "rewards", "terminals")] == [
        int,
        float,
        bool,
    ]
    assert fields["infos/physics_state"].source.extract.column == "infos/physics_state"


def test_columns_are_in_the_files(prepared: PreparedRepository) -> None:
    """Each column names an array of each shard."""
    import h5py

    content = json.loads((prepared.folder / "croissant.json").read_text())
    columns = [field["source"]["extract"]["column"] for field in content["recordSet"][0]["field"]]
    for shard in prepared.datasets[0].shards:
        with h5py.File(prepared.folder / shard.path) as file:
            rows = {column: len(file[column]) for column in columns}
            assert len(set(rows.values())) == 1
    assert content["distribution"][-1]["includes"] == f"{NAME}.packed-*.h5"


def test_check_says_that_it_is_valid(prepared: PreparedRepository) -> None:
    assert "is valid to mlcroissant" in check_croissant(prepared.folder / "croissant.json")


def test_check_refuses_what_is_not(prepared: PreparedRepository) -> None:
    path = prepared.folder / "croissant.json"
    content = json.loads(path.read_text())
    content["recordSet"][0]["field"][0]["source"]["fileSet"]["@id"] = "nothing"
    path.write_text(json.dumps(content))
    with pytest.raises(PublishError, match=r"not valid to mlcroissant.*\n"):
        check_croissant(path)


def test_check_without_the_package_says_so(
    prepared: PreparedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlcroissant", None)
    assert "pip install mlcroissant" in check_croissant(prepared.folder / "croissant.json")
