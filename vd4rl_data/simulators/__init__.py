"""Simulators: play and render one task, with the same interface for every simulator."""

from __future__ import annotations

from vd4rl_data.simulators.looks import LOOKS as LOOKS
from vd4rl_data.simulators.looks import Moment as Moment
from vd4rl_data.simulators.protocol import EnvironmentStep as EnvironmentStep
from vd4rl_data.simulators.protocol import Resumable as Resumable
from vd4rl_data.simulators.protocol import Simulator as Simulator
from vd4rl_data.simulators.protocol import View as View
from vd4rl_data.simulators.simulation import Simulation as Simulation
from vd4rl_data.simulators.simulation import StepResult as StepResult
from vd4rl_data.simulators.table import SIMULATORS as SIMULATORS
