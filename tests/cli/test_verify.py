"""``vd4rl verify``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import ID, LENGTHS, SAMPLE, Run, flip_byte, write
from vd4rl_data.errors import RenderBackendError
from vd4rl_data.fingerprint import RenderFingerprint
from vd4rl_data.spec import TaskSpec
from vd4rl_data.storage import pack


def test_a_sound_file(run: Run, dataset: Path) -> None:
    finished = run("verify", dataset)
    assert finished.status == 0
    assert finished.out == (
        f"OK       {dataset}: 4 episodes, {sum(LENGTHS) + 4} frames; "
        "checked content, invariants, file hashes\n"
    )


def test_without_a_sidecar(run: Run, dataset: Path) -> None:
    dataset.with_name(f"{dataset.stem}.manifest.json").unlink()
    finished = run("verify", dataset)
    assert finished.status == 0
    assert "not the file hashes, as there is no sidecar" in finished.out


def test_one_altered_pixel(run: Run, dataset: Path) -> None:
    flip_byte(dataset, 4096 + 12_288 * 7)
    finished = run("verify", ID)
    assert finished.status == 1
    lines = finished.out.splitlines()
    assert all(line.startswith(f"PROBLEM  {dataset}") for line in lines)
    assert any("episode 1: expected CRC-32" in line for line in lines)
    assert any("expected SHA-256" in line for line in lines)
    assert finished.err == ""


@pytest.mark.parametrize("damage", ["cut", "header", "other"])
def test_a_file_that_cannot_be_opened(run: Run, dataset: Path, damage: str) -> None:
    if damage == "cut":
        dataset.write_bytes(dataset.read_bytes()[:-1])
    elif damage == "header":
        flip_byte(dataset, 20)
    else:
        dataset.write_text("not a dataset")
    finished = run("verify", dataset)
    assert finished.status == 1
    assert finished.out.startswith(f"PROBLEM  {dataset}")


def test_json(run: Run, dataset: Path, tmp_path: Path) -> None:
    sound = write(tmp_path)
    flip_byte(dataset, 4096)
    finished = run("verify", sound, dataset, "--json")
    assert finished.status == 1
    first, second = json.loads(finished.out)
    assert first == {
        "path": str(sound),
        "ok": True,
        "num_episodes": 4,
        "num_frames": 22,
        "has_sidecar": True,
        "problems": [],
        "render": None,
    }
    assert second["ok"] is False
    assert len(second["problems"]) >= 2


def test_an_id_stands_for_every_copy(run: Run, dataset: Path) -> None:
    pack(dataset, shard_raw_bytes=130_000)
    records = json.loads(run("verify", ID, dataset, "--json").out)
    assert [Path(record["path"]).name.split(".")[1] for record in records] == [
        "h5",
        "packed-00000-of-00003",
    ]


def test_a_composite_stands_for_its_parts(run: Run, data_dir: Path) -> None:
    paths = [write(data_dir, f"VD4RL/walker_walk-{half}-64px-v0") for half in ("medium", "expert")]
    records = json.loads(run("verify", "VD4RL/walker_walk-medium_expert-64px-v0", "--json").out)
    assert [record["path"] for record in records] == list(map(str, paths))


@pytest.mark.parametrize(("difference", "status"), [(0.0, 0), (1.25, 1)])
def test_render_compares_the_fingerprint(
    run: Run, monkeypatch: pytest.MonkeyPatch, difference: float, status: int
) -> None:
    seen: list[tuple[RenderFingerprint, TaskSpec]] = []

    def check(fingerprint: RenderFingerprint, task: TaskSpec) -> float:
        seen.append((fingerprint, task))
        return difference

    monkeypatch.setattr("vd4rl_data.envs.check_fingerprint", check)
    finished = run("verify", SAMPLE, "--render")
    assert finished.status == status
    ((fingerprint, task),) = seen
    assert fingerprint.frames.dtype == np.uint8
    assert task.name == "walker_walk"
    if status:
        assert "1.250 gray levels (of 255) on average" in finished.out
        assert fingerprint.renderer in finished.out
    else:
        assert finished.out.endswith("file hashes, rendering\n")
    record = json.loads(run("verify", SAMPLE, "--render", "--json").out)[0]
    assert record["render"] == {"renderer": fingerprint.renderer, "difference": difference}


def test_render_without_a_fingerprint(run: Run, dataset: Path) -> None:
    finished = run("verify", dataset, "--render")
    assert finished.status == 0
    assert "no render fingerprint to compare" in finished.out


def test_render_where_nothing_can_be_rendered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise RenderBackendError("no OpenGL library: apt-get install libegl1")

    monkeypatch.setattr("vd4rl_data.envs.check_fingerprint", fail)
    finished = run("verify", SAMPLE, "--render")
    assert (finished.status, finished.err) == (
        2,
        "vd4rl: no OpenGL library: apt-get install libegl1\n",
    )


@pytest.mark.render
def test_render_draws_for_real(run: Run) -> None:
    finished = run("verify", SAMPLE, "--render", "--json")
    render = json.loads(finished.out)[0]["render"]
    assert render["difference"] < 10  # another renderer is a few grey levels away, another scene 50
    assert finished.status == int(render["difference"] > 0)
