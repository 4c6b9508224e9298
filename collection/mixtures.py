"""Which environment each episode of a mixed dataset is collected in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vd4rl_data.media import find_media
from vd4rl_data.simulators.plain import environment_to_plain
from vd4rl_data.spec import EnvironmentSpec, Share


def environment_numbers(mixture: Sequence[Share], episodes: int) -> tuple[int, ...]:
    """The environment number of each of the first episodes.

    Each episode goes to the environment that is furthest behind its share, so the first episodes
    of a dataset are mixed like the whole, and a smaller dataset is the beginning of a larger one.
    """
    made = [0] * len(mixture)
    numbers: list[int] = []
    for episode in range(episodes):
        lags = [item.share * (episode + 1) - made[i] for i, item in enumerate(mixture)]
        number = lags.index(max(lags))
        made[number] += 1
        numbers.append(number)
    return tuple(numbers)


def environment_of(mixture: Sequence[Share], episode: int) -> EnvironmentSpec:
    """The environment that an episode is collected in."""
    return mixture[environment_numbers(mixture, episode + 1)[-1]].environment


def described_looks(mixture: Sequence[Share], *, hashed: bool = True) -> list[dict[str, Any]]:
    """Share, settings and hash of the media of each look of a mixture, as plain values.

    Args:
        mixture: what is collected in which share.
        hashed: whether to read the media for their hashes; whoever draws nothing needs none.

    Raises:
        UnknownMediaError, MediaNotFoundError, OtherMediaError: see
            :func:`vd4rl_data.media.find_media`.
    """
    found: list[dict[str, Any]] = []
    for item in mixture:
        look = item.environment.look
        if look is not None:
            plain = environment_to_plain(item.environment)["look"]
            found.append({"share": item.share, "look": plain})
            if hashed and look.media is not None:
                media = find_media(look.media, look.settings.get("sha256"))
                found[-1]["media_sha256"] = media.content_sha256()
    return found
