"""The look of the toy suite: waves that depend on the moment alone, behind disc and cross."""

from __future__ import annotations

import numpy as np

from examples.disc import BACKGROUND, SIZE, TASK, WAVES, WAVING, DiscSimulator, Waves
from vd4rl_data.simulators import View
from vd4rl_data.simulators.looks import Moment


def test_waves_move_behind_the_disc() -> None:
    simulation, look = DiscSimulator(TASK), Waves(WAVES, None)
    simulation.reset(0)
    frame = simulation.draw(View(SIZE, TASK.camera))
    before = frame.copy()
    moments = [Moment(3, 5), Moment(3, 6), Moment(4, 5)]
    seen = [look.after(frame, moment) for moment in moments]
    assert np.array_equal(frame, before)
    again = [Waves(WAVES, None).after(frame, moment) for moment in reversed(moments)]
    assert all(np.array_equal(*pair) for pair in zip(seen, reversed(again), strict=True))
    assert len({each.tobytes() for each in seen}) == 3
    behind = (frame == BACKGROUND).all(-1)
    for each in seen:
        assert np.array_equal(each[~behind], frame[~behind])
        assert each[behind].std() > 20
    assert WAVING.name == "Disc/disc_push-random-waves-64px-v0"
    assert [each.look for each in WAVING.evaluations["original"]] == [WAVES]
