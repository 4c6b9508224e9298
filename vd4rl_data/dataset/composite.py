"""A composite is its parts: what is true of them is true of the file that they are written into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vd4rl_data.storage.manifest import UNKNOWN_RENDERER, Manifest, Provenance


def composed_provenance(parts: Sequence[Manifest]) -> Provenance:
    """Where a composite comes from, told from the manifests of its parts.

    Split, completeness and render fingerprint follow from it (see
    :func:`vd4rl_data.storage.manifest.make_manifest`). Versions and renderer are named if they are
    those of every part.
    """
    provenances = [part.provenance for part in parts]
    origins = {provenance.origin for provenance in provenances}
    renderers = {provenance.renderer for provenance in provenances}
    return Provenance(
        origin=origins.pop() if len(origins) == 1 else "imported",
        versions=_common(provenances),
        renderer=renderers.pop() if len(renderers) == 1 else UNKNOWN_RENDERER,
        recipe={"composed_of": [_part(part) for part in parts]},
        behavior_policy={part.dataset_id: dict(part.provenance.behavior_policy) for part in parts},
        sources=[source for provenance in provenances for source in provenance.sources],
        repairs=[
            f"{part.dataset_id}: {repair}" for part in parts for repair in part.provenance.repairs
        ],
    )


def _part(manifest: Manifest) -> dict[str, Any]:
    return {
        "dataset_id": manifest.dataset_id,
        "content_sha256": manifest.content_sha256,
        "num_episodes": manifest.num_episodes,
        "complete": manifest.complete,
    }


def _common(provenances: Sequence[Provenance]) -> dict[str, str]:
    first = provenances[0].versions
    same = all(provenance.versions == first for provenance in provenances)
    return dict(first) if same else {}
