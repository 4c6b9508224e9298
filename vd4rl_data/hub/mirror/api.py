"""The read-only part of the hub's REST interface, as functions from a request to a response."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlencode

from vd4rl_data.hub.mirror.folder import MirrorFolder
from vd4rl_data.hub.mirror.hashes import Cancelled
from vd4rl_data.hub.mirror.messages import (
    FileSlice,
    Request,
    Response,
    UnsatisfiableRangeError,
    byte_range,
    error_response,
    json_response,
)
from vd4rl_data.hub.mirror.repository import NotReady
from vd4rl_data.hub.mirror.snapshot import MirrorFile, Snapshot

PAGE_SIZE: Final = 1000
"""Entries of a tree on one page; further pages are announced in a ``Link`` header, as hubs do."""
_LISTS: Final = (("",), ("api", "datasets"))
_READ: Final = ("GET", "HEAD")
_log = logging.getLogger("vd4rl_data")

_View = Callable[[Request, Snapshot], Response]


@dataclass(frozen=True)
class _Route:
    """What a path asks for."""

    namespace: str
    name: str
    revision: str
    view: _View
    methods: tuple[str, ...] = _READ


class MirrorApi:
    """Answers requests for the repositories of one folder. Safe to call from many threads."""

    def __init__(self, folder: MirrorFolder, token: str | None) -> None:
        """Serve ``folder``; a ``token`` must then come with every request as a bearer token."""
        self._folder = folder
        self._token = token

    def __call__(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ConnectionAbortedError: the mirror stops.
        """
        if not self._authorized(request):
            return error_response(
                401, "Invalid credentials in Authorization header", WWW_Authenticate="Bearer"
            )
        if request.segments in _LISTS:
            return json_response([{"id": repository.repo_id} for repository in self._folder])
        route = _route(request.segments)
        if route is None:
            return error_response(404, "The mirror has no such page")
        if request.method not in route.methods:
            return error_response(405, "The mirror is read-only", Allow=", ".join(route.methods))
        return self._view(request, route)

    def _authorized(self, request: Request) -> bool:
        if self._token is None:
            return True
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self._token.encode())

    def _view(self, request: Request, route: _Route) -> Response:
        found = self._snapshot(route.namespace, route.name)
        if isinstance(found, Response):
            return found
        if not found.resolves(route.revision):
            return error_response(
                404,
                "Revision not found: a mirror has one revision of a dataset",
                X_Error_Code="RevisionNotFound",
            )
        response = route.view(request, found)
        response.headers["X-Repo-Commit"] = found.revision
        return response

    def _snapshot(self, namespace: str, name: str) -> Snapshot | Response:
        missing = error_response(
            404, "Dataset not found on this mirror", X_Error_Code="RepoNotFound"
        )
        repository = self._folder.find(namespace, name)
        if repository is None:
            return missing
        try:
            return repository.snapshot()
        except FileNotFoundError:
            return missing
        except NotReady:
            return error_response(503, "The mirror is still hashing this dataset", Retry_After="5")
        except OSError as error:  # a folder that cannot be read, a .mirror.json that is wrong
            _log.error("%s/%s: %s", namespace, name, error)
            return error_response(500, "The mirror cannot read this dataset; its log says why")
        except Cancelled as error:
            raise ConnectionAbortedError("the mirror stops") from error


def _route(segments: tuple[str, ...]) -> _Route | None:
    route = None
    match segments:
        case ("datasets", namespace, name, "resolve", revision, *path) if path:
            route = _Route(namespace, name, revision, _resolve(path))
        case ("api", "datasets", namespace, name):
            route = _Route(namespace, name, "main", _describe)
        case ("api", "datasets", namespace, name, "revision", revision):
            route = _Route(namespace, name, revision, _describe)
        case ("api", "datasets", namespace, name, "tree", revision, *path):
            route = _Route(namespace, name, revision, _tree(path))
        case ("api", "datasets", namespace, name, "paths-info", revision):
            route = _Route(namespace, name, revision, _paths_info, ("POST",))
        case _:
            pass
    return route


def _entry_not_found() -> Response:
    return error_response(404, "Entry not found", X_Error_Code="EntryNotFound")


def _resolve(path: list[str]) -> _View:
    def view(request: Request, snapshot: Snapshot) -> Response:
        file = snapshot.files.get("/".join(path))
        return _entry_not_found() if file is None else _send(request, file)

    return view


def _send(request: Request, file: MirrorFile) -> Response:
    etag, size = f'"{file.etag}"', file.stamp.size
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
    }
    if file.is_large:
        headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(size)}
    if etag in request.headers.get("if-none-match", ""):
        return Response(304, headers)
    try:
        part = _wanted_part(request, etag, size)
    except UnsatisfiableRangeError:
        return error_response(
            416, "The range lies outside of the file", Content_Range=f"bytes */{size}"
        )
    start, stop = part or (0, size)
    headers["Content-Length"] = str(stop - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    body = FileSlice(file.location, size, file.stamp.mtime_ns, start, stop)
    return Response(200 if part is None else 206, headers, body)


def _wanted_part(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    if request.method == "HEAD" or request.headers.get("if-range", etag) != etag:
        return None
    return byte_range(request.range, size)


def _describe(request: Request, snapshot: Snapshot) -> Response:
    details = request.query.get("blobs", "").lower() in {"true", "1"}
    return json_response(
        {
            "id": snapshot.repo_id,
            "author": snapshot.repo_id.partition("/")[0],
            "sha": snapshot.revision,
            "private": False,
            "gated": False,
            "disabled": False,
            "tags": [],
            "usedStorage": snapshot.total_bytes,
            "siblings": [file.sibling(details=details) for file in snapshot.files.values()],
        }
    )


def _tree(path: list[str]) -> _View:
    def view(request: Request, snapshot: Snapshot) -> Response:
        query = request.query
        recursive = query.get("recursive", "").lower() in {"true", "1"}
        paths = snapshot.tree("/".join(path).strip("/"), recursive=recursive)
        if paths is None:
            return _entry_not_found()
        after = query.get("cursor", "")
        page = [name for name in paths if name > after][: PAGE_SIZE + 1]
        response = json_response([snapshot.entry(name) for name in page[:PAGE_SIZE]])
        if len(page) > PAGE_SIZE:
            address = request.target.partition("?")[0]
            following = urlencode({**query, "cursor": page[PAGE_SIZE - 1]})
            base = request.base_url or ""
            response.headers["Link"] = f'<{base}{address}?{following}>; rel="next"'
        return response

    return view


def _paths_info(request: Request, snapshot: Snapshot) -> Response:
    try:
        paths = _wanted_paths(request)
    except ValueError:
        return error_response(400, "The body must name paths")
    entries = (snapshot.entry(path.strip("/")) for path in paths)
    return json_response([entry for entry in entries if entry is not None])


def _wanted_paths(request: Request) -> list[str]:
    """The paths in a form (what the hub's client sends) or in a JSON object."""
    text = request.body.decode()
    if "json" not in request.headers.get("content-type", ""):
        return parse_qs(text).get("paths", [])
    content: Any = json.loads(text)
    paths: Any = cast("dict[str, Any]", content).get("paths") if isinstance(content, dict) else None
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):  # pyright: ignore[reportUnknownVariableType]
        raise ValueError("paths must be a list of names")
    return cast("list[str]", paths)
