"""The store that ships, and what pull requests make of it: every badge is earned again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from leaderboard.check import check_file
from leaderboard.cli import main
from leaderboard.receipts import receipt_path, write_receipt
from leaderboard.reproduced import list_path, read_list
from leaderboard.store import RESULTS, place_of, read_store
from tests.leaderboard.making import make_entry
from vd4rl_data.results import Algorithm, read_result, write_result
from vd4rl_data.results.files import RECEIPT_SUFFIX
from vd4rl_data.results.traces import traces_path

pytestmark = pytest.mark.usefixtures("no_type_checks")  # playing is slow under them

CHEETAH = Path("VD4RL/cheetah_run-random-v0/uniform_random.json")
VERSIONS = {"mujoco": "3.3.0", "dm_control": "1.0.28"}


def test_every_entry_passes_and_every_receipt_is_earned_again(
    grown: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that ships and an honest pull request; no note is believed, all actions are played."""
    pytest.importorskip("dm_control")
    shipped = {path.relative_to(RESULTS) for path in RESULTS.rglob(f"*{RECEIPT_SUFFIX}")}
    assert shipped
    assert {path.relative_to(grown) for path in grown.rglob(f"*{RECEIPT_SUFFIX}")} > shipped
    status = main(["check", "--store", str(grown)])
    out = capsys.readouterr().out
    assert status == 0, out
    assert "PROBLEM" not in out


def one_entry(folder: Path, path: Path = CHEETAH) -> Path:
    """A store with a copy of one shipped entry; returns its file."""
    store = folder / "results"
    (store / path).parent.mkdir(parents=True)
    for file in (path, traces_path(path), receipt_path(path)):
        if (RESULTS / file).exists():
            shutil.copy(RESULTS / file, store / file)
    shutil.copy(list_path(RESULTS), list_path(store))
    return store / path


def without_traces(path: Path) -> None:
    document = json.loads(path.read_text())
    del document["traces"]
    for run in document["evaluations"][0]["runs"]:
        del run["lengths"], run["episode_seeds"]
    path.write_text(json.dumps(document))
    traces_path(path).unlink()


def other_returns(path: Path) -> None:
    document = json.loads(path.read_text())
    for run in document["evaluations"][0]["runs"]:
        run["returns"] = [value + 300 for value in run["returns"]]
    path.write_text(json.dumps(document))


def submitted(change: Callable[[Path], object]) -> Callable[[Path], object]:
    """Whoever forges cannot list a file as reproduced."""

    def changed(path: Path) -> None:
        change(path)
        path.write_text(path.read_text().replace('"reproduced"', '"submitted"'))

    return changed


FORGERIES: dict[str, tuple[Callable[[Path], object], str, bool]] = {
    # what is done before a receipt is written by hand; what the checker says; what the page shows
    "no traces": (submitted(without_traces), "there are no action traces", False),
    "no file": (submitted(lambda path: traces_path(path).unlink()), "is missing", False),
    "other returns": (submitted(other_returns), "its actions give", True),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_receipt_written_by_hand_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dm_control")
    change, words, believed = FORGERIES[name]
    path = one_entry(tmp_path)
    change(path)
    write_receipt(path, path.read_bytes(), VERSIONS)
    store = tmp_path / "results"
    (entry,) = read_store(store)
    assert (entry.replayed is not None) == believed  # only playing it can tell that lie
    assert main(["check", "--store", str(store)]) == 1
    assert words in capsys.readouterr().out
    assert not check_file(path, store=store).earned


MALFORMED = {
    "no JSON": "{",
    "a list": "[]",
    "no versions": '{"result_sha256": "x"}',
    "wrong versions": '{"result_sha256": "x", "versions": [1]}',
    "duplicate": '{"versions": {}, "versions": {}, "result_sha256": "x"}',
    "other": '{"versions": {}, "result_sha256": "x"}',
    "empty": "",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_receipt_is_ignored_by_the_page_and_refused_by_the_checker(
    name: str, tmp_path: Path
) -> None:
    path = one_entry(tmp_path)
    receipt_path(path).write_text(MALFORMED[name])
    store = tmp_path / "results"
    assert [entry.replayed for entry in read_store(store)] == [None]
    (problem,) = check_file(path, store=store, replay=False).problems
    assert problem.startswith("receipt: ")
    assert "check --record" in problem


def test_the_remedy_for_a_receipt_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("dm_control")
    path = one_entry(tmp_path)
    before = receipt_path(path).read_bytes()
    receipt_path(path).unlink()
    store = tmp_path / "results"
    assert main(["check", "--record", "--store", str(store)]) == 0
    assert receipt_path(path).read_bytes() == before
    assert "1 passed" in capsys.readouterr().out


# Who may say "reproduced", and what replacing takes away.


def test_reproduced_is_the_word_of_those_who_list_it(tmp_path: Path) -> None:
    path = one_entry(tmp_path)
    store = tmp_path / "results"
    assert check_file(path, store=store, replay=False).ok
    path.write_bytes(path.read_bytes() + b"\n")  # another file than the one that was listed
    receipt_path(path).unlink()
    (problem,) = check_file(path, store=store, replay=False).problems
    assert "kind: 'reproduced' is the word of this project's maintainers" in problem


def test_anybodys_reproduced_is_refused_and_submitted_passes(tmp_path: Path) -> None:
    made = make_entry(Algorithm(name="Mine"), "VD4RL/walker_walk-medium-v0", 84, 0.5)
    path = write_result(tmp_path / "mine.json", made)
    assert check_file(path).ok
    path.write_text(path.read_text().replace('"submitted"', '"reproduced"'))
    assert "'submitted'" in check_file(path).problems[0]


def test_maintainers_list_what_they_reproduced(tmp_path: Path) -> None:
    made = make_entry(Algorithm(name="Mine"), "VD4RL/walker_walk-medium-v0", 84, 0.5)
    path = write_result(tmp_path / "mine.json", made)
    store = tmp_path / "results"
    assert main(["add", str(path), "--store", str(store), "--reproduced"]) == 0
    (entry,) = read_store(store)
    assert entry.result.kind == "reproduced"
    assert check_file(entry.path, store=store).ok
    assert main(["add", str(path), "--store", str(store), "--replace"]) == 0
    assert read_list(store) == {}  # the new file is nobody's reproduction
    assert read_result(entry.path).kind == "submitted"


def test_replacing_takes_the_old_evidence_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = one_entry(tmp_path)
    store = tmp_path / "results"
    new = make_entry(Algorithm(name="Uniform random"), "VD4RL/cheetah_run-random-v0", 64, 0.2)
    assert place_of(new) == CHEETAH
    path = write_result(tmp_path / "new.json", new)
    before = {file: file.read_bytes() for file in store.rglob("*") if file.is_file()}
    assert main(["add", str(path), "--store", str(store)]) == 1  # refused, and nothing changed
    assert {file: file.read_bytes() for file in store.rglob("*") if file.is_file()} == before
    assert main(["add", str(path), "--store", str(store), "--replace"]) == 0
    assert [file.name for file in store.rglob("*") if file.is_file()] == [old.name]
    assert main(["check", "--store", str(store)]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out


def test_evidence_of_a_result_that_names_none_is_a_stray(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_entry(Algorithm(name="Mine"), "VD4RL/walker_walk-medium-v0", 84, 0.5)
    store = tmp_path / "results"
    path = store / place_of(made)
    path.parent.mkdir(parents=True)
    write_result(path, made)
    traces_path(path).write_bytes(bytes(24))
    assert main(["check", "--store", str(store)]) == 1
    assert f"{traces_path(path)}: does not belong" in capsys.readouterr().out
