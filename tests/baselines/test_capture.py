"""The capture's bookkeeping, with a stand-in for the GPU: a graph that calls what it recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench import capture, stepping  # noqa: E402
from baselines.bench.stepping import Stepper  # noqa: E402
from tests.baselines.conftest import PHASES, inputs_of  # noqa: E402

STEPS = 4


class _Graph:
    """Calls, on replay, the update with the very tensors that were there when it was captured."""

    captured: Any = None

    def replay(self) -> None:
        update, batch, noise = _Graph.captured
        update(batch, noise)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SimpleNamespace(wait_stream=lambda _: None)

    @contextlib.contextmanager
    def nothing(*_: Any, **__: Any) -> Iterator[None]:
        yield

    fakes = {
        "Stream": lambda: stream,
        "current_stream": lambda: stream,
        "stream": nothing,
        "graph": nothing,
        "CUDAGraph": _Graph,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)


@pytest.mark.parametrize(("name", "number"), PHASES)
@pytest.mark.usefixtures("stand_in")
def test_a_capture_leaves_no_trace_and_replays_see_new_inputs(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    class Recorded(capture.CapturedUpdate):
        def __init__(self, update: Any, batch: Any, noise: Any, changed: Any) -> None:
            super().__init__(update, batch, noise, changed)
            _Graph.captured = (update, self._batch, self._noise)

    monkeypatch.setattr(stepping, "CapturedUpdate", Recorded)
    means = []
    agents = []
    for captured in (False, True):
        agent = make_agent(name)
        batches = iter([batch for batch, _ in inputs_of(agent, number, STEPS)])
        phase = agent.phases()[number]
        stepper = Stepper(agent, phase, batches, torch.Generator().manual_seed(0))
        stepper._captured = captured  # what a CUDA device would mean
        for step in range(STEPS):
            stepper.advance(step)
        means.append(stepper.take_means())
        agents.append(agent)
    assert means[0] == means[1]
    for ours, theirs in zip(*(agent.tensors() for agent in agents), strict=True):
        assert torch.equal(ours, theirs)
