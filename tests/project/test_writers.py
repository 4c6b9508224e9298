"""Whatever the library writes, it replaces no file unasked, and a refusal changes nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ID, make_episodes, write
from tests.preview.conftest import painted
from tests.results.making import ID as RESULT_ID
from tests.results.making import PROTOCOL, make_result, make_runs
from tests.storage import tiny
from vd4rl_data.cli import main
from vd4rl_data.errors import OutputExistsError
from vd4rl_data.formats import export_dataset, writable_formats
from vd4rl_data.importing import import_folder
from vd4rl_data.preview import animate
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.results import make_submission, write_result
from vd4rl_data.storage import pack, unpack, write_dataset

Write = Callable[..., object]


def _dataset(folder: Path, start: int = 0, **options: Any) -> Path:
    episodes = tiny.episodes_of(start=start)
    lengths = [len(episode) for episode in episodes]
    path = folder / "out" / "tiny.h5"
    write_dataset(path, tiny.SPEC, episodes, lengths, tiny.PROVENANCE, **options)
    return path


def _pack(folder: Path, **options: Any) -> None:
    tiny.write(folder / "tiny.h5")
    pack(folder / "tiny.h5", folder / "out", shard_raw_bytes=1, **options)


def _pack_in_one(folder: Path, **options: Any) -> None:
    """As many shards as before, or fewer: none has the name of one that is there."""
    tiny.write(folder / "tiny.h5")
    several = any((folder / "out").glob("*-of-*"))
    pack(folder / "tiny.h5", folder / "out", shard_raw_bytes=1 << 30 if several else 1, **options)


def _unpack(folder: Path, **options: Any) -> None:
    tiny.write(folder / "tiny.h5")
    unpack(folder / "tiny.h5", folder / "out" / "tiny.h5", **options)


def _animate(folder: Path, **options: Any) -> None:
    animate(painted(2), folder / "out" / "episode.gif", **options)


def _write_result(folder: Path, **options: Any) -> None:
    (folder / "out").mkdir(exist_ok=True)
    write_result(folder / "out" / "mine.json", make_result(), **options)


def _write_submission(folder: Path, **options: Any) -> None:
    (folder / "out").mkdir(exist_ok=True)
    submission = make_submission("Mine", RESULT_ID, make_runs(), PROTOCOL)
    submission.write(folder / "out" / "mine.json", **options)


FUNCTIONS: dict[str, Write] = {
    "write_dataset": _dataset,
    "pack": _pack,
    "pack into another number": _pack_in_one,
    "unpack": _unpack,
    "animate": _animate,
    "write_result": _write_result,
    "Submission.write": _write_submission,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_replace_only_when_told(name: str, tmp_path: Path) -> None:
    work = FUNCTIONS[name]
    work(tmp_path)
    out = tmp_path / "out"
    before = tiny.files_of(out)
    assert before
    with pytest.raises(OutputExistsError, match=r"already (there|exists); .* replace=True"):
        work(tmp_path)
    assert tiny.files_of(out) == before
    stamps = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    work(tmp_path, replace=True)  # what the message says
    assert any(path.stat().st_mtime_ns != stamps.get(path) for path in out.iterdir())


COMMANDS: dict[str, tuple[str, ...]] = {
    "pack": ("pack", "{file}", "--out", "{out}"),
    "unpack": ("unpack", "{file}", "--out", "{out}/flat.h5"),
    "preview": ("preview", "{file}", "--out", "{out}", "--rows", "2"),
    "preview, pictures": ("preview", "{file}", "--out", "{out}", "--format", "none"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_replace_only_when_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = write(tmp_path / "data"), tmp_path / "out"
    arguments = [part.format(file=file, out=out) for part in COMMANDS[name]]
    assert main(arguments) == 0
    before = tiny.files_of(out)
    assert before
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert re.search(r"already exists; .* --replace\n$", error)
    assert "replace=True" not in error
    assert tiny.files_of(out) == before
    assert main([*arguments, "--replace"]) == 0
    assert tiny.files_of(out) == before
    target = Path(error.removeprefix("vd4rl: ").split(" already exists")[0])
    target.unlink()  # the other remedy
    if name in ("pack", "unpack"):
        assert main(arguments) == 0


@pytest.mark.parametrize("kind", writable_formats())
def test_export_and_import_never_replace(kind: str, tmp_path: Path) -> None:
    spec = get_dataset_spec(ID)
    official = tmp_path / "official"
    export_dataset(make_episodes(spec), official, kind)
    before = tiny.files_of(official)
    with pytest.raises(OutputExistsError, match="expected a folder without data files"):
        export_dataset(make_episodes(spec, [2, 2]), official, kind)
    assert tiny.files_of(official) == before
    write(tmp_path)
    before = tiny.files_of(tmp_path)
    with pytest.raises(OutputExistsError, match="was not made of these files; remove it"):
        import_folder(official, spec, tmp_path)
    assert tiny.files_of(tmp_path) == before


# ---- no writer is forgotten ----

_WRITES = {
    "atomic_path",
    "write_npz",
    "write_text",
    "write_bytes",
    "savez",
    "savez_compressed",
}

REPLACE_ONLY_WHEN_TOLD = {
    "cli/preview.py",
    "formats/",
    "preview/animation.py",
    "results/files.py",
    "storage/convert.py",
    "storage/sidecar.py",  # of a file that its caller may write
    "storage/writer.py",
}
"""Modules whose files carry names that a user chose, or that a dataset is found by."""

OWN_NOTES = {
    "download/",  # downloads on their way
    "exporting/",  # into a folder of its own, which must be new
    "publish/",  # uploads on their way
    "importing/",  # parts on their way
    "pytorch/passes.py",  # how far a pass is, for the other workers of a loader
    "processes/wire.py",  # into a pipe
    "storage/archive.py",  # into a file that its caller opened
    "storage/atomic.py",
    "storage/exported.py",  # beside exported files
    "storage/parts.py",
}
"""Modules that write where their callers have looked, or where nobody else writes."""


def _modules_that_write(package: Path) -> set[str]:
    found = set()
    for path in package.rglob("*.py"):
        calls = [
            node.func
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
        ]
        names = {getattr(func, "attr", getattr(func, "id", "")) for func in calls}
        if names & _WRITES:
            found.add(path.relative_to(package).as_posix())
    return found


def test_every_module_that_writes_is_known_to_this_test(repository: Path) -> None:
    known = REPLACE_ONLY_WHEN_TOLD | OWN_NOTES
    unknown = {
        name
        for name in _modules_that_write(repository / "vd4rl_data")
        if name not in known and not any(name.startswith(item) for item in known if item[-1] == "/")
    }
    assert unknown == set()
