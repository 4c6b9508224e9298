"""The card says what the manifest says, in YAML that parses and code that runs."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.publish.conftest import REPO_ID
from tests.storage import tiny
from vd4rl_data.publish import PreparedRepository, prepare
from vd4rl_data.publish.card import citations, front_matter, make_card
from vd4rl_data.registry import DATASETS
from vd4rl_data.spec import ReturnStatistics
from vd4rl_data.storage import Provenance

NAME = tiny.SPEC.name
PUBLISHED = ReturnStatistics(1.25, 0.5, -0.75, 1.0, 1.25, 1.5, 2.0)


def _yaml(card: str) -> dict[str, Any]:
    opening, text, body = card.split("---\n", 2)
    assert opening == ""
    assert body.startswith("\n# ")
    return yaml.safe_load(text)


def _table(card: str, heading: str) -> list[dict[str, str]]:
    """The first table below a heading."""
    lines = card[card.index(f"\n{heading}\n") :].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    count = next(i for i, line in enumerate(lines[start:]) if not line.startswith("|"))
    header, _, *rows = [[cell.strip() for cell in row] for row in rows[:count]]
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_front_matter(prepared: PreparedRepository) -> None:
    assert _yaml(prepared.card) == {
        "license": "cc0-1.0",
        "pretty_name": "Tiny dot move random, 4 px, v0",
        "task_categories": ["reinforcement-learning"],
        "size_categories": ["n<1K"],
        "tags": [
            "offline-reinforcement-learning",
            "pixels",
            "vd4rl-data",
            "Tiny",
            "dmc",
            "dot_move",
            "random",
        ],
        "configs": [
            {
                "config_name": NAME.replace("/", "."),
                "data_files": [{"split": "preview", "path": f"viewer/{NAME}.tar"}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("transitions", "category"),
    [(999, "n<1K"), (1_000, "1K<n<10K"), (100_000_000, "n>100M")],
)
def test_size_category(transitions: int, category: str, prepared: PreparedRepository) -> None:
    dataset = prepared.datasets[0]
    manifest = dataclasses.replace(dataset.manifest, num_transitions=transitions)
    fields = front_matter(REPO_ID, [dataclasses.replace(dataset, manifest=manifest)])
    assert fields["size_categories"] == [category]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["MIT"], {"license": "mit"}),
        (["MIT", "MIT"], {"license": "mit"}),
        (["MIT", "CC-BY-4.0"], {"license": ["cc-by-4.0", "mit"]}),
        (["MIT", "Homegrown"], {"license": "other", "license_name": "homegrown-and-mit"}),
    ],
)
def test_license(names: list[str], expected: dict[str, Any], prepared: PreparedRepository) -> None:
    dataset = prepared.datasets[0]
    datasets = [
        dataclasses.replace(dataset, manifest=dataclasses.replace(dataset.manifest, license=name))
        for name in names
    ]
    fields = _yaml(make_card(REPO_ID, datasets))
    assert {key: value for key, value in fields.items() if "license" in key} == expected


def test_numbers_are_the_manifest_s(flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = dataclasses.replace(tiny.SPEC, published_returns=PUBLISHED)
    monkeypatch.setitem(DATASETS, NAME, spec)
    prepared = prepare([flat], tmp_path / "upload", REPO_ID)
    beside = json.loads((prepared.folder / f"{NAME}.packed.manifest.json").read_text())
    manifest = beside["manifest"]
    ours, published = _table(prepared.card, "### Episode returns")
    for key, value in manifest["returns"].items():
        assert ours[key] == f"{value:.1f}"
        assert published[key] == f"{getattr(PUBLISHED, key):.1f}"
    assert (ours["episodes"], published["episodes"]) == ("3", "3")
    (overview,) = _table(prepared.card, "## Datasets")
    size = sum(record["num_bytes"] for record in beside["files"])
    assert overview == {
        "dataset": f"`{NAME}`",
        "episodes": str(manifest["num_episodes"]),
        "transitions": str(manifest["num_transitions"]),
        "complete": "yes",
        "origin": manifest["provenance"]["origin"],
        "download": f"{size / 1e6:.1f} MB",
    }
    assert manifest["content_sha256"] in prepared.card
    assert manifest["provenance"]["renderer"] in prepared.card


def test_arrays(prepared: PreparedRepository) -> None:
    rows = _table(prepared.card, "### Arrays")
    assert rows[0] == {
        "array": "`observations`",
        "dtype": "uint8",
        "shape of a row": "(4, 4, 3)",
        "a row belongs to": "observation",
    }
    assert [row["array"] for row in rows[-2:]] == ["`infos/physics_state`", "`infos/success`"]
    assert [row["dtype"] for row in rows[-2:]] == ["float64", "bool"]


@pytest.mark.parametrize(
    ("origin", "warned"),
    [("official", False), ("regenerated", True)],
)
def test_origin(origin: str, warned: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    tiny.write(path, provenance=dataclasses.replace(tiny.PROVENANCE, origin=origin))
    card = prepare([path], tmp_path / "upload", REPO_ID).card
    assert ("Not the benchmark's own files" in card) == warned
    assert f"**origin:** {origin}: " in card


def test_hostile_provenance_cannot_leave_its_place(tmp_path: Path) -> None:
    """Text of a manifest is shown as code, whatever it holds."""
    evil = "```\n# Owned\n[x](http://evil) | `` ` <script>"
    path = tmp_path / "a.h5"
    provenance = Provenance("regenerated", {"a": evil}, evil, {"k": evil}, {"p": evil}, (), [evil])
    tiny.write(path, provenance=provenance)
    (dataset,) = prepare([path], tmp_path / "upload", REPO_ID).datasets
    manifest = dataclasses.replace(dataset.manifest, citation=f"@article{{\n{evil}\n}}")
    card = make_card(REPO_ID, [dataclasses.replace(dataset, manifest=manifest)])
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", card)
    outside = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
    assert "Owned" in card
    assert "Owned" not in outside
    assert "<script>" not in outside


def test_behavior_policy_is_readable(tmp_path: Path) -> None:
    policy = {"name": "sac", "checkpoint": {"sha256": "ab"}, "return": 970.5}
    tiny.write(
        tmp_path / "a.h5", provenance=dataclasses.replace(tiny.PROVENANCE, behavior_policy=policy)
    )
    card = prepare([tmp_path / "a.h5"], tmp_path / "upload", REPO_ID).card
    assert (
        "- **behavior policy:** random\n"
        '  - `checkpoint`: `{"sha256": "ab"}`\n'
        "  - `name`: `sac`\n"
        "  - `return`: `970.5`\n"
    ) in card


def test_composite_of_what_is_there(prepared: PreparedRepository) -> None:
    dataset = prepared.datasets[0]
    parts = [
        dataclasses.replace(
            dataset, manifest=dataclasses.replace(dataset.manifest, dataset_id=spec.name)
        )
        for spec in (tiny.EXPERT, tiny.MEDIUM)
    ]
    told = f"`{tiny.MEDIUM_EXPERT.name}` loads from here too"
    assert told in make_card(REPO_ID, parts)
    assert told not in make_card(REPO_ID, parts[:1])


def test_one_citation_for_each_paper(prepared: PreparedRepository) -> None:
    dataset = prepared.datasets[0]
    other = dataclasses.replace(
        dataset, manifest=dataclasses.replace(dataset.manifest, citation="@b")
    )
    assert citations([dataset, other, dataset]) == [dataset.manifest.citation, "@b"]
