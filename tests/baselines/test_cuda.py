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
from tests.baselines.conftest import random_batch  # noqa: E402

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

STEPS = 5


def _moved(record: Any, device: str) -> Any:
    return dataclasses.replace(
        record,
        **{
            field.name: getattr(record, field.name).to(device)
            for field in dataclasses.fields(record)
            if getattr(record, field.name) is not None
        },
    )


def _inputs(agent: Any) -> list[tuple[Any, Any]]:
    """Batches and noise on the CPU; the noise is drawn by an agent of the CPU."""
    generator = torch.Generator().manual_seed(0)
    return [(random_batch(step), agent.draw(step, generator)) for step in range(STEPS)]


def _losses(agent: Any, inputs: list[tuple[Any, Any]]) -> np.ndarray:
    found = []
    for batch, noise in inputs:
        metrics = agent.update(_moved(batch, agent.device), _moved(noise, agent.device))
        found.append([float(metrics[name]) for name in agent.METRICS])
    return np.array(found)


@pytest.fixture(autouse=True)
def exact() -> Any:
    """Products in full float32."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.mark.parametrize("name", ALGORITHMS)
def test_updates_on_cpu_and_gpu_agree(make_agent: Any, name: str) -> None:
    cpu, gpu = make_agent(name), make_agent(name, device="cuda")
    for network, other in zip(cpu.networks.values(), gpu.networks.values(), strict=True):
        for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
            assert torch.equal(ours, theirs.cpu())
    inputs = _inputs(cpu)
    np.testing.assert_allclose(_losses(cpu, inputs), _losses(gpu, inputs), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_captured_update_is_the_update(make_agent: Any, name: str) -> None:
    plain, captured = make_agent(name, device="cuda"), make_agent(name, device="cuda")
    sums = torch.zeros(len(plain.METRICS), device="cuda")

    def update(batch: Any, noise: Any) -> None:
        metrics = captured.update(batch, noise)
        sums.add_(torch.stack([metrics[each] for each in captured.METRICS]))

    replay: Any = None
    inputs = _inputs(make_agent(name))
    for batch, noise in ((_moved(b, "cuda"), _moved(n, "cuda")) for b, n in inputs):
        if replay is None:
            replay = CapturedUpdate(update, batch, noise, [*captured.tensors(), sums])
            assert not sums.any()
        replay(batch, noise)
    expected = _losses(plain, inputs).sum(0)
    np.testing.assert_allclose(sums.cpu().numpy(), expected, rtol=2e-3, atol=2e-4)
    for ours, theirs in zip(plain.tensors(), captured.tensors(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_bfloat16_loses_little(make_agent: Any, name: str) -> None:
    exact, rounded = (
        make_agent(name, device="cuda", precision=precision)
        for precision in ("float32", "bfloat16")
    )
    inputs = _inputs(make_agent(name))[:1]
    ours, theirs = _losses(exact, inputs), _losses(rounded, inputs)
    assert not np.array_equal(ours, theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_nothing_waits_for_the_device(make_agent: Any, name: str) -> None:
    agent = make_agent(name, device="cuda")
    generator = torch.Generator("cuda").manual_seed(0)
    batch = _moved(random_batch(), "cuda")
    agent.update(batch, agent.draw(0, generator))
    torch.cuda.set_sync_debug_mode("error")
    try:
        agent.update(batch, agent.draw(1, generator))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_compiled_networks_are_the_networks(make_agent: Any, name: str) -> None:
    plain, compiled = make_agent(name, device="cuda"), make_agent(name, device="cuda")
    compiled.compile()
    assert list(plain.state()["networks"]["actor"]) == list(compiled.state()["networks"]["actor"])
    inputs = _inputs(make_agent(name))[:2]
    ours, theirs = _losses(plain, inputs), _losses(compiled, inputs)
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_runs_with_and_without_graph_and_resident_frames_agree(run: Any, name: str) -> None:
    machines = [
        Machine(device="cuda", workers=1, tensorboard=False, storage=storage, cuda_graph=graph)
        for storage, graph in (("device", True), ("stream", True), ("device", False))
    ]
    losses = [
        [[line[key] for key in line if key != "seconds"] for line in read_metrics(folder)]
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

    machine = Machine(device="cuda", workers=1, tensorboard=False, storage=storage)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", progress=stop, machine=machine)
    again = read_metrics(run("stopped", machine=machine))
    whole = read_metrics(run("whole", machine=machine))
    assert [line["step"] for line in again] == [line["step"] for line in whole]
    for ours, theirs in zip(again, whole, strict=True):
        for key in ("critic_loss", "actor_bc_loss", "batch_reward"):
            assert ours[key] == pytest.approx(theirs[key], rel=5e-3, abs=1e-3)
