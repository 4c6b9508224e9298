"""The Hub's own client, asked patiently to write; its errors in our own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from vd4rl_data.download.client import (
    BusyError,
    Patience,
    UnexpectedStatusError,
    chain,
    check_status,
    endpoint_of,
    printable,
    retried,
    session_errors,
    translated,
)
from vd4rl_data.download.repository import COMMIT
from vd4rl_data.errors import PublishError, RemoteAccessError, TransferError, Vd4rlError
from vd4rl_data.version import __version__

_CONFLICT: Final = frozenset({409, 412})
_PATIENCE: Final = Patience(attempts=4, first_delay=1.0)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """One file as the hub lists it: the SHA-256 of a large one, git's own hash of a small one."""

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
    patience: Patience = _PATIENCE

    @property
    def url(self) -> str:
        """The endpoint, without a slash at its end."""
        return endpoint_of(self.endpoint, self.token).url

    def api(self) -> Any:
        """The client."""
        from huggingface_hub import HfApi

        server = endpoint_of(self.endpoint, self.token)
        return HfApi(
            endpoint=server.url,
            token=server.token or False,
            library_name="vd4rl-data",
            library_version=__version__,
        )

    def state(self, repo_id: str, revision: str) -> RepositoryState:
        """What commit a revision is.

        Raises:
            Vd4rlError: as :meth:`ask`.
        """
        what = f"the dataset repository {repo_id} at revision {revision}"
        seconds = self.patience.silence
        info = self.ask(what, self.api().dataset_info, repo_id, revision=revision, timeout=seconds)
        if not COMMIT.fullmatch(str(info.sha)):
            raise TransferError(f"{self.url}: {what}: expected a commit, got {info.sha!r}")
        return RepositoryState(str(info.sha), cast("bool | None", info.private))

    def tree(self, repo_id: str, commit: str) -> dict[str, RemoteEntry]:
        """Every file of a commit, by its path.

        Raises:
            Vd4rlError: as :meth:`ask`.
        """
        api = self.api()

        def listed() -> list[Any]:
            return list(
                api.list_repo_tree(repo_id, repo_type="dataset", revision=commit, recursive=True)
            )

        what = f"the files of the dataset repository {repo_id} at {commit}"
        found: dict[str, RemoteEntry] = {}
        for item in self.ask(what, listed):
            if hasattr(item, "blob_id"):  # a folder has none
                sha256 = None if item.lfs is None else str(item.lfs.sha256)
                path = str(item.path)
                found[path] = RemoteEntry(path, int(item.size), sha256, str(item.blob_id))
        return found

    def ask(self, what: str, function: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Call a function of the client, again if the server is busy; ``what`` for, in messages.

        Raises:
            RemoteAccessError: the token is missing, wrong, or has no such right.
            RemoteFileNotFoundError: the repository, revision or file is not there.
            PublishError: the server refuses what is sent, or it changed meanwhile.
            OfflineError: the client is set to be offline.
            TransferError: the network or the server fails for too long.
        """
        where = f"{self.url}: {what}"

        def once() -> _T:
            try:
                return function(*arguments, **options)
            except Vd4rlError:
                raise
            except session_errors() as error:
                if getattr(error, "filename", None) is not None:
                    raise  # about a file of this machine
                raise _failure(where, error) from error

        return retried(once, where, self.patience)


def _failure(where: str, error: Exception) -> Vd4rlError | BusyError:
    """An error of the client in our own words."""
    responses = (getattr(link, "response", None) for link in chain(error))
    response = next((found for found in responses if found is not None), None)
    if response is None:
        return _without_response(where, error)
    if int(response.status_code) in _CONFLICT:
        said = printable(str(response.headers.get("X-Error-Message", "")))
        return PublishError(
            f"{where}: status {response.status_code}: it was changed by someone else meanwhile "
            f"({said}); look at what changed, then run the same again: what was uploaded is not "
            "sent twice"
        )
    try:
        check_status(where, response)
    except UnexpectedStatusError as refusal:
        return PublishError(f"the hub refuses it: {refusal}")
    except (Vd4rlError, BusyError) as failure:
        return failure
    return PublishError(f"{where}: {type(error).__name__}: {printable(str(error))}")


def _without_response(where: str, error: Exception) -> Vd4rlError | BusyError:
    text = printable(str(error))
    if isinstance(error, json.JSONDecodeError):
        return BusyError(f"the answer is not JSON: {text}")  # a gateway's
    if isinstance(error, PermissionError):
        return RemoteAccessError(f"{where}: the hub's store for large files refuses it: {text}")
    if isinstance(error, ValueError):
        return PublishError(f"{where}: the hub's client refuses it: {text}")
    return translated(where, error)
