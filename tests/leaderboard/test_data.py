"""What a result was trained on decides where it stands, and what stands beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import vd4rl_data
from leaderboard.benchmarks import benchmarks
from leaderboard.check import check_file
from leaderboard.origins import MARKS
from leaderboard.sections import suites
from leaderboard.site import build_site
from leaderboard.store import place_of
from tests.leaderboard.making import content_hash, make_entry
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import Algorithm, Data, RunResult, format_result, parse_result, write_result
from vd4rl_data.seeding import EVALUATION_PROTOCOL

BENCHMARK = "VD4RL/walker_walk-medium-v0"
HASH = content_hash(BENCHMARK, 84)
OTHER = hashlib.sha256(b"other").hexdigest()


def entry(data: Data | None, name: str = "Mine", size: int = 84) -> RunResult:
    made = make_entry(Algorithm(name=name), BENCHMARK, size, 0.5)
    return dataclasses.replace(made, data=data)


def site(folder: Path, *results: RunResult) -> dict[str, Any]:
    """The page's data of a store of these results."""
    for result in results:
        path = folder / "results" / place_of(result)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_result(path, result)
    built = build_site(folder / "results", folder / "site").folder
    payload: dict[str, Any] = json.loads((built / "leaderboard.json").read_text("utf-8"))
    return payload


def tables_of(payload: dict[str, Any], name: str = "Mine") -> dict[str, list[str]]:
    """The table that each of an algorithm's rows stands in, with its marks."""
    return {
        table["key"]: row["marks"]
        for table in payload["tables"]
        for row in table["rows"]
        if row["algorithm"] == name
    }


WHERE: dict[str, tuple[Data | None, str, list[str]]] = {
    "official": (Data(origin="official", content_sha256=HASH), "vd4rl_main", []),
    "official, whole": (
        Data(origin="official", content_sha256=HASH, transitions=100_000),
        "vd4rl_main",
        [],
    ),
    "official, in parts": (
        Data(origin="official", part_sha256s=(HASH, OTHER)),
        "vd4rl_main",
        [],
    ),
    "official, by name only": (Data(origin="official"), "vd4rl_main", ["no data hash"]),
    "official, a part": (
        Data(origin="official", content_sha256=HASH, transitions=10_000),
        "vd4rl_data",
        ["part of the data"],
    ),
    "official, too much": (
        Data(origin="official", content_sha256=HASH, transitions=500_000),
        "vd4rl_data",
        ["part of the data"],
    ),
    "imported": (Data(origin="imported", content_sha256=HASH), "vd4rl_main", ["imported"]),
    "regenerated": (
        Data(origin="regenerated", content_sha256=HASH),
        "vd4rl_data",
        ["regenerated"],
    ),
    "other": (Data(origin="other", content_sha256=HASH), "vd4rl_data", ["other data"]),
    "none": (Data(origin="none"), "vd4rl_main", ["no data"]),
    "not stated": (None, "vd4rl_data", ["data not stated"]),
}


@pytest.mark.parametrize("name", WHERE)
def test_origin_and_amount_decide_the_table_and_the_marks(name: str, tmp_path: Path) -> None:
    data, table, marks = WHERE[name]
    payload = site(tmp_path, entry(data))
    assert tables_of(payload) == {table: marks}
    assert payload["entries"][0]["marks"] == marks
    assert set(marks) <= set(MARKS)
    exported = (tmp_path / "site" / "exports" / f"{table}.csv").read_text()
    assert all(mark in exported for mark in marks)
    report = check_file(write_result(tmp_path / "mine.json", entry(data)), store=tmp_path / "none")
    assert report.ok
    own = any("a table of its own" in warning for warning in report.warnings)
    assert own == (table != "vd4rl_main")


@pytest.mark.parametrize("suite", suites())
def test_every_suite_keeps_other_data_apart(suite: str, tmp_path: Path) -> None:
    """Over the registry of benchmarks: one of each suite, trained on regenerated data."""
    name = next(name for name, row in benchmarks().items() if row.id.suite == suite)
    row = benchmarks()[name]
    made = entry(Data(origin="regenerated", content_sha256=OTHER))
    (evaluation,) = made.evaluations
    runs = tuple(dataclasses.replace(run, successes=(1.0,) * 4) for run in evaluation.runs)
    evaluations = (dataclasses.replace(evaluation, runs=runs),)
    made = dataclasses.replace(
        made, benchmark=name, image_size=row.sizes[0], evaluations=evaluations
    )
    assert tables_of(site(tmp_path, made)) == {f"{suite.lower()}_data": ["regenerated"]}


def test_the_public_half_is_said_and_compared(tmp_path: Path) -> None:
    """At 64 px the authors published half of what the paper trained on."""
    data = Data(origin="imported", content_sha256=HASH, transitions=50_000)
    payload = site(tmp_path, entry(data, size=64))
    assert tables_of(payload) == {"vd4rl_main": ["imported", "public part"]}


def test_rows_on_other_data_are_not_ranked(tmp_path: Path) -> None:
    data = Data(origin="regenerated", content_sha256=OTHER)
    payload = site(tmp_path, entry(data), entry(data, name="Yours"))
    (table,) = [table for table in payload["tables"] if table["key"] == "vd4rl_data"]
    assert not table["compared"]
    assert [row["rank"] for row in table["rows"]] == [None, None]
    assert "**" not in (tmp_path / "site" / "exports" / "vd4rl_data.md").read_text()


