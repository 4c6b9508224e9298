"""Where to download from and how: the client's own settings, and fallback endpoints."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vd4rl_data.download.client import Hub, Patience, is_offline
from vd4rl_data.download.transfer import CHUNK_BYTES, Endpoint, Policy
from vd4rl_data.download.transfer.connection import Origin
from vd4rl_data.errors import InvalidSourceError, TransferError

ENDPOINTS: Final = "VD4RL_ENDPOINTS"
"""Environment variable: addresses of hubs or mirrors, separated by commas, tried in this order
after the client's own endpoint. They never see the client's token."""

_POLICY: Final = Policy()
_PATIENCE: Final = Patience(attempts=3)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to download.

    Attributes:
        endpoints: in the order in which they are asked.
        offline: never use the network.
        cache: the client's cache, which is only read; ``None``: do not look there.
        progress: show bars.
        workers: connections at a time.
        chunk_bytes: per request.
        policy: patience while fetching files.
        patience: while asking what files there are.
    """

    endpoints: tuple[Endpoint, ...]
    offline: bool = False
    cache: Path | None = None
    progress: bool = True
    workers: int = 4
    chunk_bytes: int = CHUNK_BYTES
    policy: Policy = _POLICY
    patience: Patience = _PATIENCE

    @property
    def most_raw_files(self) -> int:
        """Files that may lie on the disk, fetched or begun, and not converted yet."""
        return 2 * self.workers

    @classmethod
    def current(cls) -> Settings:
        """What the environment says now.

        Raises:
            InvalidSourceError: :data:`ENDPOINTS` holds something that is no address.
        """
        return cls(_endpoints(), is_offline(), _client_cache(), _shows_progress())


def _endpoints() -> tuple[Endpoint, ...]:
    own = Hub()
    endpoints = {own.url: Endpoint(own.url, own.secret)}
    for text in os.environ.get(ENDPOINTS, "").split(","):
        url = text.strip().rstrip("/")
        if url:
            _check_address(url)
            endpoints.setdefault(url, Endpoint(url))
    return tuple(endpoints.values())


def _check_address(url: str) -> None:
    try:
        Origin.of(url)
    except TransferError as error:
        raise InvalidSourceError(f"{ENDPOINTS}: {error}") from error


def _client_cache() -> Path:
    from huggingface_hub import constants

    configured = os.environ.get("HF_HUB_CACHE")
    return Path(configured).expanduser() if configured else Path(constants.HF_HUB_CACHE)


def _shows_progress() -> bool:
    from huggingface_hub.utils import are_progress_bars_disabled

    return not are_progress_bars_disabled()
