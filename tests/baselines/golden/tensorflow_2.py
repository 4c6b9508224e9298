"""What published code of TensorFlow 2.2 to 2.7 needs to run in TensorFlow 2.15 on a CPU.

    python -m venv tf
    tf/bin/pip install tensorflow-cpu==2.15.1 tensorflow-probability==0.23.0

Importing this module runs functions eagerly, brings back a module that later versions have
dropped, and the optimizer of then.
"""

from __future__ import annotations

import sys
import types

import tensorflow as tf
from tensorflow.keras import layers, mixed_precision

from tests.baselines.waves import fingerprint, weight

tf.config.run_functions_eagerly(True)
_old = types.ModuleType("tensorflow.keras.mixed_precision.experimental")
_old.global_policy = mixed_precision.global_policy
mixed_precision.experimental = _old
sys.modules["tensorflow.keras.mixed_precision"] = mixed_precision
sys.modules["tensorflow.keras.mixed_precision.experimental"] = _old
tf.optimizers.Adam = tf.keras.optimizers.legacy.Adam


def variables_of(modules):
    """Variables of a published code's modules, by where they stand: ``rssm/img_in/kernel``."""
    found = {}
    for label, module in modules.items():
        _add(module, label, found)
    return found


def _add(module, label, found):
    if isinstance(module, layers.Layer):
        for name in _VARIABLES:
            if getattr(module, name, None) is not None:
                found[f"{label}/{name}"] = getattr(module, name)
        return
    for name in ("_cell", "_layer", "_norm"):
        part = getattr(module, name, None)
        if isinstance(part, layers.Layer):
            _add_cell(part, f"{label}/cell", found)
    for name, part in getattr(module, "_modules", {}).items():
        _add(part, f"{label}/{name}", found)


_VARIABLES = ("kernel", "bias", "gamma", "beta", "recurrent_kernel")


def _add_cell(cell, label, found):
    """A cell keeps its layers, or the variables themselves."""
    for part in (cell, getattr(cell, "_layer", None), getattr(cell, "_norm", None)):
        if part is not None:
            _add(part, label, found)


def fill(variables):
    """Give each variable the numbers of its name and shape."""
    for name, variable in variables.items():
        transposed = name.split("/")[0] in _DECODERS and len(variable.shape) == 4
        variable.assign(weight(name, tuple(variable.shape), transposed=transposed))


_DECODERS = ("image", "disen_image", "disen_only", "decode")


def fingerprints(variables):
    """Two numbers of each variable."""
    return {name: fingerprint(variable.numpy()) for name, variable in variables.items()}
