"""The hub's own client, asked patiently; its errors in our own words."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from vd4rl_data.errors import (
    OfflineError,
    PublishError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
    Vd4rlError,
)
from vd4rl_data.version import __version__

REPO_ID: Final = re.compile(
    r"(?!.*(?:--|\.\.))[A-Za-z0-9](?:[\w.-]{0,94}\w)?/[A-Za-z0-9](?:[\w.-]{0,94}\w)?", re.ASCII
)
COMMIT: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)

_PATHS_AT_ONCE: Final = 100
_TRUE: Final = frozenset({"1", "ON", "YES", "TRUE"})
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONFLICT: Final = frozenset({409, 412})
_PLAIN: Final = re.compile(r"[^\x20-\x7e]+")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request that may work in a moment is repeated.

    Attributes:
        attempts: requests in all.
        first_delay: seconds before the second; each further pause is twice as long.
        seconds: how long to wait for one answer, where the client itself would wait for ever.
    """

    attempts: int = 4
    first_delay: float = 1.0
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """One file as the hub lists it.

    Attributes:
        path: in the repository.
        size: bytes.
        sha256: of a file in the hub's store for large files, else ``None``.
        git_id: 40 hexadecimal digits; for a small file, git's own hash of its content.
    """

    path: str
    size: int
    sha256: str | None
    git_id: str


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """A repository at one commit; ``private`` is ``None`` where the server does not say."""

    commit: str
    private: bool | None


