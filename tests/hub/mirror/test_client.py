"""What the hub's real client does with a mirror."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version


def _api(hub: Any, mirror: Any) -> Any:
    return hub.HfApi(endpoint=mirror.url, token=False)


def test_every_file_downloads_whole(
    mirror: Any, hub: Any, client: Any, files: dict[str, bytes]
) -> None:
    for name, content in files.items():
        path = hub.hf_hub_download(filename=name, **client(mirror))
        assert Path(path).read_bytes() == content


def test_a_snapshot_takes_what_the_patterns_name(
    mirror: Any, hub: Any, client: Any, files: dict[str, bytes]
) -> None:
    folder = Path(hub.snapshot_download(allow_patterns=["train/*"], **client(mirror)))
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == {name: data for name, data in files.items() if name.startswith("train/")}


def test_the_client_finds_its_download_to_be_intact(
    mirror: Any, hub: Any, client: Any, tmp_path: Path, files: dict[str, bytes]
) -> None:
    hub.snapshot_download(local_dir=tmp_path / "local", **client(mirror))
    arguments = {"repo_type": "dataset", "local_dir": tmp_path / "local"}
    result = _api(hub, mirror).verify_repo_checksums(mirror.repo_id, **arguments)
    assert result.checked_count == len(files)
    assert not result.mismatches
    assert not result.missing_paths


def test_the_description_names_revision_and_files(
    mirror: Any, hub: Any, files: dict[str, bytes]
) -> None:
    info = _api(hub, mirror).dataset_info(mirror.repo_id, files_metadata=True)
    assert info.id == mirror.repo_id
    assert len(info.sha) == 40
    assert {s.rfilename: s.size for s in info.siblings} == {n: len(d) for n, d in files.items()}
    large = next(s for s in info.siblings if s.rfilename == "train/00.bin")
    assert large.lfs.sha256 == hashlib.sha256(files["train/00.bin"]).hexdigest()
    for revision in ("main", info.sha):
        assert _api(hub, mirror).dataset_info(mirror.repo_id, revision=revision).sha == info.sha


def test_files_and_folders_are_listed(mirror: Any, hub: Any, files: dict[str, bytes]) -> None:
    api = _api(hub, mirror)
    assert api.list_repo_files(mirror.repo_id, repo_type="dataset") == sorted(files)
    top = api.list_repo_tree(mirror.repo_id, repo_type="dataset")
    assert [entry.path for entry in top] == ["README.md", "empty.txt", "train", "validation"]
    deep = list(api.list_repo_tree(mirror.repo_id, "train/deep", repo_type="dataset", expand=True))
    assert [entry.path for entry in deep] == ["train/deep/name with ü #?%25.bin"]
    assert [info.id for info in api.list_datasets()] == [mirror.repo_id]


def test_a_long_listing_comes_in_pages(make_mirror: Any, hub: Any) -> None:
    names = [f"shard {number:04d}&x=1.txt" for number in range(2001)]
    mirror = make_mirror(dict.fromkeys(names, b"text"))
    entries = _api(hub, mirror).list_repo_tree(mirror.repo_id, repo_type="dataset")
    assert [entry.path for entry in entries] == names
    assert len(mirror.requests("/tree/main")) == 3


def test_paths_are_described(mirror: Any, hub: Any, files: dict[str, bytes]) -> None:
    wanted = ["README.md", "train", "train/deep/name with ü #?%25.bin", "nothing"]
    entries = _api(hub, mirror).get_paths_info(mirror.repo_id, wanted, repo_type="dataset")
    assert [entry.path for entry in entries] == wanted[:3]
    content = files["README.md"]
    git_id = hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()
    assert (entries[0].size, entries[0].blob_id, entries[0].lfs) == (len(content), git_id, None)
    assert len(entries[1].tree_id) == 40
    assert entries[2].lfs.sha256 == hashlib.sha256(files[wanted[2]]).hexdigest()


def test_the_file_system_reads_a_part(mirror: Any, hub: Any, files: dict[str, bytes]) -> None:
    system = hub.HfFileSystem(endpoint=mirror.url, token=False, skip_instance_cache=True)
    with system.open(f"datasets/{mirror.repo_id}/train/00.bin", block_size=1000) as file:
        file.seek(5000)
        assert file.read(100) == files["train/00.bin"][5000:5100]
    assert mirror.bytes_sent("train/00.bin") < len(files["train/00.bin"])


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"filename": "no.bin"}, "RemoteEntryNotFoundError"),
        ({"revision": "no"}, "RevisionNotFoundError"),
        ({"revision": "0" * 40}, "RevisionNotFoundError"),
        ({"revision": "refs/pr/1"}, "RevisionNotFoundError"),
        ({"repo_id": "lab/no"}, "RepositoryNotFoundError"),
        ({"repo_id": "no/pixels"}, "RepositoryNotFoundError"),
    ],
)
def test_what_is_missing_is_named(
    mirror: Any, hub: Any, client: Any, wrong: dict[str, str], error: str
) -> None:
    with pytest.raises(getattr(hub.errors, error)):
        hub.hf_hub_download(**{**client(mirror), "filename": "README.md", **wrong})


def test_a_missing_folder_is_named(mirror: Any, hub: Any) -> None:
    with pytest.raises(hub.errors.EntryNotFoundError):
        list(_api(hub, mirror).list_repo_tree(mirror.repo_id, "no", repo_type="dataset"))


def test_what_was_downloaded_is_used_when_the_mirror_is_gone(
    mirror: Any, hub: Any, client: Any
) -> None:
    revision = _api(hub, mirror).dataset_info(mirror.repo_id).sha
    first = hub.hf_hub_download(filename="train/00.bin", revision=revision, **client(mirror))
    arguments = client(mirror)
    before = len(mirror.requests())
    mirror.server.stop()
    again = hub.hf_hub_download(filename="train/00.bin", revision=revision, **arguments)
    offline = hub.hf_hub_download(
        filename="train/00.bin", revision=revision, local_files_only=True, **arguments
    )
    assert first == again == offline
    assert len(mirror.requests()) == before


def test_eight_clients_at_once(mirror: Any, hub: Any, client: Any, files: dict[str, bytes]) -> None:
    def download(number: int) -> dict[str, bytes]:
        folder = Path(hub.snapshot_download(**client(mirror, f"cache-{number}")))
        return {name: (folder / name).read_bytes() for name in files}

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(download, range(8))) == [files] * 8
    assert len(mirror.requests("train/00.bin", "GET")) == 8


def test_a_cut_download_is_taken_up_where_it_stopped(
    make_mirror: Any, hub: Any, client: Any
) -> None:
    if Version(hub.__version__) < Version("1.20"):
        pytest.skip("the client goes on with a cut download from 1.20 on")
    content = bytes(range(256)) * 60_000
    mirror = make_mirror({"a.bin": content})
    mirror.faults.cut("a.bin", after=12_000_000)
    assert Path(hub.hf_hub_download(filename="a.bin", **client(mirror))).read_bytes() == content
    first, second = mirror.requests("a.bin", "GET")
    assert (first.status, first.bytes_sent) == (200, 12_000_000)
    assert (second.status, second.range) == (206, "bytes=10485760-")  # it keeps pieces of 10 MiB


def test_a_token_is_asked_for(make_mirror: Any, hub: Any, client: Any) -> None:
    mirror = make_mirror({"a.bin": b"\0secret"}, token="open sesame"[:4])
    path = hub.hf_hub_download(filename="a.bin", **{**client(mirror), "token": "open"})
    assert Path(path).read_bytes() == b"\0secret"
    for wrong in (False, "ope", "openn", "öpen"[1:]):
        with pytest.raises(hub.errors.HfHubHTTPError) as caught:
            hub.HfApi(endpoint=mirror.url, token=wrong).dataset_info(mirror.repo_id)
        assert caught.value.response.status_code == 401
    assert {exchange.status for exchange in mirror.requests()} == {200, 401}


def test_a_download_by_the_client_can_be_mirrored_under_its_own_commit(
    mirror: Any, make_mirror: Any, hub: Any, client: Any, tmp_path: Path
) -> None:
    (mirror.folder / ".mirror.json").write_text('{"revision": "%s"}' % ("ab" * 20))
    second = make_mirror({})
    hub.snapshot_download(local_dir=second.folder, **client(mirror))
    assert _api(hub, second).dataset_info(second.repo_id).sha == "ab" * 20
    assert not any(e.path.startswith(".cache") for e in _tree(hub, second))


def _tree(hub: Any, mirror: Any) -> list[Any]:
    api = _api(hub, mirror)
    return list(api.list_repo_tree(mirror.repo_id, repo_type="dataset", recursive=True))
