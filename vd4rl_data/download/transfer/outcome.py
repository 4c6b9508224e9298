"""What can come of one request. Only these leave the HTTP client, besides its answer."""

from __future__ import annotations

import email.utils
import http.client
import re
import time
from dataclasses import dataclass
from typing import Final

from vd4rl_data.errors import RemoteAccessError, RemoteFileNotFoundError, TransferError

_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18})", re.ASCII)
_QUOTED: Final = re.compile(r'"([^"]*)"')
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_BUSY: Final = frozenset({408, 425, 429})
_ABSENT: Final = frozenset({404, 410})
_FORBIDDEN: Final = frozenset({401, 403, 407, 451})
_PLAIN: Final = re.compile(r"[^\x20-\x7e]")


class TransientError(Exception):
    """It may work in a moment: a cut connection, a busy server, a broken answer."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        """Keep the reason and the pause in seconds that the server asks for, if it does."""
        super().__init__(reason)
        self.retry_after = retry_after


class RefusedError(Exception):
    """The server will never give the file; another may."""

    def __init__(self, error: TransferError) -> None:
        """Keep the error to raise if no other server gives the file."""
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Span:
    """Which bytes a response's body holds, of how many; ``ranged`` if they were picked."""

    start: int
    size: int
    ranged: bool


def read_span(response: http.client.HTTPResponse, first: int) -> Span:
    """What the body of a 200, 206 or 416 holds when bytes from ``first`` on were asked for.

    Raises:
        TransientError: the headers contradict the request or each other.
        TransferError: the server does not say how large the file is.
    """
    if response.status == http.client.OK:
        length = response.getheader("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise TransferError("the server does not state the size of the file")
        return Span(0, int(length), ranged=False)
    match = _CONTENT_RANGE.fullmatch(response.getheader("Content-Range", ""))
    if match is None:
        raise TransientError(f"status {response.status} without a valid Content-Range")
    size = int(match[3])
    if response.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
        if size > first:
            raise TransientError(f"status 416 for byte {first} of {size}")
        return Span(first, size, ranged=True)
    if match[1] is None or int(match[1]) != first or int(match[2]) >= size:
        raise TransientError(f"asked for bytes from {first} on, got {match[0]!r}")
    return Span(first, size, ranged=True)


def stated_identity(response: http.client.HTTPResponse) -> tuple[str | None, str | None]:
    """(strong entity tag or ``None``, SHA-256 that the server states or ``None``).

    A hub states the SHA-256 of a large file as ``X-Linked-ETag``, or as the entity tag of an
    answer that also names the commit.
    """
    tag = response.getheader("ETag", "")
    strong = tag if _QUOTED.fullmatch(tag) else None
    linked = response.getheader("X-Linked-ETag") or (
        tag if response.getheader("X-Repo-Commit") else ""
    )
    quoted = _QUOTED.fullmatch(linked)
    digest = quoted[1] if quoted else linked
    return strong, digest if _SHA256.fullmatch(digest) else None


def raise_for_status(response: http.client.HTTPResponse, url: str, *, redirected: bool) -> None:
    """Turn every status but 200, 206 and 416 into an outcome.

    Raises:
        TransientError: 408, 425, 429, a server error, or a refusal behind a redirect: links that
            a hub hands out expire.
        RefusedError: 401, 403, 404 and their like, or a status that makes no sense here.
    """
    status = response.status
    if status in (http.client.OK, http.client.PARTIAL_CONTENT):
        encoding = response.getheader("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise RefusedError(TransferError(f"{url}: came encoded as {encoding[:40]!r}"))
        return
    if status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
        return
    said = _said(response)
    if status in _BUSY or status >= http.client.INTERNAL_SERVER_ERROR:
        raise TransientError(f"status {status}{said}", _retry_after(response))
    if status in _FORBIDDEN and redirected:
        raise TransientError(f"status {status} behind a redirect{said}")
    if status in _ABSENT:
        raise RefusedError(RemoteFileNotFoundError(f"{url} does not exist{said}"))
    if status in _FORBIDDEN:
        raise RefusedError(
            RemoteAccessError(
                f"{url}: status {status}{said}: it does not exist, or needs a token with access"
            )
        )
    raise RefusedError(TransferError(f"{url}: unexpected status {status}{said}"))


def _said(response: http.client.HTTPResponse) -> str:
    """What a hub says about an error, made fit for a terminal."""
    words = [response.getheader(name, "") for name in ("X-Error-Code", "X-Error-Message")]
    text = ": ".join(_PLAIN.sub("?", word)[:200] for word in words if word)
    return f" ({text})" if text else ""


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    """Seconds, from a number or a date."""
    text = response.getheader("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
