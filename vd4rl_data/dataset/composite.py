"""A composite is its parts: what is true of them is true of the file that they are written into."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vd4rl_data.storage import StoredDataset
from vd4rl_data.storage.manifest import UNKNOWN_RENDERER, Provenance, least_origin
from vd4rl_data.storage.naming import source_note


def composed_provenance(stored: Sequence[StoredDataset]) -> Provenance:
    """Where a composite comes from, told from the manifests of its parts.

    Split, completeness and render fingerprint follow from it (see
    :func:`vd4rl_data.storage.manifest.make_manifest`). Versions and renderer are named if they are
    those of every part; the origin is that of the part which is furthest from the authors' files.
    """
    parts = [part.manifest for part in stored]
    provenances = [part.provenance for part in parts]
    renderers = {provenance.renderer for provenance in provenances}
    return Provenance(
        origin=least_origin([provenance.origin for provenance in provenances]),
        versions=_common(provenances),
        renderer=renderers.pop() if len(renderers) == 1 else UNKNOWN_RENDERER,
        recipe={"composed_of": [_part(part) for part in stored]},
        behavior_policy={part.dataset_id: dict(part.provenance.behavior_policy) for part in parts},
        sources=[source for provenance in provenances for source in provenance.sources],
        repairs=[
            f"{part.dataset_id}: {repair}" for part in parts for repair in part.provenance.repairs
        ],
    )


def _part(part: StoredDataset) -> dict[str, Any]:
    manifest, provenance = part.manifest, part.manifest.provenance
    fetched_from = _fetched_from(part.path)
    return {
        "dataset_id": manifest.dataset_id,
        "content_sha256": manifest.content_sha256,
        "num_episodes": manifest.num_episodes,
        "complete": manifest.complete,
        "origin": provenance.origin,
        "versions": dict(provenance.versions),
        "renderer": provenance.renderer,
        "recipe": dict(provenance.recipe),
        **({"fetched_from": fetched_from} if fetched_from else {}),
    }


def _fetched_from(path: Path) -> str:
    """The repository that a third party's file was fetched from, as the note beside it says."""
    try:
        note: Any = json.loads(source_note(path).read_text(encoding="utf-8"))
        return str(note["source"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _common(provenances: Sequence[Provenance]) -> dict[str, str]:
    first = provenances[0].versions
    same = all(provenance.versions == first for provenance in provenances)
    return dict(first) if same else {}
