"""Offline reinforcement learning from pixels, behind one API.

Importing the package registers every dataset id with Gymnasium and does nothing else: simulators
and torch are imported, and files opened, only when they are needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from vd4rl_data.envs.registration import register_environments as _register_environments
from vd4rl_data.plugins import load_plugins as _load_plugins
from vd4rl_data.registry import list_datasets as list_datasets
from vd4rl_data.spec import DatasetSpec as DatasetSpec
from vd4rl_data.spec import TaskSpec as TaskSpec
from vd4rl_data.suites import register_all as _register_all
from vd4rl_data.version import __version__ as __version__

if TYPE_CHECKING:
    from vd4rl_data.dataset import Dataset as Dataset
    from vd4rl_data.dataset import ReplayBuffer as ReplayBuffer
    from vd4rl_data.dataset import get_dataset as get_dataset
    from vd4rl_data.dataset import load_dataset as load_dataset
    from vd4rl_data.dataset import qlearning_dataset as qlearning_dataset
    from vd4rl_data.dataset import sequence_dataset as sequence_dataset
    from vd4rl_data.envs import make_env as make_env
    from vd4rl_data.episode import Episode as Episode
    from vd4rl_data.evaluation import Evaluation as Evaluation
    from vd4rl_data.evaluation import evaluate as evaluate
    from vd4rl_data.frames import FrameArray as FrameArray
    from vd4rl_data.sampling import Mixture as Mixture
    from vd4rl_data.sampling import Replaceable as Replaceable
    from vd4rl_data.sampling import Selection as Selection
    from vd4rl_data.sampling import Views as Views
    from vd4rl_data.stacks import stacked as stacked

_HOMES: Final = {
    "Dataset": "vd4rl_data.dataset",
    "Episode": "vd4rl_data.episode",
    "Evaluation": "vd4rl_data.evaluation",
    "FrameArray": "vd4rl_data.frames",
    "Mixture": "vd4rl_data.sampling",
    "ReplayBuffer": "vd4rl_data.dataset",
    "Replaceable": "vd4rl_data.sampling",
    "Selection": "vd4rl_data.sampling",
    "Views": "vd4rl_data.sampling",
    "evaluate": "vd4rl_data.evaluation",
    "get_dataset": "vd4rl_data.dataset",
    "load_dataset": "vd4rl_data.dataset",
    "make_env": "vd4rl_data.envs",
    "qlearning_dataset": "vd4rl_data.dataset",
    "sequence_dataset": "vd4rl_data.dataset",
    "stacked": "vd4rl_data.stacks",
}
"""Public names that are imported on first use, and their modules."""

__all__ = [
    "Dataset",
    "DatasetSpec",
    "Episode",
    "Evaluation",
    "FrameArray",
    "Mixture",
    "Replaceable",
    "ReplayBuffer",
    "Selection",
    "TaskSpec",
    "Views",
    "__version__",
    "evaluate",
    "get_dataset",
    "list_datasets",
    "load_dataset",
    "make_env",
    "qlearning_dataset",
    "sequence_dataset",
    "stacked",
]

_register_all()
_load_plugins()
_register_environments()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vd4rl_data' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
