"""Five hundred damaged files, and proof that the fuzzer would notice what it looks for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz import corpus, fuzzer, mutate
from vd4rl_data.errors import CorruptFileError
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import open_dataset

FILES = 500


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fuzzer's dataset is in the catalog while a test runs."""
    monkeypatch.setitem(DATASETS, corpus.SPEC.name, corpus.SPEC)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[corpus.Case]:
    """The sound files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, corpus.SPEC.name, corpus.SPEC)
        return corpus.build(tmp_path_factory.mktemp("sound"))


def test_no_damaged_file_gets_through(tmp_path: Path) -> None:
    findings = fuzzer.run(FILES, seed=0, workers=2, keep=tmp_path)
    table = fuzzer.table(findings)
    assert fuzzer.failures(findings) == [], table
    assert len(findings) == FILES
    per_kind = Counter(finding.kind for finding in findings)
    assert set(per_kind) == {
        *(f"{own} {level}" for own in ("flat", "packed", "part") for level in fuzzer._LEVELS),
        *(f"{other} blind" for other in ("sidecar", "hdf5", "npz-converted", "npz-recorded")),
    }
    assert min(per_kind.values()) >= FILES // len(per_kind)
    outcomes = Counter(finding.outcome for finding in findings)
    assert outcomes["refused"] > FILES / 2, table
    assert outcomes["found"] > 0, table


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("crash", ("crash", "SIGSEGV")),
        ("exit", ("died", "exit status 3")),
        ("hang", ("hang", "no answer within 1 seconds")),
        ("memory", ("memory", "MemoryError()")),
        ("untyped", ("untyped", "ZeroDivisionError('untyped')")),
        ("other content", ("read", "other content")),
    ],
)
def test_every_misbehavior_is_noticed_and_outlived(
    word: str, outcome: tuple[str, str], tmp_path: Path
) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_text(word)
    good.write_text("fine")
    reader = fuzzer.Reader()
    assert reader.read("misbehave", good) == ("read", "fine")
    assert reader.read("misbehave", bad, timeout=1 if word == "hang" else 60) == outcome
    assert reader.read("misbehave", good) == ("read", "fine")
    reader.close()


def test_sound_files_are_read_as_they_are(cases: list[corpus.Case], tmp_path: Path) -> None:
    reader = fuzzer.Reader()
    for case in cases:
        folder = tmp_path / case.name
        folder.mkdir()
        for name, content in case.files.items():
            (folder / name).write_bytes(content)
        assert reader.read(case.reader, folder / case.target) == ("read", case.digest), case.name
    reader.close()


def test_judgements(cases: list[corpus.Case]) -> None:
    by_name = {case.name: case for case in cases}
    flat, official = by_name["flat"], by_name["hdf5"]
    assert fuzzer.judge(flat, "blind", "read", flat.digest) == "equal"
    assert fuzzer.judge(flat, "sealed", "read", "0" * 64) == "changed"
    assert fuzzer.judge(official, "blind", "read", "0" * 64) == "unprotected"
    assert fuzzer.judge(flat, "blind", "crash", "SIGSEGV") == "crash"
    assert fuzzer.judge(flat, "deep", "crash", "SIGSEGV") == "sealed crash"
    assert fuzzer.judge(flat, "blind", "hang", "") == "hang"
    assert fuzzer.judge(flat, "sealed", "hang", "") == "sealed hang"
    assert fuzzer.judge(flat, "sealed", "untyped", "") == "untyped"
    died = "CorruptFileError: x: the process that read it was killed by SIGSEGV"
    assert fuzzer.judge(official, "blind", "refused", died) == "contained"
    assert fuzzer.judge(flat, "blind", "refused", "CorruptFileError: x") == "refused"
    bad = {"changed", "crash", "died", "hang", "memory", "untyped"}
    assert set(fuzzer.OUTCOMES) - set(fuzzer.HARMLESS) == bad


def test_the_seed_and_the_index_make_the_file(cases: list[corpus.Case], tmp_path: Path) -> None:
    made: dict[tuple[int, int, int], bytes] = {}
    kinds = fuzzer.kinds_of(cases)
    for attempt in range(2):
        for seed in range(2):
            for index, (case, level) in enumerate(kinds):
                folder = tmp_path / f"{attempt}-{seed}-{index}"
                folder.mkdir()
                rng = np.random.default_rng([seed, index])
                target = fuzzer.place(case, level, rng, folder)
                made[attempt, seed, index] = target.read_bytes()
                assert made[attempt, seed, index] != case.files[case.target]
    for index in range(len(kinds)):
        assert made[0, 0, index] == made[1, 0, index]
        assert made[0, 0, index] != made[0, 1, index]


@pytest.mark.parametrize("mutation", mutate.MUTATIONS, ids=lambda function: function.__name__)
def test_every_mutation_changes_something_and_respects_its_start(
    mutation: mutate.Mutation,
) -> None:
    content = np.random.default_rng(0).bytes(600)
    changed = 0
    for seed in range(40):
        data = bytearray(content)
        mutation(data, np.random.default_rng(seed), 100)
        assert data[:100] == content[:100]
        changed += data != content
    assert changed > 20
    for short in (b"", b"x", b"xy"):
        mutation(bytearray(short), np.random.default_rng(0), 0)


def test_sealing_reaches_what_it_seals(cases: list[corpus.Case], tmp_path: Path) -> None:
    """Sound files keep their bytes, so our idea of every checksum is right."""
    for case in cases:
        content = case.files[case.target]
        if case.layout is None:
            continue
        assert mutate.seal_objects(content) == content
        path = tmp_path / case.target
        path.write_bytes(content)
        mutate.seal(path, case.layout, case.extents)
        assert path.read_bytes() == content
    flat = next(case for case in cases if case.name == "flat")
    content = bytearray(flat.files[flat.target])
    content[content.find(b"rows\0")] ^= 1
    sealed = mutate.seal_objects(bytes(content))
    path = tmp_path / "renamed.h5"
    for damaged, message in ((content, "checksum"), (sealed, r"attribute: 'rows'")):
        path.write_bytes(damaged)
        mutate.seal(path, "flat", flat.extents)
        with pytest.raises(CorruptFileError, match=message):
            open_dataset(path)


def test_the_checksum_of_hdf5_is_jenkinss() -> None:
    assert mutate.jenkins(b"") == 0xDEADBEEF
    assert mutate.jenkins(b"Four score and seven years ago") == 0x17770551


def test_failures_are_kept_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzzer, "judge", lambda *_: "changed")
    options = ["--files", "3", "--seed", "7", "--workers", "1", "--keep", str(tmp_path / "kept")]
    assert fuzzer.main(options) == 1
    printed = capsys.readouterr().out
    assert "3 failures" in printed
    assert "python -m tests.fuzz.fuzzer --seed 7 --only 2" in printed
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert [name.split("-")[:3] for name in kept] == [["7", str(n), "changed"] for n in range(3)]
    monkeypatch.undo()
    assert fuzzer.main([*options[:-4], "--only", "1", "--keep", str(tmp_path / "again")]) == 0
    assert "1 files in" in capsys.readouterr().out
