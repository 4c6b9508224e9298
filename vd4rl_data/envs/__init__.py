"""Environments: what an agent is evaluated in, and what the datasets were collected in."""

from __future__ import annotations

from vd4rl_data.envs.drift import check_fingerprint as check_fingerprint
from vd4rl_data.envs.drift import make_fingerprint as make_fingerprint
from vd4rl_data.envs.offline import OfflineDataset as OfflineDataset
from vd4rl_data.envs.pixel import PixelEnv as PixelEnv
from vd4rl_data.envs.pixel import make_env as make_env
from vd4rl_data.envs.registration import find_env_spec as find_env_spec
from vd4rl_data.envs.registration import find_env_specs as find_env_specs
from vd4rl_data.envs.registration import find_environments as find_environments
from vd4rl_data.envs.registration import register_environment as register_environment
from vd4rl_data.envs.registration import register_environments as register_environments
