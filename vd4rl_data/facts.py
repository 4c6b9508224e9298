"""What there is to know about a dataset, as lines of (name, value) for readers.

``vd4rl info`` prints them and the page of a dataset shows them.
"""

from __future__ import annotations

import json
from typing import Any

from vd4rl_data.scores import describe_score
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.storage.manifest import Manifest

Facts = list[tuple[str, str]]


def raw_bytes(spec: DatasetSpec) -> int:
    """Bytes of all frames of a complete dataset."""
    return (spec.num_transitions + spec.num_episodes) * spec.size**2 * 3


def dataset_facts(spec: DatasetSpec) -> Facts:
    """Size, score, license and source of the complete dataset."""
    composed = [("composite of", " and ".join(spec.parts))] if spec.parts else []
    return [
        *composed,
        ("episodes", f"{spec.num_episodes:,}"),
        ("transitions", f"{spec.num_transitions:,}"),
        ("observations", f"uint8 {spec.size} x {spec.size} x 3, {raw_bytes(spec) / 1e9:.2f} GB"),
        ("normalized score", describe_score(spec.score)),
        ("license", spec.license),
        ("source", spec.source),
    ]


def task_facts(task: TaskSpec) -> Facts:
    """Actions, time and camera of a task."""
    return [
        ("name", f"{task.name} ({task.settings})"),
        ("actions", f"{task.action_size} dimensions in [-1, 1]"),
        ("action repeat", f"{task.action_repeat}"),
        ("horizon", f"{task.horizon} environment steps, {task.time_steps} time steps"),
        ("camera", f"{task.camera}"),
    ]


def origin_facts(manifest: Manifest) -> Facts:
    """How the episodes of a file were made; what was not recorded is left out."""
    origin = manifest.provenance
    lines = [
        ("renderer", origin.renderer),
        ("fingerprint", "yes" if manifest.fingerprint_rows else "none"),
        ("versions", ", ".join(f"{name} {text}" for name, text in sorted(origin.versions.items()))),
        ("behavior policy", _compact(origin.behavior_policy)),
        ("recipe", _compact(origin.recipe)),
        ("license", manifest.license),
        ("content", f"SHA-256 {manifest.content_sha256}"),
    ]
    return [(name, value) for name, value in lines if value]


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if value else ""
