"""Are the pictures that environments show those that the data were made with?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gymnasium.envs.registration import EnvSpec

from vd4rl_data.errors import UnknownDatasetError
from vd4rl_data.media import find_media
from vd4rl_data.spec import ORIGINAL, Look

_CHECKED: Final[set[tuple[str, str]]] = set()


def check_media(dataset_id: str, look: Look | None) -> None:
    """Refuse media other than those that the local file of a dataset shows.

    Compares once per process, id and set. Nothing is compared without a local file that records
    its media, or in a worker process that does not know the id.

    Raises:
        OtherMediaError: the set has another hash; the message names both.
        MediaNotFoundError: the data show it, and it is not on this machine.
    """
    if look is None or look.media is None or (dataset_id, look.media) in _CHECKED:
        return
    from vd4rl_data.dataset import find_recorded_media

    try:
        recorded = find_recorded_media(dataset_id)
    except UnknownDatasetError:
        return
    if look.media in recorded:
        find_media(look.media, recorded[look.media], f"the local file of {dataset_id}")
    _CHECKED.add((dataset_id, look.media))


def media_of(specs: Sequence[EnvSpec]) -> dict[str, str]:
    """Name → SHA-256 of the media that environments of this package show.

    Raises:
        UnknownMediaError, MediaNotFoundError: see :func:`vd4rl_data.media.find_media`.
    """
    found: dict[str, str] = {}
    for spec in specs:
        name = spec.kwargs.get("evaluation", ORIGINAL)
        members = spec.kwargs.get("evaluations", {}).get(name, ())
        look = members[spec.kwargs.get("member", 0)]["look"] if members else None
        name = None if look is None else look["media"]
        if name is not None and name not in found:
            found[name] = find_media(name).content_sha256()
    return found
