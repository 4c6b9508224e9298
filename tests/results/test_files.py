"""Result files: writing, reading, the three lines, the schema."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.results.making import ID, PROTOCOL, make_result, make_runs
from vd4rl_data.errors import InvalidIdError, InvalidResultError
from vd4rl_data.evaluation import ActionTrace
from vd4rl_data.results import (
    Algorithm,
    RunResult,
    format_result,
    make_submission,
    parse_result,
    read_result,
    read_traces,
    result_paths,
    write_result,
)
from vd4rl_data.results.schema import make_json_schema
from vd4rl_data.results.traces import traces_path, unpack_actions


def test_a_result_survives_its_file() -> None:
    result = make_result()
    data = format_result(result)
    assert parse_result(data) == result
    assert format_result(parse_result(data)) == data


def test_the_file_is_made_for_reviewers() -> None:
    lines = format_result(make_result(note="[\n1\n]")).decode().splitlines()
    assert max(map(len, lines)) < 120
    assert any(line.strip().startswith('"returns": [') and line.endswith("],") for line in lines)
    assert parse_result(format_result(make_result(note="[\n 1\n]"))).note == "[\n 1\n]"


@pytest.mark.parametrize(
    "value", [1, 1.0, True, None, "1", "", (), (1, 2.5, "x", None, False), -(2**53) + 1, 1e-300]
)
def test_a_hyperparameter_keeps_value_and_type(value: object) -> None:
    back = parse_result(format_result(make_result(hyperparameters={"h": value})))
    assert repr(back.hyperparameters["h"]) == repr(value)


def test_three_lines_are_enough(tmp_path: Path) -> None:
    path = make_submission("Mine", ID, make_runs(), PROTOCOL).write(tmp_path / "mine.json")
    result = read_result(path)
    assert (result.benchmark, result.image_size) == ("VD4RL/walker_walk-medium-v0", 84)
    assert (result.protocol.seeds, result.protocol.episodes) == (3, 4)
    assert result.evaluations[0].runs[1].returns == tuple(make_runs()[1].tolist())
    assert not traces_path(path).exists()


@dataclass(frozen=True)
class Played:
    """What an evaluation returns, as far as it matters."""

    returns: np.ndarray
    traces: tuple[ActionTrace, ...]


def played(seed: int, lengths: tuple[int, ...] = (3, 5)) -> Played:
    rng = np.random.default_rng(seed)
    traces = tuple(
        ActionTrace(100 * seed + i, rng.uniform(-1, 1, (length, 6)).astype(np.float32))
        for i, length in enumerate(lengths)
    )
    return Played(rng.uniform(0, 10, len(lengths)), traces)


def test_traces_come_back_bit_for_bit(tmp_path: Path) -> None:
    runs = {seed: played(seed) for seed in range(3)}
    path = make_submission("Mine", ID, runs, PROTOCOL).write(tmp_path / "mine.json")
    result = read_result(path)
    episodes = list(unpack_actions(result, read_traces(path, result)))
    wanted = [(seed, trace) for seed, run in runs.items() for trace in run.traces]
    assert len(episodes) == len(wanted)
    for episode, (seed, trace) in zip(episodes, wanted, strict=True):
        assert (episode.run_seed, episode.episode_seed) == (seed, trace.seed)
        assert episode.actions.tobytes() == trace.actions.tobytes()
        assert episode.claimed_return == runs[seed].returns[episode.episode]


@pytest.mark.parametrize("change", ["short", "long", "other", "missing", "link"])
def test_altered_traces_are_refused(tmp_path: Path, change: str) -> None:
    path = make_submission("Mine", ID, {s: played(s) for s in range(3)}, PROTOCOL).write(
        tmp_path / "mine.json"
    )
    file = traces_path(path)
    data = file.read_bytes()
    if change in ("missing", "link"):
        file.rename(tmp_path / "elsewhere")
    if change == "link":
        file.symlink_to(tmp_path / "elsewhere")
    else:
        changed = {"short": data[:-4], "long": data + bytes(4), "other": bytes(4) + data[4:]}
        if change in changed:
            file.write_bytes(changed[change])
    with pytest.raises((InvalidResultError, FileNotFoundError)):
        read_traces(path, read_result(path))


def test_a_result_with_traces_is_not_written_without_them(tmp_path: Path) -> None:
    submission = make_submission("Mine", ID, {s: played(s) for s in range(3)}, PROTOCOL)
    with pytest.raises(InvalidResultError, match="0 bytes"):
        write_result(tmp_path / "mine.json", submission.result)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "bad", ["walker", "VD4RL/walker_walk-medium-v0", "VD4RL/walker-foo-64px-v0"]
)
def test_what_is_no_dataset_id_is_refused(bad: str) -> None:
    with pytest.raises(InvalidIdError):
        make_submission("Mine", bad, make_runs(), PROTOCOL)


def test_runs_of_different_lengths_are_refused() -> None:
    runs = make_runs() | {7: np.array([1.0])}
    with pytest.raises(InvalidResultError, match=r"runs\[3\].*there are 1 returns"):
        make_submission("Mine", ID, runs, PROTOCOL)


def test_every_problem_is_named_at_once() -> None:
    document = json.loads(format_result(make_result()))
    document["image_size"] = "84"
    document["surprise"] = 1
    del document["benchmark"]
    with pytest.raises(InvalidResultError) as caught:
        parse_result(json.dumps(document).encode())
    assert len(caught.value.problems) == 3
    for words in ("image_size: expected", "no field 'surprise'", "'benchmark' is missing"):
        assert words in str(caught.value)


def test_every_field_of_every_class_is_documented_or_says_its_type() -> None:
    properties = make_json_schema()["properties"]
    assert list(properties) == [field.name for field in dataclasses.fields(RunResult)]


def test_published_schema_is_a_schema_and_takes_our_files() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = make_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(format_result(make_result())))


@pytest.mark.parametrize(
    "name", ["a\nb", "a\u202eb", "a\u0000", "", "x" * 201, "\u200b", "a\u2028"]
)
def test_names_that_hide_something_are_refused(name: str) -> None:
    with pytest.raises(InvalidResultError, match=r"algorithm\.name"):
        format_result(make_result(algorithm=Algorithm(name=name)))


@pytest.mark.parametrize(
    "address",
    ["http://a.b/", "javascript:alert(1)", "https://", "https://a b", "//a.b", "https://a.b/\n"],
)
def test_only_https_addresses_are_links(address: str) -> None:
    with pytest.raises(InvalidResultError, match=r"algorithm\.paper"):
        format_result(make_result(algorithm=Algorithm(name="x", paper=address)))


def test_half_a_surrogate_pair_is_refused() -> None:
    text = format_result(make_result()).decode().replace("DrQ+BC", "\\ud800")
    with pytest.raises(InvalidResultError, match=r"algorithm\.name"):
        parse_result(text.encode())


def test_notes_of_replays_are_no_results(tmp_path: Path) -> None:
    for name in ("b.json", "a/a.json", "a/a.replayed.json", "a/a.actions"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert result_paths(tmp_path) == [tmp_path / "a" / "a.json", tmp_path / "b.json"]
