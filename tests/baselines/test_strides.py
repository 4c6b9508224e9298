"""What a run writes comes back, whatever the layout of its arrays in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.bench.run_folder import RunFolder  # noqa: E402
from tests.strides import LAYOUTS, strided  # noqa: E402
from vd4rl_data.evaluation import ActionTrace, Evaluation  # noqa: E402


@pytest.mark.parametrize("layout", LAYOUTS)
def test_evaluations(tmp_path: Path, layout: str) -> None:
    rng = np.random.default_rng(0)
    actions = [rng.uniform(-1, 1, (5, 3)).astype(np.float32) for _ in range(2)]
    returns = np.array([1.0, 2.0])
    made = Evaluation(
        returns=strided(returns, layout),
        lengths=np.array([5, 5]),
        successes=np.array([True, False]),
        final_successes=np.array([False, True]),
        traces=tuple(ActionTrace(n, strided(each, layout)) for n, each in enumerate(actions)),
    )
    RunFolder(tmp_path).save_evaluation(made)
    found = RunFolder(tmp_path).load_evaluation()
    assert found is not None
    np.testing.assert_array_equal(found.returns, returns)
    np.testing.assert_array_equal(found.successes, [True, False])
    np.testing.assert_array_equal(found.final_successes, [False, True])
    for trace, expected in zip(found.traces, actions, strict=True):
        np.testing.assert_array_equal(trace.actions, expected)


@pytest.mark.parametrize("layout", ["transposed", "channels last", "every second", "expanded"])
def test_checkpoints(tmp_path: Path, layout: str) -> None:
    weight = torch.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    given = {
        "transposed": weight.permute(3, 2, 1, 0),
        "channels last": weight.to(memory_format=torch.channels_last),
        "every second": weight[..., ::2],
        "expanded": weight[:1].expand(7, 3, 4, 5),
    }[layout]
    expected = torch.from_numpy(given.numpy().copy())
    folder = RunFolder(tmp_path)
    folder.save_checkpoint({"algorithm": "bc", "agent": given})
    found = folder.load_checkpoint("bc")
    assert found is not None
    assert torch.equal(found["agent"], expected)
