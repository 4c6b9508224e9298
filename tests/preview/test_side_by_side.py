"""Looks and bodies side by side: one row each, the same time steps."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.baselines import blob
from tests.evaluation.test_environments import Negative
from tests.preview.conftest import painted
from vd4rl_data.preview import Shown, side_by_side
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import Look

NEGATIVE = Look(f"{Negative.__module__}:Negative")


def test_each_row_shows_the_states_of_its_columns() -> None:
    states = np.linspace(-1, 1, 14).reshape(7, 2)
    episode = dataclasses.replace(painted(6), infos={"physics_state": states})
    rows = [Shown("none", blob.TASK), Shown("negative", blob.TASK, NEGATIVE)]
    picture = np.asarray(side_by_side(episode, rows, size=112, columns=3))
    simulation = Simulation(blob.TASK)
    top = None
    for column, step in enumerate((0, 3, 6)):
        frame = simulation.render_state(states[step], 112)
        windows = np.lib.stride_tricks.sliding_window_view(picture, (112, 112, 3))[:, :, 0]
        (places,) = [np.argwhere((windows[:, :, 56, 56] == frame[56, 56]).all(axis=-1))]
        found = [tuple(at) for at in places if (windows[tuple(at)] == frame).all()]
        assert found
        top = found[0][0] if top is None else top
        assert found[0][0] == top, column


@pytest.mark.parametrize("columns", [1, 2])
def test_what_cannot_be_drawn_is_refused(columns: int) -> None:
    with pytest.raises(ValueError, match="physics_state in infos"):
        side_by_side(painted(6), [Shown("none", blob.TASK)], size=16, columns=columns)
