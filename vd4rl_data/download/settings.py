"""Where to download from and how: the Hub client's own settings, and fallback endpoints."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vd4rl_data.download.client import (
    Endpoint,
    Patience,
    endpoint_of,
    is_offline,
)
from vd4rl_data.download.fetch import IN_FLIGHT_BYTES
from vd4rl_data.errors import InvalidSourceError

ENDPOINTS: Final = "VD4RL_ENDPOINTS"
"""Environment variable: addresses of hubs, or of file servers laid out like one, separated by
commas, tried in this order after the client's own endpoint. They never see the client's token."""

_PATIENCE: Final = Patience()


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """How to download.

    Attributes:
        endpoints: in the order in which they are asked; none: never use the network.
        cache: the client's cache, which is only read; ``None``: do not look there.
        progress: show bars.
        workers: files at a time.
        in_flight: bytes that may come before they are written, as of ``fetch``.
        patience: with the servers.
    """

    endpoints: tuple[Endpoint, ...]
    cache: Path | None = None
    progress: bool = True
    workers: int = 4
    in_flight: int = IN_FLIGHT_BYTES
    patience: Patience = _PATIENCE

    @classmethod
    def current(cls) -> DownloadSettings:
        """What the environment says now.

        Raises:
            InvalidSourceError: :data:`ENDPOINTS` holds something that is no address.
        """
        from huggingface_hub import constants
        from huggingface_hub.utils import are_progress_bars_disabled

        cache = os.environ.get("HF_HUB_CACHE") or constants.HF_HUB_CACHE
        return cls(
            () if is_offline() else _endpoints(),
            Path(cache).expanduser(),
            progress=not are_progress_bars_disabled(),
        )


def _endpoints() -> tuple[Endpoint, ...]:
    own = endpoint_of()
    endpoints = {own.url: own}
    for text in os.environ.get(ENDPOINTS, "").split(","):
        url = text.strip().rstrip("/")
        if not url:
            continue
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable():
            expected = "expected http or https URLs with a host"
            raise InvalidSourceError(f"{ENDPOINTS}: {expected}, got {url[:300]!r}")
        endpoints.setdefault(url, Endpoint(url))
    return tuple(endpoints.values())