@dataclass(frozen=True)
class Hub:
    """A hub: where it is, and who asks.

    Attributes:
        endpoint: address; ``None`` takes the client's own setting (``HF_ENDPOINT``).
        token: the secret; ``None`` takes the client's own (``HF_TOKEN``, or the one that was
            saved at login), but only for the client's own endpoint: it is sent nowhere else.
        patience: with a server that is busy.
    """

    endpoint: str | None = None
    token: str | None = field(default=None, repr=False)
    patience: Patience = Patience()

    @property
    def url(self) -> str:
        """The endpoint, without a slash at its end."""
        return (self.endpoint or own_endpoint()).rstrip("/")

    @property
    def secret(self) -> str | None:
        """The token that this endpoint may see."""
        if self.token is not None or self.url != own_endpoint():
            return self.token
        from huggingface_hub import get_token

        return get_token()

    def api(self) -> Any:
        """The client."""
        from huggingface_hub import HfApi

        return HfApi(
            endpoint=self.url,
            token=self.secret or False,
            library_name="vd4rl-data",
            library_version=__version__,
        )

    def state(self, repo_id: str, revision: str) -> RepositoryState:
        """What commit a revision is.

        Raises:
            RemoteFileNotFoundError, RemoteAccessError, OfflineError, TransferError: as in
                :meth:`ask`.
        """
        what = f"the dataset repository {repo_id} at revision {revision}"
        info = self.ask(what, self.api().dataset_info, repo_id, revision=revision)
        if not COMMIT.fullmatch(str(info.sha)):
            raise TransferError(f"{self.url}: {what}: expected a commit, got {info.sha!r}")
        return RepositoryState(str(info.sha), cast("bool | None", info.private))

    def tree(self, repo_id: str, commit: str) -> dict[str, RemoteEntry]:
        """Every file of a commit, by its path.

        Raises:
            RemoteFileNotFoundError, RemoteAccessError, OfflineError, TransferError: as in
                :meth:`ask`.
        """

        def listed() -> list[Any]:
            return list(
                self.api().list_repo_tree(
                    repo_id, repo_type="dataset", revision=commit, recursive=True
                )
            )

        what = f"the files of the dataset repository {repo_id} at {commit}"
        return {entry.path: entry for entry in _entries(self.ask(what, listed))}

    def entries(self, repo_id: str, commit: str, paths: Sequence[str]) -> dict[str, RemoteEntry]:
        """Those of the paths that are files of a commit.

        Raises:
            RemoteFileNotFoundError, RemoteAccessError, OfflineError, TransferError: as in
                :meth:`ask`.
        """
        what = f"{len(paths)} files of the dataset repository {repo_id} at {commit}"
        listed: list[Any] = []
        for first in range(0, len(paths), _PATHS_AT_ONCE):
            listed += self.ask(
                what,
                _within,
                self.patience.seconds,
                self.api().get_paths_info,
                repo_id,
                list(paths[first : first + _PATHS_AT_ONCE]),
                repo_type="dataset",
                revision=commit,
            )
        wanted = set(paths)
        return {entry.path: entry for entry in _entries(listed) if entry.path in wanted}

    def ask(self, what: str, function: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Call the client, again if the server is busy.

        Args:
            what: what the call is about, for messages.
            function: of the client.
            *arguments: for the function.
            **options: for the function.

        Raises:
            RemoteAccessError: the token is missing, wrong, or has no such right.
            RemoteFileNotFoundError: the repository, revision or file is not there.
            PublishError: the server refuses what is sent, or it changed meanwhile.
            OfflineError: the client is set to be offline.
            TransferError: the network or the server fails for too long.
        """
        for attempt in range(self.patience.attempts):
            try:
                return function(*arguments, **options)
            except Vd4rlError:
                raise
            except _client_errors() as error:
                if getattr(error, "filename", None) is not None:
                    raise  # about a file of this machine
                last = attempt + 1 == self.patience.attempts
                if last or not _is_transient(error):
                    raise self._translated(what, error) from error
            time.sleep(self.patience.first_delay * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _translated(self, what: str, error: Exception) -> Vd4rlError:
        where = f"{self.url}: {what}"
        response = _response(error)
        if response is None:
            return _without_response(where, error)
        status, said = int(response.status_code), _said(error)
        if status in {401, 403}:
            return RemoteAccessError(
                f"{where}: status {status}{said}: it is not there, or needs a token with access to "
                "it (and to write, one with that right); give one as token= or in HF_TOKEN"
            )
        if status in {404, 410}:
            return RemoteFileNotFoundError(f"{where}: status {status}: it is not there{said}")
        if status in _CONFLICT:
            return PublishError(
                f"{where}: status {status}: it was changed by someone else meanwhile{said}; look "
                "at what changed, then run the same again: what was uploaded is not sent twice"
            )
        if status in _BUSY:
            return TransferError(f"{where}: status {status} again and again{said}; try later")
        return PublishError(f"{where}: status {status}: the hub refuses it{said}")


def git_id(content: bytes) -> str:
    """What git calls a file of this content: 40 hexadecimal digits."""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


def is_offline() -> bool:
    """Whether the client's own settings forbid the network (``HF_HUB_OFFLINE``)."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
        return True
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE


def own_endpoint() -> str:
    """The client's own endpoint, without a slash at its end (``HF_ENDPOINT``)."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _within(seconds: float, function: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
    """Call a function of the client that has no limit of time.

    Raises:
        TimeoutError: it takes too long; its thread is left to itself.
    """
    answers: queue.SimpleQueue[tuple[_T | None, BaseException | None]] = queue.SimpleQueue()

    def call() -> None:
        try:
            answers.put((function(*arguments, **options), None))
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            answers.put((None, error))

    threading.Thread(target=call, name="hub client", daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return cast("_T", answer)


def _entries(listed: list[Any]) -> Iterator[RemoteEntry]:
    for item in listed:
        if hasattr(item, "blob_id"):  # a folder has none
            sha256 = None if item.lfs is None else str(item.lfs.sha256)
            yield RemoteEntry(str(item.path), int(item.size), sha256, str(item.blob_id))


def _client_errors() -> tuple[type[Exception], ...]:
    """Everything that the client raises for a request that failed.

    Which HTTP library it uses depends on its version; its own error derives from that library's.
    """
    from huggingface_hub.errors import HfHubHTTPError

    roots = (base for base in HfHubHTTPError.__mro__ if base.__module__.startswith("http"))
    return (*cast("Iterator[type[Exception]]", roots), OSError, RuntimeError, ValueError)


def _is_transient(error: Exception) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled

    response = _response(error)
    if response is not None:
        return int(response.status_code) in _BUSY
    if isinstance(error, json.JSONDecodeError):
        return True  # a gateway answered in place of the hub
    return not isinstance(error, OfflineModeIsEnabled | PermissionError | RuntimeError | ValueError)


def _response(error: Exception) -> Any:
    """The HTTP response behind an error, or behind what caused it."""
    responses = (getattr(link, "response", None) for link in _chain(error))
    return next((response for response in responses if response is not None), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__


def _without_response(where: str, error: Exception) -> Vd4rlError:
    from huggingface_hub.errors import OfflineModeIsEnabled

    text = _PLAIN.sub(" ", ": ".join(str(link) for link in _chain(error)))[:400]
    if isinstance(error, OfflineModeIsEnabled):
        return OfflineError(f"{where}: the network must not be used: HF_HUB_OFFLINE is set")
    if isinstance(error, PermissionError):
        return RemoteAccessError(f"{where}: the hub's store for large files refuses it: {text}")
    if isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError):
        return PublishError(f"{where}: the hub's client refuses it: {text}")
    return TransferError(f"{where}: {type(error).__name__}: {text}")


def _said(error: Exception) -> str:
    """What the server says, made fit for a terminal."""
    messages = (getattr(link, "server_message", None) for link in _chain(error))
    message = next((message for message in messages if message), None)
    return f" ({_PLAIN.sub(' ', str(message))[:300]})" if message else ""
