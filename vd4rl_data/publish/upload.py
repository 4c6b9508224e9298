"""An upload folder → one commit. What the hub already has is not sent again."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vd4rl_data.download.client import is_offline
from vd4rl_data.download.repository import git_id
from vd4rl_data.errors import OfflineError, PublishError, RemoteFileNotFoundError, TransferError
from vd4rl_data.publish.hub import Hub, RemoteEntry, RepositoryState
from vd4rl_data.publish.model import CommitInfo, PreparedFile, PreparedRepository, Progress

_LOGGER: Final = logging.getLogger("vd4rl_data")
_BRANCH: Final = "main"
_DATA: Final = re.compile(
    r"(?P<id>.+)(?:\.packed(?:-\d{5}-of-\d{5}\.h5|\.manifest\.json)"
    r"|(?<=\.states)(?:\.h5|\.manifest\.json))"
)
_SHOWN: Final = (
    re.compile(r"pictures/(?P<id>.+)\.(?:episodes|returns)\.png"),
    re.compile(r"viewer/(?P<id>.+)\.tar"),
)


def upload(
    prepared: PreparedRepository,
    *,
    token: str | None = None,
    endpoint: str | None = None,
    private: bool | None = None,
    create: bool = True,
    replace: bool = False,
    progress: Progress | None = None,
    hub: Hub | None = None,
) -> CommitInfo:
    """Publish an upload folder as one commit on the main branch; all of it, or nothing.

    Large files go first, one by one; the hub keeps them by content, so after a kill, or where
    nothing changed, they are not sent again. The commit is refused if somebody else changed the
    repository meanwhile, and afterwards the hub's own list of files is compared with ours.

    Args:
        prepared: from :func:`~vd4rl_data.publish.prepare`.
        token: with the right to write; ``None`` takes the client's own (``HF_TOKEN``, or the one
            saved at login), and that only for the client's own endpoint.
        endpoint: the hub; ``None`` takes the client's own (``HF_ENDPOINT``).
        private: of a new repository; ``None`` leaves it to the hub. ``True`` refuses a repository
            that everybody can read.
        create: make the repository if it is not there.
        replace: take the place of datasets that the repository holds: of the same ids with other
            content, and of ids that are not in this upload. The old commit keeps them.
        progress: told which file is sent, and how many bytes of all are there.
        hub: instead of ``token`` and ``endpoint``: with its own patience.

    Raises:
        RemoteAccessError: the token is missing, wrong, or must not write here.
        RemoteFileNotFoundError: the repository is not there, and ``create`` is false.
        PublishError: a file was changed after it was prepared; the repository holds other datasets
            or other content, is public, or was changed by somebody else meanwhile; or the hub
            refuses the files.
        OfflineError: the client is set to be offline.
        TransferError: the network or the hub failed for too long; run the same again.
    """
    if is_offline():
        raise OfflineError("publishing needs the network, and HF_HUB_OFFLINE is set")
    hub = hub or Hub(endpoint, token)
    state = _repository(hub, prepared.repo_id, private=private, create=create)
    there = hub.tree(prepared.repo_id, state.commit)
    replaced = _replaced(prepared, there)
    if replaced and not replace:
        raise _occupied(prepared, replaced, state.commit)
    deleted = _deletions(prepared, there, replaced)
    missing = [file for file in prepared.files if not _is_there(prepared, file, there)]
    commit = state.commit
    if missing or deleted:
        operations = list(_send(hub, prepared, missing, progress))
        commit = _commit(hub, prepared, operations, deleted, state.commit)
        _check_arrived(hub, prepared, commit)
    else:
        _LOGGER.info("%s holds all of it already, at %s", prepared.repo_id, commit)
    url = f"{hub.url}/datasets/{prepared.repo_id}/tree/{commit}"
    previous = state.commit if replaced else None
    return CommitInfo(prepared.repo_id, commit, url, len(missing), tuple(replaced), previous)


def _repository(hub: Hub, repo_id: str, *, private: bool | None, create: bool) -> RepositoryState:
    """The repository, made if need be.

    Only a repository that is missing is made, so a token without that right will do for others.
    """
    try:
        state = hub.state(repo_id, _BRANCH)
    except RemoteFileNotFoundError:
        if not create:
            raise
        what = f"making the dataset repository {repo_id}"
        options: dict[str, Any] = {"repo_type": "dataset", "private": private, "exist_ok": True}
        hub.ask(what, hub.api().create_repo, repo_id, **options)
        state = hub.state(repo_id, _BRANCH)
    if private and state.private is False:
        raise PublishError(
            f"{repo_id} is there already, and everybody can read it; private was asked for: choose "
            "another name, or make that repository private first"
        )
    return state


def _replaced(prepared: PreparedRepository, there: Mapping[str, RemoteEntry]) -> list[str]:
    """Ids that the repository holds and this upload does not hold, or holds otherwise."""
    ours = {file.path: file for file in prepared.files}
    held = {path: match["id"] for path in there if (match := _DATA.fullmatch(path))}
    return sorted(
        {
            name
            for path, name in held.items()
            if path not in ours or not _is_there(prepared, ours[path], there)
        }
    )


def _occupied(prepared: PreparedRepository, replaced: list[str], commit: str) -> PublishError:
    """What to do about a repository that holds something else."""
    ids = {dataset.name for dataset in prepared.datasets}
    others = [name for name in replaced if name not in ids]
    if others:
        return PublishError(
            f"{prepared.repo_id} also holds {', '.join(others)}, of which the new card would not "
            "speak; prepare all of them together, choose another repository, or delete them with "
            "replace=True"
        )
    return PublishError(
        f"{prepared.repo_id} holds {', '.join(replaced)} already, with other content; choose "
        "another repository, or put yours in its place with replace=True: who names "
        f"the commit {commit} will still get the old one"
    )


def _deletions(
    prepared: PreparedRepository, there: Mapping[str, RemoteEntry], replaced: list[str]
) -> list[str]:
    """Files of replaced datasets that nothing of the same name takes the place of."""
    ours = {file.path for file in prepared.files}
    patterns = (_DATA, *_SHOWN)
    matches = {path: _first_match(path, patterns) for path in there}
    return sorted(
        path
        for path, match in matches.items()
        if match is not None and match["id"] in replaced and path not in ours
    )


def _first_match(path: str, patterns: Sequence[re.Pattern[str]]) -> re.Match[str] | None:
    found = (pattern.fullmatch(path) for pattern in patterns)
    return next((match for match in found if match is not None), None)


def _is_there(
    prepared: PreparedRepository, file: PreparedFile, there: Mapping[str, RemoteEntry]
) -> bool:
    entry = there.get(file.path)
    if entry is None or entry.size != file.size:
        return False
    if entry.sha256 is not None:
        return entry.sha256 == file.sha256
    return entry.git_id == git_id((prepared.folder / file.path).read_bytes())


def _send(
    hub: Hub, prepared: PreparedRepository, missing: list[PreparedFile], progress: Progress | None
) -> Iterator[Any]:
    """Send what the hub keeps by content; yields what the commit needs to name the files."""
    from huggingface_hub import CommitOperationAdd

    done = prepared.num_bytes - sum(file.size for file in missing)
    api = hub.api()
    for file in missing:
        if progress is not None:
            progress(f"upload: {file.path}", done, prepared.num_bytes)
        path = prepared.folder / file.path
        if not path.is_file() or path.stat().st_size != file.size:
            raise _changed(path)
        addition = CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=path)
        if addition.upload_info.sha256.hex() != file.sha256:
            raise _changed(path)
        hub.ask(
            f"sending {file.path} to {prepared.repo_id}",
            api.preupload_lfs_files,
            prepared.repo_id,
            [addition],
            repo_type="dataset",
            free_memory=False,
        )
        done += file.size
        yield addition
    if progress is not None:
        progress("upload: commit", done, prepared.num_bytes)


def _changed(path: Path) -> PublishError:
    return PublishError(f"{path} was changed after it was prepared; prepare it again")


def _commit(
    hub: Hub,
    prepared: PreparedRepository,
    additions: list[Any],
    deleted: list[str],
    parent: str,
) -> str:
    """Make the commit; if the answer got lost, find out whether it was made.

    Raises:
        PublishError: the repository was changed by somebody else.
    """
    from huggingface_hub import CommitOperationDelete

    operations = [*additions, *(CommitOperationDelete(path_in_repo=path) for path in deleted)]
    names = ", ".join(dataset.spec.name for dataset in prepared.datasets) or "policies"

    def commit() -> str:
        state = hub.state(prepared.repo_id, _BRANCH)
        if state.commit != parent and _holds_all(hub, prepared, state.commit):
            return state.commit
        made = hub.api().create_commit(
            prepared.repo_id,
            operations,
            commit_message=f"Publish {names}",
            repo_type="dataset",
            parent_commit=parent,
        )
        return str(made.oid)

    return hub.ask(f"the commit to {prepared.repo_id}", commit)


def _holds_all(hub: Hub, prepared: PreparedRepository, commit: str) -> bool:
    there = hub.tree(prepared.repo_id, commit)
    return all(_is_there(prepared, file, there) for file in prepared.files)


def _check_arrived(hub: Hub, prepared: PreparedRepository, commit: str) -> None:
    there = hub.tree(prepared.repo_id, commit)
    wrong = [file.path for file in prepared.files if not _is_there(prepared, file, there)]
    if wrong:
        raise TransferError(
            f"{hub.url}: after the commit {commit} to {prepared.repo_id}, the hub lists other "
            f"content for {', '.join(wrong[:5])}; perhaps a .gitignore there hides it"
        )