def test_entries_that_disagree_about_the_content_are_marked(tmp_path: Path) -> None:
    ours = entry(Data(origin="official", content_sha256=HASH))
    theirs = entry(Data(origin="official", content_sha256=OTHER), name="Theirs")
    payload = site(tmp_path, ours, theirs)
    for name in ("Mine", "Theirs"):
        assert tables_of(payload, name) == {"vd4rl_main": ["data hash disputed"]}
    report = check_file(tmp_path / "results" / place_of(theirs), store=tmp_path / "results")
    (note,) = [warning for warning in report.warnings if "NOT the same" in warning]
    assert "0 of 1 entries" in note


def test_the_checker_says_what_the_hash_was_compared_with(tmp_path: Path) -> None:
    data = Data(origin="official", content_sha256=HASH)
    site(tmp_path, entry(data, name="First"))
    store = tmp_path / "results"
    path = write_result(tmp_path / "mine.json", entry(data))
    notes = check_file(path, store=store).warnings
    assert any("the same as in 1 of 1 entries" in note for note in notes)
    alone = check_file(path, store=tmp_path / "none")
    assert any("nothing to compare it with yet" in note for note in alone.warnings)


def test_one_content_is_not_two_datasets(tmp_path: Path) -> None:
    data = Data(origin="official", content_sha256=HASH)
    site(tmp_path, entry(data, name="First"))
    other = make_entry(Algorithm(name="Mine"), "VD4RL/walker_walk-expert-v0", 84, 0.9)
    path = write_result(tmp_path / "mine.json", dataclasses.replace(other, data=data))
    (problem,) = check_file(path, store=tmp_path / "results").problems
    assert "the same content hash as VD4RL/walker_walk-medium-v0/first" in problem


NO_HASHES = {
    "zeros": "0" * 64,
    "one digit": "a" * 64,
    "a pattern": "deadbeef" * 8,
    "two halves": hashlib.sha256(b"x").hexdigest()[:32] * 2,
    "of nothing": hashlib.sha256().hexdigest(),
    "nearly zeros": "0" * 63 + "1",
    "zeros in the middle": HASH[:30] + "0" * 14 + HASH[44:],
    "few digits": ("0123456" * 10)[:63] + "7",
    "short": "ab" * 31,
    "long": "ab" * 33,
    "upper case": HASH.upper(),
    "no digits": "x" * 64,
    "empty": "",
}


@pytest.mark.parametrize("field", ["content_sha256", "part_sha256s"])
@pytest.mark.parametrize("name", NO_HASHES)
def test_what_is_no_hash_is_refused(name: str, field: str) -> None:
    wrong = NO_HASHES[name]
    values: dict[str, Any] = {field: wrong if field == "content_sha256" else (HASH, wrong)}
    with pytest.raises(InvalidResultError, match=r"data[.:]"):
        format_result(entry(Data(origin="official", **values)))


def test_a_placeholder_is_answered_with_how_to_give_the_hash() -> None:
    with pytest.raises(InvalidResultError, match=r"make_submission\(\.\.\., data=dataset\)"):
        format_result(entry(Data(origin="official", content_sha256="0" * 64)))


@pytest.mark.parametrize("size", [1, 63, 85, 100, 4096])
@pytest.mark.parametrize("origin", ["official", "imported", "none", None])
def test_impossible_sizes_are_refused(size: int, origin: Any, tmp_path: Path) -> None:
    data = None if origin is None else Data(origin=origin)
    path = write_result(tmp_path / "mine.json", entry(data, size=size))
    (problem,) = check_file(path).problems
    assert "image_size: expected 64 or 84" in problem
    again = write_result(tmp_path / "again.json", entry(Data(origin="regenerated"), size=size))
    assert check_file(again).ok  # the remedy that the message names; in a table of its own


# The dataset says it all itself.


def test_a_loaded_dataset_is_described_by_its_manifest() -> None:
    dataset = vd4rl_data.load_dataset("VD4RL/walker_walk-random-sample-64px-v0")
    data = Data.of(dataset)
    (manifest,) = dataset.manifests
    assert data.content_sha256 == manifest.content_sha256
    assert data.transitions == dataset.num_transitions == 1000
    assert data.origin == "other"  # the sample is no dataset of a benchmark


# The version of the evaluation protocol.


def test_results_of_an_older_protocol_are_marked(tmp_path: Path) -> None:
    newest = entry(Data(origin="official", content_sha256=HASH), name="Newest")
    assert newest.protocol.version == EVALUATION_PROTOCOL
    older = dataclasses.replace(
        entry(Data(origin="official", content_sha256=HASH)),
        protocol=dataclasses.replace(newest.protocol, version=1),
    )
    older = dataclasses.replace(
        older, evaluations=make_entry(Algorithm(name="x"), BENCHMARK, 84, 0.6).evaluations
    )
    payload = site(tmp_path, newest, older)
    assert tables_of(payload) == {"vd4rl_main": ["protocol 1"]}
    assert tables_of(payload, "Newest") == {"vd4rl_main": []}
    assert payload["words"]["protocol"] == EVALUATION_PROTOCOL


def test_a_file_that_names_no_protocol_is_of_the_first() -> None:
    document = json.loads(format_result(entry(None)))
    assert document["protocol"].pop("version") == EVALUATION_PROTOCOL
    assert parse_result(json.dumps(document).encode()).protocol.version == 1


def test_printed_numbers_follow_no_protocol_of_ours(site: Path) -> None:
    payload = json.loads((site / "leaderboard.json").read_text("utf-8"))
    for shown in payload["entries"]:
        assert shown["kind"] != "published" or shown["marks"] == []
