"""Datasets → what other toolboxes read, whole or absent. One module for each toolbox.

A :class:`Target` is a record in a module of its own; :data:`TARGETS` lists them.
"""

from __future__ import annotations

from vd4rl_data.exporting.about import ABOUT_FILE as ABOUT_FILE
from vd4rl_data.exporting.about import About as About
from vd4rl_data.exporting.run import Exported as Exported
from vd4rl_data.exporting.run import export as export
from vd4rl_data.exporting.table import TARGETS as TARGETS
from vd4rl_data.exporting.table import find_target as find_target
from vd4rl_data.exporting.target import Target as Target
