"""The samplers as PyTorch tensors, on any device. The only part of the library that imports torch.

The same seed gives the same batches as :mod:`vd4rl_data.sampling`, on every device and with any
number of worker processes: all batches are drawn on the host, by the same code.
"""

from vd4rl_data.errors import MissingDependencyError

try:
    import torch as torch
except ImportError as error:
    raise MissingDependencyError(
        'vd4rl_data.pytorch needs PyTorch: pip install "vd4rl-data[torch]"'
    ) from error

from vd4rl_data.pytorch.batches import TensorSequences as TensorSequences
from vd4rl_data.pytorch.batches import TensorTransitions as TensorTransitions
from vd4rl_data.pytorch.policy import TorchPolicy as TorchPolicy
from vd4rl_data.pytorch.queries import TensorSequenceQuery as TensorSequenceQuery
from vd4rl_data.pytorch.queries import TensorTransitionQuery as TensorTransitionQuery
from vd4rl_data.pytorch.samplers import TorchSequences as TorchSequences
from vd4rl_data.pytorch.samplers import TorchTransitions as TorchTransitions
from vd4rl_data.pytorch.workers import IterableSequences as IterableSequences
from vd4rl_data.pytorch.workers import IterableTransitions as IterableTransitions
