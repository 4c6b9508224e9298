"""A run is its settings, its data and its code: what differs is told apart, and never merged."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench import provenance  # noqa: E402
from baselines.bench.presets import departures, describe, is_plain, preset_settings  # noqa: E402
from baselines.bench.registry import ALGORITHMS  # noqa: E402
from baselines.bench.report import collect_groups, find_published, make_table  # noqa: E402
from baselines.bench.report_files import LIST, write_report  # noqa: E402
from baselines.bench.result import make_result  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.bench.settings import PRESETS, RunSettings  # noqa: E402
from baselines.errors import InvalidSettingError  # noqa: E402
from tests.disk import snapshot  # noqa: E402
from vd4rl_data.results import read_result  # noqa: E402
from vd4rl_data.results.files import RECEIPT_SUFFIX  # noqa: E402
from vd4rl_data.results.model import RunResult  # noqa: E402

ID = "VD4RL/walker_walk-medium-64px-v0"


def _paper(**changes: Any) -> RunSettings:
    hyper, protocol = preset_settings("bc", ID, "paper")
    for name, value in changes.items():
        if hasattr(hyper, name):
            hyper = dataclasses.replace(hyper, **{name: value})
        else:
            protocol = dataclasses.replace(protocol, **{name: value})
    return RunSettings(algorithm="bc", dataset=ID, hyperparameters=hyper, protocol=protocol)


def _other(value: Any) -> Any:
    """A value of the same kind."""
    if value is None:
        return 3
    return "float32" if isinstance(value, str) else value / 2 if value not in (0, 1) else 2


def test_what_departs_from_its_preset_says_so() -> None:
    assert is_plain(_paper())
    assert describe(_paper(steps=10, learning_rate=0.5)) == "paper, steps=10, learning_rate=0.5"
    assert describe(_paper(max_episodes=20)) == "paper, max_episodes=20"


@pytest.mark.parametrize(
    ("algorithm", "preset"),
    [
        (algorithm, preset)
        for algorithm in ALGORITHMS
        for preset in PRESETS
        if algorithm not in ("moto", "dreamer_v2") or preset != "official_code"  # never published
    ],
)
def test_every_setting_shows_when_it_departs(algorithm: str, preset: Any) -> None:
    """Of every algorithm, whatever its settings are."""
    hyper, protocol = preset_settings(algorithm, ID, preset)
    settings = RunSettings(
        algorithm=algorithm, dataset=ID, preset=preset, hyperparameters=hyper, protocol=protocol
    )
    assert departures(settings) == {}
    assert describe(settings) == preset
    for part in ("hyperparameters", "protocol"):
        record = getattr(settings, part)
        for field in dataclasses.fields(record):
            value = getattr(record, field.name)
            other = int(_other(value)) if isinstance(value, int) else _other(value)
            changed = dataclasses.replace(record, **{field.name: other})
            departed = dataclasses.replace(settings, **{part: changed})
            assert departures(departed) == {field.name: other}
            assert not is_plain(departed)
            assert f"{field.name}={other}" in describe(departed)


def test_long_descriptions_are_cut_and_stay_apart() -> None:
    many: dict[str, Any] = {
        "steps": 12_345,
        "batch_size": 17,
        "learning_rate": 1 / 3,
        "frame_stack": 2,
        "feature_dim": 31,
        "hidden_dim": 33,
        "stddev_start": 1 / 7,
        "stddev_end": 1 / 9,
        "stddev_clip": 1 / 11,
    }
    texts = {describe(_paper(**{**many, "stddev_clip": value})) for value in (0.01, 0.02, 0.03)}
    assert len(texts) == 3
    for text in texts:
        assert len(text) <= 140
        assert text.startswith("paper, steps=12345, ")
        assert " more changes (" in text


@pytest.fixture
def edited(run: Any) -> Callable[..., RunFolder]:
    """Train two steps into a folder, then change what was noted of data or code."""

    def make(name: str, *, facts: dict[str, Any] | None = None, **changes: Any) -> RunFolder:
        folder = run(name, hyper={"steps": 2, **changes.pop("hyper", {})}, **changes)
        path = folder.path / "facts.json"
        found = folder.facts()
        for key, value in (facts or {}).items():
            *parents, last = key.split(".")
            place = found
            for parent in parents:
                place = place[parent]
            place[last] = value
        path.write_text(json.dumps(found))
        return folder

    return make


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "data": ({"data.content_sha256": [hashlib.sha256(b"other").hexdigest()]}, "data: "),
    "number of episodes": ({"data.episodes": 3}, "data: "),
    "sources": ({"code_sha256": hashlib.sha256(b"other").hexdigest()}, "code: "),
    "torch": ({"versions.torch": "1.0"}, "code: "),
    "simulator": ({"versions.mujoco": "1.0"}, "code: "),
    "a session with other code": (
        {
            "later": [
                {
                    "step": 1,
                    "code_sha256": hashlib.sha256(b"other").hexdigest(),
                    "commit": None,
                    "versions": {},
                    "device": "another",
                }
            ]
        },
        "code: ",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_runs_on_other_data_or_code_are_not_merged(
    edited: Any, tmp_path: Path, name: str, blob_root: Path
) -> None:
    facts, message = OTHERS[name]
    runs = [edited("a"), edited("b", seed=1, facts=facts)]
    with pytest.raises(InvalidSettingError, match="may differ in their seeds alone") as refused:
        make_result(runs)
    assert message in str(refused.value)
    groups = collect_groups(tmp_path)
    assert [len(group.runs) for group in groups] == [1, 1]
    kind = message[:4]
    assert all(f", {kind} " in group.label for group in groups)
    assert groups[0].label != groups[1].label
    assert len(_results(groups, tmp_path / "report")) == 2


SAME: dict[str, dict[str, Any]] = {
    "another build of torch": {"versions.torch": "2.13.0+cu130"},
    "another Python": {"versions.python": "3.99"},
    "another commit with the same sources": {"commit": "1" * 40},
    "another device": {"device": "another", "threads": 64},
}


@pytest.mark.parametrize("name", SAME)
def test_what_does_not_decide_numbers_is_merged(edited: Any, name: str) -> None:
    facts = dict(SAME[name])
    if "versions.torch" in facts:
        facts["versions.torch"] = torch.__version__.partition("+")[0] + "+cu130"
    made = make_result([edited("a"), edited("b", seed=1, facts=facts)]).result
    assert made.protocol.seeds == 2
    assert made.compute is not None
    if "commit" in facts:
        assert made.algorithm.commit is None
    if "device" in facts:
        assert (made.compute.hardware or "").endswith(", another")


def test_a_seed_counts_once(edited: Any, tmp_path: Path, blob_root: Path) -> None:
    first = edited("a")
    shutil.copytree(first.path, tmp_path / "copy")
    (group,) = collect_groups(tmp_path)
    assert len(group.runs) == 1
    copy = RunFolder(tmp_path / "copy")
    with pytest.raises(InvalidSettingError, match="the same seed, 0: one run counts once"):
        make_result([first, copy])
    curve = copy.curve()
    copy.save_curve([{**curve[-1], "returns": [1.0, 2.0]}])
    with pytest.raises(InvalidSettingError, match="and other numbers"):
        collect_groups(tmp_path)


def test_groups_that_differ_in_a_hyperparameter_keep_their_files(
    edited: Any, tmp_path: Path, blob_root: Path
) -> None:
    for number, rate in enumerate((1e-4, 2e-4, 3e-4)):
        edited(f"rate{number}", hyper={"learning_rate": rate})
    edited("evaluated_more", protocol=_protocol(evaluation_episodes=3))
    groups = collect_groups(tmp_path)
    assert len({group.label for group in groups}) == 4
    table = make_table(groups)
    assert "(paper, steps=2, batch_size=6, learning_rate=0.0003, feature_dim=8," in table
    results = _results(groups, tmp_path / "report")
    assert len(results) == 4
    labels = {result.algorithm.label for result in results}
    assert len(labels) == 4
    assert all((label or "").startswith("this project, paper, steps=2, ") for label in labels)
    assert {result.hyperparameters["learning_rate"] for result in results} == {1e-4, 2e-4, 3e-4}


def _protocol(**changes: Any) -> Any:
    from baselines.bench.settings import Protocol

    return Protocol(**{"evaluate_every": 5, "evaluation_episodes": 2, "log_every": 3, **changes})


def _results(groups: Any, folder: Path) -> list[RunResult]:
    paths = [path for path in write_report(groups, folder) if path.suffix == ".json"]
    return [read_result(path) for path in dict.fromkeys(paths)]


def test_a_report_replaces_its_own_files_and_no_others(
    edited: Any, tmp_path: Path, blob_root: Path
) -> None:
    edited("a")
    out = tmp_path / "report"
    first = {path.name for path in write_report(collect_groups(tmp_path), out)}
    edited("a", hyper={"steps": 3})
    second = {path.name for path in write_report(collect_groups(tmp_path), out)}
    names = {path.name for path in out.iterdir() if path.suffix != ".actions"}
    assert names == {*second, LIST}  # the result of the shorter run is gone
    assert first != second
    (out / "table.md").write_text("notes of mine")
    before = snapshot(out)
    with pytest.raises(FileExistsError, match="was changed since"):
        list(write_report(collect_groups(tmp_path), out))
    assert snapshot(out) == before


def test_a_report_that_was_killed_can_be_written_again(
    edited: Any, tmp_path: Path, blob_root: Path
) -> None:
    edited("a")
    writing = iter(write_report(collect_groups(tmp_path), tmp_path / "report"))
    next(writing)
    writing.close()
    assert list(write_report(collect_groups(tmp_path), tmp_path / "report"))


def test_a_replayed_result_in_the_store_is_no_obstacle(tmp_path: Path) -> None:
    """Notes of replays lie beside results and are none."""
    from baselines.bench.report import STORE

    folder = Path("VD4RL") / "walker_walk-medium-v0"
    shutil.copytree(STORE / folder, tmp_path / folder)
    some = sorted((tmp_path / folder).glob("*.json"))[0]
    some.with_name(some.stem + RECEIPT_SUFFIX).write_text('{"result_sha256": "", "versions": {}}')
    found = find_published(_paper(), tmp_path)
    assert found == find_published(_paper(), STORE)
    assert found is not None


def test_what_a_run_goes_on_with_is_noted(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run("a", hyper={"steps": 2})
    assert "later" not in first.facts()
    run("a", hyper={"steps": 3})
    assert "later" not in first.facts()  # the same code on the same machine
    here = provenance.code_facts()
    other = {**here, "code_sha256": "1" * 64, "modified": True}
    monkeypatch.setattr(provenance, "code_facts", lambda: other)
    run("a", hyper={"steps": 4})
    (later,) = first.facts()["later"]
    assert (later["step"], later["code_sha256"]) == (3, "1" * 64)
    assert read_result(first.result_path).algorithm.commit is None
    monkeypatch.setattr(provenance, "code_facts", lambda: here)
    run("a", hyper={"steps": 5})
    assert [each["code_sha256"] for each in first.facts()["later"]] == [
        "1" * 64,
        here["code_sha256"],
    ]


def test_a_session_without_a_checkpoint_leaves_no_trace(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.note(0, {"code": "a"}, {})
    folder.note(10, {"code": "b"}, {})
    folder.note(10, {"code": "a"}, {})
    assert folder.facts()["later"] == []
    folder.note(20, {"code": "b"}, {})
    folder.note(30, {"code": "b"}, {})
    assert folder.facts()["later"] == [{"step": 20, "code": "b"}]


def test_sources_that_decide_nothing_are_there(repository: Path) -> None:
    """The list names no file that is gone."""
    for folder, names in provenance.NOT_DECIDING.items():
        for name in names:
            assert (repository / folder / name).exists(), name


def test_the_hash_of_the_sources(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name for name, _ in provenance._sources()}
    assert {"baselines/bench/training.py", "baselines/algorithms/bc.py"} <= names
    assert {"vd4rl_data/__init__.py", "vd4rl_data/seeding.py"} <= names
    assert not {"baselines/bench/report.py", "vd4rl_data/cli/__init__.py"} & names
    before = provenance.hash_sources()
    assert before == provenance.hash_sources()
    path = repository / "baselines" / "bench" / "training.py"
    monkeypatch.setattr(provenance, "_sources", lambda: iter([("a", path), ("b", path)]))
    other = provenance.hash_sources()
    monkeypatch.setattr(provenance, "_sources", lambda: iter([("a", path), ("c", path)]))
    assert len({before, other, provenance.hash_sources()}) == 3
