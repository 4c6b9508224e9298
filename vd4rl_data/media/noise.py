"""Random fields that tile the plane, of which generated scenes are made.

Only random integers, sums and products are used, so that all processors give the same bytes.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32


def fractal(
    rng: np.random.Generator, height: int, width: int, coarsest: int, finest: int = 1
) -> Float32[np.ndarray, "height width"]:
    """A field whose octaves have equal weight, as in natural images: amplitude 1/f.

    Its size is in texels, multiples of ``coarsest``; the field repeats beyond. ``coarsest`` and
    ``finest`` are the wavelengths of the first and the last octave, powers of two. Values lie about
    0, from -1 to 1.
    """
    field = np.zeros((height, width), np.float32)
    wavelength, octaves = coarsest, 0
    while wavelength >= finest:
        lattice = rng.random((height // wavelength, width // wavelength), dtype=np.float32)
        field += _stretched(_stretched(lattice, wavelength).T, wavelength).T
        wavelength, octaves = wavelength // 2, octaves + 1
    return field * np.float32(2 / octaves) - 1


def _stretched(lattice: Float32[np.ndarray, "a b"], factor: int) -> Float32[np.ndarray, "c b"]:
    """Rows between the rows of a periodic lattice, smoothly."""
    if factor == 1:
        return lattice
    share = (np.arange(factor, dtype=np.float32) / np.float32(factor))[None, :, None]
    share = share * share * (3 - 2 * share)
    above, below = lattice[:, None], np.roll(lattice, -1, axis=0)[:, None]
    return (above + (below - above) * share).reshape(-1, lattice.shape[1])
