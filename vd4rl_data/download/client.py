"""Requests on the session of the Hub's own client, and what comes of them in our own words.

Proxies, certificates and ``huggingface_hub.set_client_factory`` are the session's, so they hold for
every request alike. Which HTTP library it is depends on the client's version.
"""

from __future__ import annotations

import email.utils
import functools
import json
import os
import random
import re
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

from vd4rl_data.errors import (
    OfflineError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
    Vd4rlError,
)
from vd4rl_data.version import __version__

AHEAD: Final = 512 << 10
"""Bytes that are read from a connection at a time, and its receive buffer (Linux doubles it)."""

_TRUE: Final = frozenset({"1", "ON", "YES", "TRUE"})
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ABSENT: Final = frozenset({404, 410})
_FORBIDDEN: Final = frozenset({401, 403, 407, 451})
_PERMANENT: Final = frozenset({"UnsupportedProtocol", "TooManyRedirects", "LocalProtocolError"})
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")
_QUOTA_RESET: Final = re.compile(r";\s*r=0\s*;\s*t=(\d{1,9})")
_CONNECT_SECONDS: Final = 10.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A hub, or a file server laid out like one, and the secret that it alone may see.

    Attributes:
        url: where its addresses start, without a slash at the end.
        token: sent to this scheme, host and port, and to no other.
    """

    url: str
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to put up with a server that is busy or silent. Times are in seconds.

    Attributes:
        attempts: failures in a row, without one new byte, after which it is given up.
        first_delay: pause after the first failure; it doubles with each.
        longest_delay: where the doubling stops.
        longest_wait: the longest pause that a server may ask for.
        silence: after which a connection counts as cut.
    """

    attempts: int = 6
    first_delay: float = 0.5
    longest_delay: float = 30.0
    longest_wait: float = 600.0
    silence: float = 30.0

    def delay(self, failures: int) -> float:
        """The pause after a number of failures in a row; a little random, to spread clients."""
        share = random.uniform(0.75, 1.0)  # noqa: S311 - no secret
        return share * min(self.longest_delay, self.first_delay * 2.0 ** (failures - 1))


class BusyError(Exception):
    """It may work in a moment: a cut connection, a busy server, a broken answer.

    Attributes:
        pause: seconds that the server asks to wait, if it does.
    """

    def __init__(self, reason: str, pause: float | None = None) -> None:
        """Keep what went wrong."""
        super().__init__(reason)
        self.pause = pause


@functools.cache
def headers_with(token: str | None) -> Mapping[str, str]:
    """What every request says of us, and the token."""
    from huggingface_hub.utils import build_hf_headers

    return build_hf_headers(
        token=token or False, library_name="vd4rl-data", library_version=__version__
    )


class GaveUpError(TransferError):
    """A server failed too often in a row, or wants to be left alone for too long."""


class UnexpectedStatusError(TransferError):
    """A server answers with a status that makes no sense, or does not know what is asked of it."""


def endpoint_of(url: str | None = None, token: str | None = None) -> Endpoint:
    """The endpoint at an address, by default the client's own.

    The client's own token (``HF_TOKEN``, or the one saved at login) is for its own endpoint alone.
    """
    from huggingface_hub import constants

    own = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    address = (url or own).rstrip("/")
    if token is None and address == own:
        from huggingface_hub import get_token

        token = get_token()
    return Endpoint(address, token)


def is_offline() -> bool:
    """Whether the client's own settings forbid the network (``HF_HUB_OFFLINE``)."""
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE


@contextmanager
def opened(
    method: str,
    url: str,
    headers: Mapping[str, str],
    patience: Patience,
    *,
    redirected: bool = False,
    **options: Any,
) -> Generator[Any]:
    """Ask once, follow redirects, and yield the response before its body is read.

    ``redirected``: the address is one that a redirect led to before. Further options are for the
    session, such as a body. What the session raises while the body is read counts as well.

    Raises:
        BusyError: it may work in a moment.
        RemoteFileNotFoundError, RemoteAccessError, OfflineError, TransferError: it will not.
        OSError: a file of this machine cannot be used.
    """
    from huggingface_hub.utils import get_session

    options |= {"headers": headers, "follow_redirects": True}
    options["timeout"] = (_CONNECT_SECONDS, patience.silence, patience.silence, None)
    try:
        with get_session().stream(method, url, **options) as response:
            landing = str(response.url)
            if url.startswith("https:") and not landing.startswith("https:"):
                raise TransferError(f"{url} redirects to the insecure {landing[:300]}")
            check_status(url, response, redirected=redirected or bool(response.history))
            yield response
    except (Vd4rlError, BusyError):
        raise
    except session_errors() as error:
        if getattr(error, "filename", None) is not None:
            raise  # about a file of this machine
        raise translated(url, error) from error


def ask(
    endpoint: Endpoint, path: str, patience: Patience, *, method: str = "GET", **options: Any
) -> Any:
    """What the endpoint's interface says at a path below ``/api``, as JSON; patiently.

    Raises:
        RemoteFileNotFoundError, RemoteAccessError, OfflineError: as :func:`opened`.
        TransferError: it refuses, or it failed too often.
    """
    url = f"{endpoint.url}/api/{path}"

    def once() -> Any:
        with opened(method, url, headers_with(endpoint.token), patience, **options) as response:
            text = response.read()
        try:
            return json.loads(text)
        except ValueError as error:  # a gateway answered in its place
            raise BusyError("the answer is not JSON") from error

    return retried(once, url, patience)


