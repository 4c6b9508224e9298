"""The engine ``ray`` on two nodes: the outcomes of one machine, whatever dies or is late."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.jobs import Square, Squares
from tests.processes.jobs import Sums
from vd4rl_data.errors import ClusterError, CorruptFileError, WorkerError
from vd4rl_data.processes.cluster import Needs, RayEngine

pytestmark = pytest.mark.usefixtures("no_type_checks")


def begun(folder: Path, number: int) -> int:
    """How many processes began an item."""
    return len((folder / str(number)).read_text().splitlines())


def test_errors_and_warnings_come_back_with_the_name_of_the_node(cluster: Any) -> None:
    """Each item in a process of its own, all on the one node with what they need."""
    engine = RayEngine(9, fresh=True, address=cluster.address, needs=Needs(others={"second": 0.9}))
    with engine.open(Sums()) as pool:
        outcomes = list(pool.map(["typed", "unforeseen", "pid", "pid"], keep_going=True))
        with pytest.warns(UserWarning, match="careful"):
            assert [outcome.result for outcome in pool.map(["warn"])] == ["warned"]
    errors = {outcome.item: outcome.error for outcome in outcomes}
    assert isinstance(errors["typed"], CorruptFileError)
    assert re.match(r"node .* \(\w{8}\): a\.h5", str(errors["typed"]))
    assert "KeyError: 'no such thing'" in str(errors["unforeseen"])
    assert len({outcome.result for outcome in outcomes[2:]}) == 2


def test_a_node_that_cannot_open_the_job_is_named(cluster: Any) -> None:
    engine = RayEngine(1, address=cluster.address)
    named = pytest.raises(CorruptFileError, match=r"node .* \(\w{8}\): header")
    with named, engine.open(Sums(bad_start=True)):
        pass


def test_what_no_node_has_is_told(cluster: Any) -> None:
    engine = RayEngine(1, address=cluster.address, needs=Needs(others={"egl": 1.0}))
    told = pytest.raises(ClusterError, match=r"needs, 1 CPU, 1 egl; they have .*1 CPU, 1 second")
    with told, engine.open(Sums()):
        pass


def test_no_cluster_at_the_address() -> None:
    told = pytest.raises(ClusterError, match=r"no Ray cluster at '127.0.0.1:1': .*--head")
    with told, RayEngine(1, address="127.0.0.1:1").open(Sums()):
        pass


def test_items_are_done_and_told_once_whatever_dies_or_is_late(
    cluster: Any, tmp_path: Path
) -> None:
    """A process dies, one is stuck, an item kills all its processes, and at last a node dies."""
    marked = {1: Square(1, "killed"), 3: Square(3, "killed", always=True), 8: Square(8, "stuck")}
    items = [marked.get(number, Square(number)) for number in range(9)]
    told: dict[int, list[int]] = {}

    def tell(item: Square, said: int) -> None:
        told.setdefault(item.number, []).append(said)

    third = cluster.add_node(num_cpus=1)
    with RayEngine(3, address=cluster.address, late=(3.0, 1.0)).open(Squares(tmp_path)) as pool:
        assert len(set(pool.greetings)) == 3
        outcomes = {one.item.number: one for one in pool.map(items, tell, keep_going=True)}
        lost: dict[int, int] = {}
        for outcome in pool.map([Square(number) for number in range(20, 28)]):
            if not lost:
                cluster.remove_node(third, allow_graceful=False)
            lost[outcome.item.number] = outcome.result
    failed = outcomes.pop(3)
    assert isinstance(failed.error, WorkerError)
    assert re.match(r"3 processes died while making item Square.*node ", str(failed.error))
    assert {number: one.result for number, one in outcomes.items()} == {
        number: number**2 for number in range(9) if number != 3
    }
    told.pop(3)
    assert told == {number: [0, 1, 2, 3] for number in range(9) if number != 3}
    assert [begun(tmp_path, number) for number in range(9)] == [1, 2, 1, 3, 1, 1, 1, 1, 2]
    assert lost == {number: number**2 for number in range(20, 28)}
    assert list(tmp_path.glob("closed*"))
