"""Our networks' weights as TensorFlow would have them, to be filled and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tests.baselines.waves import fingerprint, weight


@dataclass(frozen=True)
class Place:
    """A variable: where its numbers are among ours.

    Attributes:
        read: its numbers as TensorFlow has them.
        write: the opposite.
        transposed: whether it is the kernel of a transposed convolution.
        missing: TensorFlow's last rows, which we have no place for.
    """

    read: Callable[[], Tensor]
    write: Callable[[Tensor], Any]
    transposed: bool = False
    missing: int = 0

    @property
    def shape(self) -> list[int]:
        """TensorFlow's."""
        rows, *rest = self.read().shape
        return [rows + self.missing, *rest]

    def fill(self, name: str) -> None:
        """Take the weights of a name."""
        values = torch.from_numpy(weight(name, tuple(self.shape), transposed=self.transposed))
        self.write(values[: len(values) - self.missing])


Places = dict[str, Place]


def whole(view: Tensor, *, transposed: bool = False, missing: int = 0) -> Place:
    """All of a parameter, in TensorFlow's order of dimensions."""
    return Place(lambda: view, view.copy_, transposed, missing)


def picked(view: Tensor, rows: Tensor) -> Place:
    """A parameter whose ``rows[i]`` is TensorFlow's row i."""

    def write(values: Tensor) -> None:
        view[rows] = values

    return Place(lambda: view[rows], write)


def dense(layer: nn.Linear, rows: Tensor | None = None, missing: int = 0) -> Places:
    """Kernel and bias of a layer."""
    view = layer.weight.data.T
    kernel = whole(view, missing=missing) if rows is None else picked(view, rows)
    return {"kernel": kernel, "bias": whole(layer.bias.data)}


def convolutions(network: nn.Module, names: Iterable[str]) -> Places:
    """Of an encoder, or of a decoder behind its first layer."""
    kinds = nn.Conv2d, nn.ConvTranspose2d
    layers = [each for each in network.modules() if isinstance(each, kinds)]
    places: Places = {}
    for layer, name in zip(layers, names, strict=False):
        transposed = isinstance(layer, nn.ConvTranspose2d)
        kernel = whole(layer.weight.data.permute(2, 3, 1, 0), transposed=transposed)
        assert layer.bias is not None
        places |= under(name, {"kernel": kernel, "bias": whole(layer.bias.data)})
    return places


def perceptron(network: Iterable[nn.Module], names: Iterable[str]) -> Places:
    """Linear layers by their names."""
    layers = [each for each in network if isinstance(each, nn.Linear)]
    places: Places = {}
    for layer, name in zip(layers, names, strict=True):
        places |= under(name, dense(layer))
    return places


def layer_norm_cell(cell: Any) -> Places:
    """The cell of DreamerV2."""
    norm = {"gamma": whole(cell.norm.weight.data), "beta": whole(cell.norm.bias.data)}
    return under("cell", dense(cell.linear) | norm)


def gated_cell(cell: nn.GRUCell) -> Places:
    """A GRU's: there, the update gate comes first, and the two biases are one variable."""
    gates = torch.arange(3 * cell.hidden_size).view(3, -1)[[1, 0, 2]].flatten()
    biases = cell.bias_ih.data, cell.bias_hh.data

    def kernel(ours: Tensor) -> Place:
        place = picked(ours, gates)
        return Place(lambda: place.read().T, lambda values: place.write(values.T))

    def write(values: Tensor) -> None:
        for bias, row in zip(biases, values, strict=True):
            bias[gates] = row

    return {
        "cell/kernel": kernel(cell.weight_ih.data),
        "cell/recurrent_kernel": kernel(cell.weight_hh.data),
        "cell/bias": Place(lambda: torch.stack(biases)[:, gates], write),
    }


def ensemble(prior: Any, first: str, second: str) -> Places:
    """The layers of all members."""
    places: Places = {}
    for member in range(len(prior.weight1)):
        for number, name in ((1, first), (2, second)):
            for part, key in (("weight", "kernel"), ("bias", "bias")):
                view = getattr(prior, f"{part}{number}").data[member]
                places[f"{name}_{member}/{key}"] = whole(view)
    return places


def embedding_rows(before: int, embedding: int) -> Tensor:
    """Rows of a layer that sees ``before`` numbers and then an encoder's flattened 2 x 2 places.

    TensorFlow flattens places before channels, we channels before places.
    """
    places = torch.arange(embedding).view(-1, 2, 2).permute(1, 2, 0).flatten()
    return torch.cat((torch.arange(before), before + places))


def under(label: str, places: Mapping[str, Place]) -> Places:
    """With a name in front."""
    return {f"{label}/{name}": place for name, place in places.items()}


def fill(places: Mapping[str, Place]) -> None:
    """Give each the weights of its name."""
    with torch.no_grad():
        for name, place in places.items():
            place.fill(name)


def compare(places: Mapping[str, Place], golden: Mapping[str, list[float]], **close: float) -> None:
    """Check the fingerprints of all that we have as TensorFlow has it."""
    ours = {
        name: fingerprint(place.read().numpy())
        for name, place in places.items()
        if not place.missing
    }
    for name, found in ours.items():
        pair = torch.tensor(found), torch.tensor(golden[name])
        torch.testing.assert_close(*pair, **close, msg=lambda text, name=name: f"{name}: {text}")
