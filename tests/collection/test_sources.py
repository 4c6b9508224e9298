"""Policies from the Hub, pinned by hash, in place of those of the repository."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collection.actor import Actor
from collection.behaviors import BehaviorOptions, find_behavior
from collection.cli import main
from collection.errors import NotCollectableError, PolicyFileError
from collection.policy_files import policy_in, read_policy, shipped_policy, write_policy
from collection.sources import find_policy, parse
from tests.collection.conftest import MEDIUM
from tests.download.local_hub import LocalHub
from vd4rl_data.download.policies import LIST
from vd4rl_data.errors import CorruptFileError, InvalidSourceError
from vd4rl_data.publish.policies import prepare_policies
from vd4rl_data.registry import get_dataset_spec, get_task_spec
from vd4rl_data.storage import open_dataset
from vd4rl_data.suites import policies
from vd4rl_data.suites.policies import PublishedPolicies
from vd4rl_data.ways import ways_to_get

TASK = "walker_walk_short"
REPO_ID = "lab/policies"


@pytest.fixture
def tiers(make_actor: Callable[..., Actor], tmp_path: Path) -> Path:
    """A folder that ``select`` could have written."""
    write_policy(
        policy_in(tmp_path / "tiers" / "policies", TASK, "medium"),
        make_actor(),
        task=TASK,
        tier="medium",
        observations=get_task_spec("walker_walk").state_layout,
        training={"algorithm": "SAC"},
    )
    return tmp_path / "tiers"


@pytest.fixture
def hub(
    tiers: Path, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalHub]:
    """A hub that has it."""
    prepared = prepare_policies([tiers], tmp_path / "upload", REPO_ID)
    content = {file.path: (prepared.folder / file.path).read_bytes() for file in prepared.files}
    running = LocalHub(content, REPO_ID)
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield running
    running.stop()


def test_a_repository_of_policies_serves_as_a_source(
    hub: LocalHub, tiers: Path, tmp_path: Path
) -> None:
    arguments = ["collect", MEDIUM, "--episodes", "1", "--no-progress", "--workers", "1"]
    source = f"hf://{REPO_ID}@{hub.revision}"
    for place, given in (("hub", source), ("folder", str(tiers))):
        assert main([*arguments, "--source", given, "--out", str(tmp_path / place)]) == 0
    first, second = (
        open_dataset(tmp_path / place / f"{MEDIUM}.h5").manifest for place in ("hub", "folder")
    )
    assert first.content_sha256 == second.content_sha256
    used = first.provenance.behavior_policy["sha256"]
    assert used == read_policy(policy_in(tiers / "policies", TASK, "medium")).sha256


def test_what_is_too_large_for_the_repository_is_fetched(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, spec = get_task_spec(TASK), get_dataset_spec(MEDIUM)
    with pytest.raises(NotCollectableError):
        find_behavior(task, "medium")
    assert "train" in {way.kind for way in ways_to_get(spec)}
    digest = hashlib.sha256(hub.files[LIST]).hexdigest()
    source = f"hf://{REPO_ID}@{hub.revision}"
    wrong, right = (PublishedPolicies(source, text, (f"{TASK}-medium",)) for text in ("0", digest))
    monkeypatch.setattr(policies, "PUBLISHED", [right])
    assert "collect" in {way.kind for way in ways_to_get(spec)}
    assert find_behavior(task, "medium").name == "medium"
    hub.stop()
    assert find_behavior(task, "medium").name == "medium"  # it is here now
    monkeypatch.setattr(policies, "PUBLISHED", [wrong])
    with pytest.raises(CorruptFileError, match="expected SHA-256 0"):
        find_behavior(task, "medium")


def test_what_a_folder_lacks_comes_from_the_repository(tiers: Path, tmp_path: Path) -> None:
    lent = find_policy(tiers, "walker_walk_foot_g", "expert", None)
    assert lent == shipped_policy("walker_walk", "expert")
    behavior = find_behavior(get_task_spec("walker_walk_foot_g"), "expert", BehaviorOptions(tiers))
    assert behavior.description["task"] == "walker_walk"
    with pytest.raises(PolicyFileError):  # not a folder of policies at all
        find_behavior(get_task_spec("walker_walk"), "expert", BehaviorOptions(tmp_path / "upload"))


def test_other_texts_are_paths() -> None:
    assert parse("runs/tiers") == Path("runs/tiers")
    with pytest.raises(InvalidSourceError):
        parse("hf://nobody")
    assert BehaviorOptions(parse("x.h5")).given() == ("source",)
