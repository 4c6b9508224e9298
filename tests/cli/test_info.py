"""``vd4rl info``."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.conftest import ID, LENGTHS, SAMPLE, Run, flip_byte, write
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.simulators import versions
from vd4rl_data.storage import open_dataset, pack
from vd4rl_data.version import versions_of
from vd4rl_data.ways import ways_to_get


@pytest.mark.parametrize("name", DATASETS)
def test_every_id(run: Run, name: str) -> None:
    finished = run("info", name)
    assert finished.status == 0, finished.err
    spec = get_dataset_spec(name)
    assert finished.out.startswith(f"{name}\n")
    assert f"{spec.num_transitions:,}" in finished.out
    assert all(part in finished.out for part in spec.parts)
    if spec.published_returns is not None:
        assert f"{spec.published_returns.mean:.1f}" in finished.out
    for way in ways_to_get(spec):
        assert all(f"      {command}\n" in finished.out for command in way.commands)


def test_a_file_tells_its_story(run: Run, dataset: Path) -> None:
    by_id, by_file = run("info", ID), run("info", dataset)
    assert by_id == by_file
    for text in (
        "regenerated",
        "4, 18 transitions (INCOMPLETE: 200 in all)",
        "flat",
        "12,288 raw",
        '{"made": "by a test"}',
        "nothing broke",
        "the means DIFFER",
        "MIT",
    ):
        assert text in by_id.out, text


def test_json(run: Run, dataset: Path) -> None:
    record = json.loads(run("info", ID, "--json").out)
    stored = open_dataset(dataset)
    assert record["name"] == ID
    assert record["published_returns"]["median"] == 41.3
    (file,) = record["files"]
    assert file["path"] == str(dataset)
    assert file["layout"] == "flat"
    assert file["manifest"] == json.loads(stored.manifest.to_json())
    frames = sum(LENGTHS) + len(LENGTHS)
    assert file["bytes_per_frame"] == dataset.stat().st_size / frames > 12_288
    assert file["has_fingerprint"] is False


def test_the_installed_simulator_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions_of(versions.PACKAGES)
    assert json.loads(run("info", ID, "--json").out)["installed"] == found
    monkeypatch.setattr(versions, "versions_of", lambda _: {"mujoco": "3.3.3"})
    assert "mujoco 3.3.3, dm_control (not installed)" in run("info", ID).out
    strange = {"mujoco": "3.3.3", "dm_control": "1.0.28"}
    monkeypatch.setattr(versions, "versions_of", lambda _: strange)
    assert "pip install --no-deps mujoco==3.3.3 dm_control==1.0.31" in run("info", ID).out


def test_packed_files_and_copies(run: Run, dataset: Path) -> None:
    shards = pack(dataset, shard_raw_bytes=130_000)
    record = json.loads(run("info", ID, "--json").out)
    assert [file["layout"] for file in record["files"]] == ["flat", "packed"]
    assert record["files"][1]["shards"] == [str(path) for path in shards]
    assert len(shards) > 1
    assert f"packed, shards: {len(shards)}" in run("info", shards[1]).out


def test_a_composite_shows_its_parts(run: Run, data_dir: Path) -> None:
    paths = [write(data_dir, f"VD4RL/walker_walk-{half}-64px-v0") for half in ("medium", "expert")]
    record = json.loads(run("info", "VD4RL/walker_walk-medium_expert-64px-v0", "--json").out)
    assert [file["path"] for file in record["files"]] == list(map(str, paths))


def test_a_damaged_copy_is_told_beside_the_others(run: Run, dataset: Path) -> None:
    shards = pack(dataset)
    flip_byte(dataset, 20)
    finished = run("info", ID)
    assert finished.status == 0
    assert "DAMAGED" in finished.out
    assert str(shards[0]) in finished.out
    problem, sound = json.loads(run("info", ID, "--json").out)["files"]
    assert "checksum" in problem["problem"]
    assert sound["layout"] == "packed"
    assert run("info", dataset).status == 2


def test_citation_alone(run: Run) -> None:
    assert run("info", SAMPLE, "--citation").out == get_dataset_spec(SAMPLE).citation + "\n"


def test_another_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.hdf5"
    path.write_bytes(b"something else")
    finished = run("info", path)
    assert finished.status == 2
    assert "vd4rl import FOLDER --id ID" in finished.err


@pytest.mark.parametrize("width", [50, 90])
def test_values_wrap_in_a_narrow_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=width)
    monkeypatch.setattr("vd4rl_data.cli.info.output_console", lambda: console)
    assert run("info", SAMPLE).status == 0
    lines = screen.getvalue().splitlines()
    # A path is one long word, and a command is to be copied.
    wrapped = [line for line in lines if not line.startswith(("/", "      "))]
    assert max(map(len, wrapped)) <= width
    assert any("renderer" in line for line in lines)
