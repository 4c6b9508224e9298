"""Environments: what an agent is evaluated in, and what the datasets were collected in."""

from __future__ import annotations

from vd4rl_data.envs.dmc import DMCEnv as DMCEnv
from vd4rl_data.envs.dmc import make_env as make_env
from vd4rl_data.envs.drift import check_fingerprint as check_fingerprint
from vd4rl_data.envs.drift import make_fingerprint as make_fingerprint
from vd4rl_data.envs.offline import OfflineDataset as OfflineDataset
from vd4rl_data.envs.registration import find_env_spec as find_env_spec
from vd4rl_data.envs.registration import find_task as find_task
from vd4rl_data.envs.registration import register_environment as register_environment
from vd4rl_data.envs.registration import register_environments as register_environments
from vd4rl_data.envs.render import configure_worker_rendering as configure_worker_rendering
from vd4rl_data.envs.render import render_frame as render_frame
from vd4rl_data.envs.render import render_state as render_state
from vd4rl_data.envs.render import renderer_name as renderer_name
from vd4rl_data.envs.simulation import DMCSimulation as DMCSimulation
from vd4rl_data.envs.simulation import StepResult as StepResult
