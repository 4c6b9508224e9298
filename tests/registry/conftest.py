"""The registry is filled before test parameters are drawn from it."""

from __future__ import annotations

from vd4rl_data.suites import register_all

register_all()