def retried(
    function: Callable[[], _T],
    where: str,
    patience: Patience,
    *,
    position: Callable[[], int] = int,
    sleep: Callable[[float], object] = time.sleep,
) -> _T:
    """Call a function, again if it raises a :class:`BusyError`.

    Failures count no more once the ``position`` is further than ever before.

    Raises:
        GaveUpError: it failed too often in a row, or the pause asked for is too long.
    """
    failures, furthest = 0, position()
    while True:
        try:
            return function()
        except BusyError as error:
            failures = 1 if position() > furthest else failures + 1
            furthest = max(furthest, position())
            asked = error.pause or 0.0
            if asked > patience.longest_wait:
                raise GaveUpError(f"{where}: asks to wait for {asked:,.0f} s ({error})") from error
            if failures >= patience.attempts:
                times = f"{failures} failures in a row, the last one"
                raise GaveUpError(f"{where}: gave up after {times}: {error}") from error
        sleep(max(patience.delay(failures), asked))


@functools.cache
def session_errors() -> tuple[type[Exception], ...]:
    """Everything that the session raises for a request that failed."""
    from huggingface_hub.errors import HfHubHTTPError

    roots: Any = [one for one in HfHubHTTPError.__mro__ if one.__module__.startswith("http")]
    return (*roots, OSError, ImportError, RuntimeError, ValueError)


def translated(where: str, error: Exception) -> Vd4rlError | BusyError:
    """An error of the session without a response, in our own words."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    links = list(chain(error))
    text = ": ".join(dict.fromkeys(str(link) for link in links))
    text = f"{type(error).__name__}: {printable(text)}"
    if any(isinstance(link, OfflineModeIsEnabled) for link in links):
        return OfflineError(f"{where}: the network must not be used: HF_HUB_OFFLINE is set")
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in links):
        return RemoteAccessError(f"{where}: its certificate is not trusted: {text}")
    if isinstance(error, ImportError | ValueError) or type(error).__name__ in _PERMANENT:
        return TransferError(f"{where}: {text}")
    return BusyError(text)


def connection_of(response: Any) -> Any:
    """The connection that a body comes from, to read bytes from; ``None`` if that cannot be done.

    Its library must show it, the body must be bytes as they come, and the system must grant
    ``AHEAD`` as the buffer for what comes before it is read.
    """
    extensions: Any = getattr(response, "extensions", {})
    connection = extensions.get("network_stream")
    plain = "Content-Length" in response.headers and "Transfer-Encoding" not in response.headers
    if connection is None or extensions.get("http_version") != b"HTTP/1.1" or not plain:
        return None
    raw = connection.get_extra_info("socket")
    if raw is None:
        return None
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, AHEAD)
    granted = raw.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= AHEAD
    return connection if granted else None


def body_of(answer: Any, connection: Any, patience: Patience) -> Iterator[bytes]:
    """The bytes of an answer; where there is a connection, its client's library gives the first."""
    pieces: Iterator[bytes] = answer.iter_raw() if answer.status_code != 416 else iter(())
    if connection is None:
        yield from pieces
        return
    left, piece = int(answer.headers["Content-Length"]), next(pieces, b"")
    while piece:
        yield piece
        left -= len(piece)
        try:
            piece = connection.read(min(left, AHEAD), patience.silence) if left else b""
        except Exception as error:
            raise BusyError(f"{type(error).__name__}: {error}") from error
    if left:
        raise BusyError("the connection was cut")


def check_status(url: str, response: Any, *, redirected: bool = False) -> None:
    """Raise an error for every status but success and 416, a range past the end of the file.

    ``redirected``: it comes from behind a redirect, and links that a hub hands out expire.

    Raises:
        BusyError, RemoteFileNotFoundError, RemoteAccessError, TransferError: as :func:`opened`.
    """
    status = int(response.status_code)
    if 200 <= status < 300 or status == 416:
        return
    words = (response.headers.get(name) for name in ("X-Error-Code", "X-Error-Message"))
    said = ": ".join([f"status {status}", *(printable(word, 200) for word in words if word)])
    if status in _BUSY:
        raise BusyError(said, _pause(response))
    if status in _FORBIDDEN and redirected:
        raise BusyError(f"after a redirect, {said}")
    if status in _ABSENT:
        raise RemoteFileNotFoundError(f"{url} does not exist ({said})")
    if status in _FORBIDDEN:
        raise RemoteAccessError(
            f"{url} does not exist, or needs a token with access to it (to write, one with that "
            f"right); give one as token= or in HF_TOKEN ({said})"
        )
    raise UnexpectedStatusError(f"unexpected answer for {url} ({said})")


def printable(text: str, length: int = 400) -> str:
    """Text from elsewhere, made fit for a terminal."""
    return _UNPRINTABLE.sub(" ", text)[:length]


def file_address(endpoint: str, repo_id: str, revision: str, path: str) -> str:
    """Where a hub, or a file server laid out like one, has a file of a dataset repository."""
    base = f"{endpoint.rstrip('/')}/datasets/{repo_id}/resolve"
    return f"{base}/{quote(revision, safe='')}/{quote(path)}"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _pause(response: Any) -> float | None:
    """Seconds that a server asks to wait: a number, a date, or when its quota is reset."""
    text = str(response.headers.get("Retry-After", "")).strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    if reset := _QUOTA_RESET.search(response.headers.get("RateLimit", "")):
        return float(reset[1])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
