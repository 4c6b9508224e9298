"""Five hundred damaged files, and proof that the fuzzer would notice what it looks for."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz import corpus, fuzzer, mutate
from vd4rl_data.formats import writable_formats
from vd4rl_data.registry import DATASETS

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
    own, foreign = (
        {"flat", "packed", "part", "sidecar"},
        {*writable_formats(), "vd4rl-npz-recorded"},
    )
    toolboxes = {kind for kind in per_kind if kind.startswith(("minari", "torchrl "))}
    assert set(per_kind) == own | foreign | toolboxes
    assert {"minari jpeg", "torchrl meta.json", "torchrl pixels.memmap"} <= toolboxes
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
    assert reader.read("misbehave", good) == ("read", "fine", False)
    found = reader.read("misbehave", bad, timeout=1 if word == "hang" else 60)
    assert found[:2] == outcome
    assert reader.read("misbehave", good) == ("read", "fine", False)
    reader.close()


def test_sound_files_are_read_as_they_are(cases: list[corpus.Case], tmp_path: Path) -> None:
    reader = fuzzer.Reader()
    for case in cases:
        folder = tmp_path / case.name
        folder.mkdir()
        case.write(folder)
        answer = reader.read(case.reader, folder / (case.main or case.target))
        assert answer[:2] == ("read", case.digest), case.name
    reader.close()


def test_the_guard_alone_keeps_a_damaged_structure_from_the_library(
    cases: list[corpus.Case], tmp_path: Path
) -> None:
    """Each byte of the structure that is flipped is refused unparsed; sound files are parsed."""
    rng = np.random.default_rng(0)
    with closing(fuzzer.Reader()) as reader:
        for case in (case for case in cases if case.guarded):
            folder = tmp_path / case.name
            folder.mkdir()
            case.write(folder)
            target, sound = folder / case.target, case.files[case.target]
            assert reader.read(case.reader, target) == ("read", case.digest, True), case.name
            for place in rng.choice(len(sound), 40, replace=False):
                damaged = bytearray(sound)
                damaged[place] ^= 1 << int(rng.integers(8))
                in_bulk = any(start <= place < start + size for start, size in case.extents)
                assert case.breaks_structure(bytes(damaged)) is not in_bulk
                target.write_bytes(damaged)
                answer = reader.read(case.reader, target)
                assert answer.outcome == ("verify" if in_bulk else "refused"), (case.name, place)
                assert answer.parsed is in_bulk, (case.name, place)


def test_judgements(cases: list[corpus.Case]) -> None:
    by_name = {case.name: case for case in cases}
    flat, foreign = by_name["flat"], by_name["vd4rl-hdf5"]
    sound, foreign_sound = flat.files[flat.target], foreign.files[foreign.target]
    start, _ = flat.extents[0]
    in_bulk = sound[:start] + bytes([sound[start] ^ 1]) + sound[start + 1 :]
    in_structure = sound[:-1] + bytes([sound[-1] ^ 1])

    def judged(
        outcome: str,
        detail: str = "",
        *,
        case: corpus.Case = flat,
        damaged: bytes = in_bulk,
        parsed: bool = True,
    ) -> str:
        return fuzzer.judge(case, damaged, fuzzer.Answer(outcome, detail, parsed))

    assert judged("read", flat.digest) == "equal"
    assert judged("read", "0" * 64) == "changed"
    assert judged("verify", "x") == "found"
    for kept in ("crash", "hang", "died", "memory", "untyped"):
        assert judged(kept) == kept
    for damaged in (in_structure, sound[:-1], sound + b"x"):
        for outcome in ("refused", "verify", "read"):
            assert judged(outcome, damaged=damaged) == "unguarded"
        assert judged("refused", damaged=damaged, parsed=False) == "refused"
    died = "CorruptFileError: x: the process that read it was killed by SIGSEGV"
    for detail, expected in ((died, "contained"), ("CorruptFileError: x", "refused")):
        found = judged("refused", detail, case=foreign, damaged=foreign_sound[:-1], parsed=False)
        assert found == expected
    assert judged("read", "0" * 64, case=foreign, damaged=foreign_sound[:-1]) == "unprotected"
    bad = {"changed", "crash", "died", "hang", "memory", "unguarded", "untyped"}
    assert set(fuzzer.OUTCOMES) - set(fuzzer.HARMLESS) == bad


def test_the_seed_and_the_index_make_the_file(cases: list[corpus.Case], tmp_path: Path) -> None:
    made: dict[tuple[int, int, int], bytes] = {}
    for attempt in range(2):
        for seed in range(2):
            for index, case in enumerate(cases):
                folder = tmp_path / f"{attempt}-{seed}-{index}"
                folder.mkdir()
                rng = np.random.default_rng([seed, index])
                target = fuzzer.place(case, rng, folder)
                made[attempt, seed, index] = target.read_bytes()
                assert made[attempt, seed, index] != case.files[case.target]
    for index in range(len(cases)):
        assert made[0, 0, index] == made[1, 0, index]
        assert made[0, 0, index] != made[0, 1, index]


@pytest.mark.parametrize("mutation", mutate.MUTATIONS, ids=lambda function: function.__name__)
def test_every_mutation_changes_something(mutation: mutate.Mutation) -> None:
    content = np.random.default_rng(0).bytes(600)
    changed = 0
    for seed in range(40):
        data = bytearray(content)
        mutation(data, np.random.default_rng(seed))
        changed += data != content
    assert changed > 20
    for short in (b"", b"x", b"xy"):
        mutation(bytearray(short), np.random.default_rng(0))


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
