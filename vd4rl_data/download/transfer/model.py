"""What is asked of a download, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

CHUNK_BYTES: Final = 8 << 20
"""Bytes per request: what a killed process loses at most of each file in flight."""

Check = Literal["known", "server", "first use"]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file to download.

    Attributes:
        path: where it belongs below the folder, with ``/`` between the parts.
        size: bytes; ``None`` if only the server knows.
        sha256: 64 lower-case hexadecimal digits; ``None`` if the content was never recorded.
    """

    path: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server, and the secret that it alone may see.

    Attributes:
        url: where its addresses start, e.g. ``http://127.0.0.1:8000``.
        token: sent as a bearer token to this scheme, host and port, and to no other.
    """

    url: str
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that is whole and checked.

    Attributes:
        file: what was asked for.
        size: bytes.
        sha256: of the content.
        check: what the content was compared with: a hash that was ``known``, the hash that the
            ``server`` states, or nothing, so that this ``first use`` is recorded and every later
            download must repeat it.
        consumed: the consumer has taken it, and it is no longer on the disk.
    """

    file: RemoteFile
    size: int
    sha256: str
    check: Check
    consumed: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a download is. Times are in seconds.

    Attributes:
        attempts: failures in a row, without one new byte, after which a server is given up.
        first_delay: pause after the first failure; it doubles with each, less a random part.
        longest_delay: where the doubling stops.
        longest_retry_after: the longest pause that a server may ask for.
        connect_timeout: to open a connection.
        read_timeout: silence after which a connection counts as cut.
    """

    attempts: int = 6
    first_delay: float = 0.5
    longest_delay: float = 30.0
    longest_retry_after: float = 600.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
