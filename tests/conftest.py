"""Fixtures of all tests: no test touches the user's data folder."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import itertools
import os
import re
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, TypeAlias

import jaxtyping
import pytest

import vd4rl_data  # noqa: F401 - registers every id once
from tests.nursery import Nursery
from tests.slow import SLOW
from vd4rl_data import processor
from vd4rl_data.errors import SlowPrecisionWarning
from vd4rl_data.formats import Format, Sandbox
from vd4rl_data.importing import conversion
from vd4rl_data.paths import ROBEL_WHEEL, robel_wheel
from vd4rl_data.processes import worker
from vd4rl_data.registry import DATASETS
from vd4rl_data.simulators.backends import choose_library

Bfloat16Told: TypeAlias = Callable[[str], AbstractContextManager[dict[str, Any]]]
ROOT = Path(__file__).parents[1]
_ORDER = dict.fromkeys(DATASETS)
# The wheel stays where it is: each test's data folder is empty, and has none.
os.environ[ROBEL_WHEEL] = str(robel_wheel())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests."""
    for item in items:
        names = {item.name, getattr(item, "originalname", None)}
        if names & {*SLOW.get(_place_of(item), ())}:
            item.add_marker("slow")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """The catalog has its order again: rows that a test took out were put back at its end."""
    if [name for name in DATASETS if name in _ORDER] != list(_ORDER):
        rows = {name: DATASETS[name] for name in (*_ORDER, *DATASETS) if name in DATASETS}
        DATASETS.clear()
        DATASETS.update(rows)


def _place_of(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT / "tests").as_posix() if ROOT in item.path.parents else ""


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes empty folders, without a look through the thousands that were made before.

    Their paths are no longer than pytest's: sockets are made in them.
    """
    root, count = tmp_path_factory.getbasetemp(), itertools.count()

    def make(name: str) -> Path:
        folder = root / f"{re.sub(r'[^A-Za-z0-9]', '_', name)[:24]}_{next(count)}"
        folder.mkdir(0o700)
        return folder

    return make


@pytest.fixture
def tmp_path(new_folder: Callable[[str], Path], request: pytest.FixtureRequest) -> Path:
    """As pytest's own, in the time that a folder takes."""
    return new_folder(request.node.name)


@pytest.fixture(autouse=True)
def data_dir(new_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh, empty data folder for each test."""
    folder = new_folder("data_dir")
    monkeypatch.setenv("VD4RL_DATA_DIR", str(folder))
    monkeypatch.delenv("VD4RL_SHARED_DATA_DIRS", raising=False)
    return folder


class _SharedSandbox(Sandbox):
    """It outlives those who close it."""

    def close(self) -> None:
        """Keep it."""


@pytest.fixture(scope="session")
def kept_readers() -> Iterator[dict[Format, Sandbox]]:
    """For each format, the process that reads its files; a start takes longer than most tests."""
    kept: dict[Format, Sandbox] = {}
    yield kept
    for sandbox in kept.values():
        Sandbox.close(sandbox)


@pytest.fixture
def shared_readers(
    kept_readers: dict[Format, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> dict[Format, Sandbox]:
    """Conversions of this process share their reading processes with those of other tests."""

    def reader(kind: Format) -> Sandbox:
        if kind not in kept_readers:
            kept_readers[kind] = _SharedSandbox(kind)
        return kept_readers[kind]

    monkeypatch.setattr(conversion, "Sandbox", reader)
    return kept_readers


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """The process that :func:`warm_workers` are copies of."""
    choose_library()  # it is written to the environment, sooner or later
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def warm_workers(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes have imported the simulators before they start, which takes a second.

    One whose environment might change what they import starts cold, and so do all readers of
    foreign files, whose memory is limited.
    """
    cold = worker.start_interpreter

    def start(errors: IO[bytes] | None, environment: Mapping[str, str]) -> Any:
        if errors is None and nursery.fits(environment):
            return nursery.copy(dict(environment))
        return cold(errors, environment)

    if sys.platform == "linux" and importlib.util.find_spec("dm_control"):
        monkeypatch.setattr(worker, "start_interpreter", start)


@pytest.fixture(scope="module")
def no_type_checks() -> Iterator[None]:
    """As a user runs the library: without the type checks at run time that tests add."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def bfloat16_told(monkeypatch: pytest.MonkeyPatch) -> Bfloat16Told:
    """A context in which the processor has but one flag; the one without bfloat16 is told of.

    Gives the record of the processor that is really here.
    """

    @contextlib.contextmanager
    def told(flag: str) -> Generator[dict[str, Any]]:
        record = processor.find_processor().record()
        pretended = processor.Processor("some processor", "x86_64", 2, (flag,))
        with monkeypatch.context() as patch, contextlib.ExitStack() as stack:
            patch.setattr(processor, "find_processor", lambda: pretended)
            if flag == "avx2":
                match = "some processor .* found avx2"
                stack.enter_context(pytest.warns(SlowPrecisionWarning, match=match))
            yield record

    return told


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes with one core each; the other one has the resource ``second``."""
    pytest.importorskip("ray", reason="needs the extra ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else it writes a token into the home folder
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        made.add_node(num_cpus=1, resources={"second": 1.0})
        try:
            yield made
        finally:
            made.shutdown()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the clone."""
    return ROOT


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported and collected stays: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """One thread per process: tests run in parallel on few cores."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("LP_NUM_THREADS", "0")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started by `nohup … &`: programs under test would inherit that and never be interrupted.
        signal.signal(signal.SIGINT, signal.default_int_handler)
