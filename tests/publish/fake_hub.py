"""The part of a hub's REST interface that publishing writes to: in memory, on this machine.

Small files are kept in commits, large ones by their SHA-256 in a store that listens on a port of
its own, as on a real hub: nobody may send the token there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

WRITER, READER = "hf_writer", "hf_reader"
Files = dict[str, tuple[str, str]]
"""Path → ("lfs", SHA-256) or ("regular", git id)."""


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()


@dataclass
class Commit:
    sha: str
    files: Files
    message: str


@dataclass
class Repo:
    private: bool
    commits: list[Commit] = field(default_factory=list)

    @property
    def head(self) -> Commit:
        return self.commits[-1]


@dataclass
class Seen:
    """A request as it came: to the ``api`` or to the ``store``."""

    origin: str
    method: str
    path: str
    token: str | None
    size: int


class RefusedError(Exception):
    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class FakeHub:
    """A hub with two users: one may write, one may only read."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.seen: list[Seen] = []
        self.faults: list[tuple[str, int, str]] = []
        self.before_commit: Callable[[], object] | None = None
        self.ignored: set[str] = set()
        self._lock = threading.RLock()
        self.url = self.store_url = ""

    # --- what tests ask and do -------------------------------------------------------------------

    def fail(self, path: str, *statuses: int, says: str = "not now") -> None:
        """Answer the next requests whose path holds ``path`` with these statuses."""
        self.faults += [(path, status, says) for status in statuses]

    def requests(self, path: str = "", origin: str = "api", method: str = "") -> list[Seen]:
        return [
            seen
            for seen in self.seen
            if path in seen.path and seen.origin == origin and method in ("", seen.method)
        ]

    def content(self, repo_id: str) -> dict[str, bytes]:
        """Every file of the newest commit."""
        return {
            path: self.objects[key] if kind == "lfs" else self.blobs[key]
            for path, (kind, key) in self.repos[repo_id].head.files.items()
        }

    def commit(self, repo_id: str, files: dict[str, bytes], message: str = "by hand") -> str:
        """Somebody else's commit: small files on top of what is there."""
        repo = self.repos.setdefault(repo_id, Repo(private=False))
        listed = dict(repo.head.files) if repo.commits else {}
        for path, content in files.items():
            self.blobs[git_id(content)] = content
            listed[path] = ("regular", git_id(content))
        return self._add(repo, listed, message)

    # --- the interface ---------------------------------------------------------------------------

    def answer(self, seen: Seen, body: bytes) -> tuple[int, Any, dict[str, str]]:
        with self._lock:
            self.seen.append(seen)
            for number, (path, status, says) in enumerate(self.faults):
                if path in seen.path:
                    del self.faults[number]
                    if says.startswith("<"):  # a gateway's page, not the hub's answer
                        return status, says, {}
                    return status, {"error": says}, {"X-Error-Message": says}
            try:
                handle = self._store if seen.origin == "store" else self._api
                return 200, handle(seen, body), {}
            except RefusedError as error:
                headers = {"X-Error-Message": str(error)}
                if error.code:
                    headers["X-Error-Code"] = error.code
                return error.status, {"error": str(error)}, headers

    def _store(self, seen: Seen, body: bytes) -> Any:
        oid = seen.path.rpartition("/")[2]
        if hashlib.sha256(body).hexdigest() != oid:
            raise RefusedError(400, "other bytes than announced")
        self.objects[oid] = body
        return {}

    def _api(self, seen: Seen, body: bytes) -> Any:  # noqa: PLR0911 - one line for each page
        parts = [unquote(part) for part in urlsplit(seen.path).path.strip("/").split("/")]
        match parts:
            case ["api", "repos", "create"]:
                return self._create(seen, json.loads(body))
            case ["api", "validate-yaml"]:
                return self._validate(json.loads(body)["content"])
            case ["api", "datasets", user, name]:
                return self._info(seen, f"{user}/{name}", "main")
            case ["api", "datasets", user, name, "revision", revision]:
                return self._info(seen, f"{user}/{name}", revision)
            case ["api", "datasets", user, name, "tree", revision]:
                return self._tree(seen, f"{user}/{name}", revision)
            case ["api", "datasets", user, name, "preupload", _]:
                return self._preupload(seen, f"{user}/{name}", json.loads(body))
            case ["api", "datasets", user, name, "commit", _]:
                return self._commit(seen, f"{user}/{name}", body)
            case ["datasets", user, name, "info", "lfs", "objects", "batch"]:
                return self._batch(seen, f"{user}/{name.removesuffix('.git')}", json.loads(body))
            case ["verify"]:
                self._user(seen, write=True)
                return {} if json.loads(body)["oid"] in self.objects else {"error": "missing"}
            case _:
                raise RefusedError(404, "no such page")

    def _user(self, seen: Seen, *, write: bool) -> None:
        if seen.token not in (None, WRITER, READER):
            raise RefusedError(401, "Invalid credentials in Authorization header")
        if write and seen.token is None:
            raise RefusedError(401, "Invalid username or password.")
        if write and seen.token != WRITER:
            raise RefusedError(403, "You don't have the rights to write here")

    def _find(self, seen: Seen, repo_id: str, *, write: bool) -> Repo:
        repo = self.repos.get(repo_id)
        if repo is None or (repo.private and seen.token is None):
            status = 401 if seen.token is None else 404
            raise RefusedError(status, "Repository not found", "RepoNotFound")
        self._user(seen, write=write)
        return repo

    def _create(self, seen: Seen, request: dict[str, Any]) -> Any:
        self._user(seen, write=True)
        repo_id = f"{request['organization']}/{request['name']}"
        assert request["type"] == "dataset"
        if repo_id in self.repos:
            raise RefusedError(409, "You already created this dataset repo")
        private = request.get("private") is True or request.get("visibility") == "private"
        self.repos[repo_id] = Repo(private)
        content = b"*.h5 filter=lfs diff=lfs merge=lfs -text\n"
        self.commit(repo_id, {".gitattributes": content}, "initial commit")
        return {"url": f"{self.url}/datasets/{repo_id}", "name": repo_id}

    def _validate(self, text: str) -> Any:
        data = yaml.safe_load(text.split("---\n")[1])
        assert data["task_categories"] == ["reinforcement-learning"]
        return {"errors": [], "warnings": []}

    def _info(self, seen: Seen, repo_id: str, revision: str) -> Any:
        repo = self._find(seen, repo_id, write=False)
        sha = self._at(repo, revision).sha
        return {"id": repo_id, "sha": sha, "private": repo.private, "siblings": [], "tags": []}

    def _at(self, repo: Repo, revision: str) -> Commit:
        if revision == "main":
            return repo.head
        for commit in repo.commits:
            if commit.sha == revision:
                return commit
        raise RefusedError(404, "Invalid rev id", "RevisionNotFound")

    def _tree(self, seen: Seen, repo_id: str, revision: str) -> Any:
        repo = self._find(seen, repo_id, write=False)
        entries: list[dict[str, Any]] = []
        for path, (kind, key) in sorted(self._at(repo, revision).files.items()):
            size = len((self.objects if kind == "lfs" else self.blobs)[key])
            entry: dict[str, Any] = {"type": "file", "path": path, "size": size, "oid": key[:40]}
            if kind == "lfs":
                entry["lfs"] = {"oid": key, "size": size, "pointerSize": 130}
            entries.append(entry)
        return entries

    def _preupload(self, seen: Seen, repo_id: str, request: dict[str, Any]) -> Any:
        repo = self._find(seen, repo_id, write=True)
        files: list[dict[str, Any]] = []
        for file in request["files"]:
            large = file["path"].endswith((".h5", ".png")) or file["size"] > 10_000_000
            files.append(
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if large else "regular",
                    "shouldIgnore": file["path"] in self.ignored,
                    "oid": repo.head.files.get(file["path"], ("", None))[1],
                }
            )
        return {"files": files}

    def _batch(self, seen: Seen, repo_id: str, request: dict[str, Any]) -> Any:
        self._find(seen, repo_id, write=True)
        assert request["operation"] == "upload"
        objects: list[dict[str, Any]] = []
        for wanted in request["objects"]:
            known = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.objects:
                known["actions"] = {
                    "upload": {"href": f"{self.store_url}/{wanted['oid']}"},
                    "verify": {"href": f"{self.url}/verify"},
                }
            objects.append(known)
        return {"transfer": "basic", "objects": objects}

    def _commit(self, seen: Seen, repo_id: str, body: bytes) -> Any:
        repo = self._find(seen, repo_id, write=True)
        if self.before_commit is not None:
            action, self.before_commit = self.before_commit, None
            action()
        files, message = dict(repo.head.files), ""
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            match item["key"]:
                case "header":
                    message = value["summary"]
                    if value.get("parentCommit", repo.head.sha) != repo.head.sha:
                        raise RefusedError(
                            412, "A commit has happened since. Please refresh and retry"
                        )
                case "file":
                    content = base64.b64decode(value["content"])
                    self.blobs[git_id(content)] = content
                    files[value["path"]] = ("regular", git_id(content))
                case "lfsFile":
                    assert value["oid"] in self.objects, "committed before it was uploaded"
                    files[value["path"]] = ("lfs", value["oid"])
                case "deletedFile":
                    del files[value["path"]]
                case key:
                    raise AssertionError(key)
        sha = self._add(repo, files, message)
        return {"commitUrl": f"{self.url}/datasets/{repo_id}/commit/{sha}", "commitOid": sha}

    def _add(self, repo: Repo, files: Files, message: str) -> str:
        text = json.dumps([len(repo.commits), sorted(files.items()), message])
        repo.commits.append(Commit(hashlib.sha1(text.encode()).hexdigest(), files, message))
        return repo.head.sha
