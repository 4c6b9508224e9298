"""The engine ``ray``: jobs of this package on the nodes of a Ray cluster.

Nothing else here imports Ray, and this does so only when a pool is opened.
"""

from vd4rl_data.processes.cluster.connection import Needs as Needs
from vd4rl_data.processes.cluster.engine import RayEngine as RayEngine
from vd4rl_data.processes.cluster.options import HERE as HERE
from vd4rl_data.processes.cluster.options import EngineOf as EngineOf
from vd4rl_data.processes.cluster.options import EngineOptions as EngineOptions
from vd4rl_data.processes.cluster.pool import RayPool as RayPool
