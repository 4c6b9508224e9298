"""What holds on a GPU. Without one, all of it is skipped."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.bench.capture import CapturedUpdate  # noqa: E402
from baselines.bench.metrics import read_metrics  # noqa: E402
from baselines.bench.registry import ALGORITHMS  # noqa: E402
from baselines.bench.settings import Machine  # noqa: E402
from tests.baselines.conftest import PHASES, inputs_of  # noqa: E402

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

STEPS = 5
IN_PLACE = Machine(device="cuda", workers=1, tensorboard=False, evaluate_beside="never")
"""Processes that play would not know the toy."""
UNCOMPARED = {"seconds", "phase"}


def _moved(record: Any, device: str) -> Any:
    return dataclasses.replace(
        record,
        **{
            field.name: getattr(record, field.name).to(device)
            for field in dataclasses.fields(record)
            if getattr(record, field.name) is not None
        },
    )


def _losses(agent: Any, number: int, inputs: list[tuple[Any, Any]]) -> np.ndarray:
    phase, found = agent.phases()[number], []
    for batch, noise in inputs:
        metrics = phase.update(_moved(batch, agent.device), _moved(noise, agent.device))
        found.append([float(metrics[name]) for name in phase.metrics])
    return np.array(found)


@pytest.fixture(autouse=True)
def exact() -> Any:
    """Products in full float32."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.mark.parametrize(("name", "number"), PHASES)
def test_updates_on_cpu_and_gpu_agree(make_agent: Any, name: str, number: int) -> None:
    cpu, gpu = make_agent(name), make_agent(name, device="cuda")
    for network, other in zip(cpu.networks.values(), gpu.networks.values(), strict=True):
        for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
            assert torch.equal(ours, theirs.cpu())
    inputs = inputs_of(cpu, number, STEPS)
    ours, theirs = _losses(cpu, number, inputs), _losses(gpu, number, inputs)
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(("name", "number"), PHASES)
def test_a_captured_update_is_the_update(make_agent: Any, name: str, number: int) -> None:
    plain, captured = make_agent(name, device="cuda"), make_agent(name, device="cuda")
    phase = captured.phases()[number]
    sums = torch.zeros(len(phase.metrics), device="cuda")

    def update(batch: Any, noise: Any) -> None:
        metrics = phase.update(batch, noise)
        sums.add_(torch.stack([metrics[each] for each in phase.metrics]))

    replay: Any = None
    inputs = inputs_of(make_agent(name), number, STEPS)
    for batch, noise in ((_moved(b, "cuda"), _moved(n, "cuda")) for b, n in inputs):
        if replay is None:
            replay = CapturedUpdate(update, batch, noise, [*captured.tensors(), sums])
            assert not sums.any()
        replay(batch, noise)
    expected = _losses(plain, number, inputs).sum(0)
    np.testing.assert_allclose(sums.cpu().numpy(), expected, rtol=2e-3, atol=2e-4)
    for ours, theirs in zip(plain.tensors(), captured.tensors(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "number"), PHASES)
def test_bfloat16_loses_little(make_agent: Any, name: str, number: int) -> None:
    exact, rounded = (
        make_agent(name, device="cuda", precision=precision)
        for precision in ("float32", "bfloat16")
    )
    inputs = inputs_of(make_agent(name), number, 1)
    ours, theirs = _losses(exact, number, inputs), _losses(rounded, number, inputs)
    assert not np.array_equal(ours, theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("name", "number"), PHASES)
def test_nothing_waits_for_the_device(make_agent: Any, name: str, number: int) -> None:
    agent = make_agent(name, device="cuda")
    phase, generator = agent.phases()[number], torch.Generator("cuda").manual_seed(0)
    ((batch, noise),) = inputs_of(agent, number, 1)
    phase.update(batch, noise)
    torch.cuda.set_sync_debug_mode("error")
    try:
        phase.update(batch, phase.draw(1, generator))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(("name", "number"), PHASES)
def test_compiled_networks_are_the_networks(make_agent: Any, name: str, number: int) -> None:
    plain, compiled = make_agent(name, device="cuda"), make_agent(name, device="cuda")
    compiled.compile()
    assert list(plain.state()["networks"]["actor"]) == list(compiled.state()["networks"]["actor"])
    inputs = inputs_of(make_agent(name), number, 2)
    ours, theirs = _losses(plain, number, inputs), _losses(compiled, number, inputs)
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_runs_with_and_without_graph_and_resident_frames_agree(run: Any, name: str) -> None:
    machines = [
        dataclasses.replace(IN_PLACE, storage=storage, cuda_graph=graph)
        for storage, graph in (("device", True), ("stream", True), ("device", False))
    ]
    losses = [
        [line[key] for line in read_metrics(folder) for key in line if key not in UNCOMPARED]
        for folder in (
            run(str(number), algorithm=name, machine=machine, hyper={"precision": "float32"})
            for number, machine in enumerate(machines)
        )
    ]
    for other in losses[1:]:
        np.testing.assert_allclose(losses[0], other, rtol=5e-3, atol=1e-3)


@pytest.mark.parametrize("storage", ["device", "stream"])
def test_stopped_and_gone_on_with(run: Any, storage: Any) -> None:
    def stop(step: int, _: str) -> None:
        if step >= 6:
            raise KeyboardInterrupt

    machine = dataclasses.replace(IN_PLACE, storage=storage)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", progress=stop, machine=machine)
    again = read_metrics(run("stopped", machine=machine))
    whole = read_metrics(run("whole", machine=machine))
    assert [line["step"] for line in again] == [line["step"] for line in whole]
    for ours, theirs in zip(again, whole, strict=True):
        for key in ("critic_loss", "actor_bc_loss", "batch_reward"):
            assert ours[key] == pytest.approx(theirs[key], rel=5e-3, abs=1e-3)
